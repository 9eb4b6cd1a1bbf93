// Timestamps as the Go server writes them: RFC 3339 with as much of the fraction as is not zero (reference 2.1).

/** UTC, ending in `Z`. @param epochMs milliseconds since 1970 */
export function rfc3339Nano(epochMs: number): string {
  return `${trimFraction(new Date(epochMs).toISOString().slice(0, -1))}Z`;
}

/** Local time with its offset (`+02:00`; `Z` when there is none), as server-start times are written. */
export function rfc3339Local(epochMs: number): string {
  const offset = -new Date(epochMs).getTimezoneOffset();
  if (offset === 0) return rfc3339Nano(epochMs);
  const local = new Date(epochMs + offset * 60_000).toISOString().slice(0, -1);
  const size = Math.abs(offset);
  const hours = String(Math.trunc(size / 60)).padStart(2, "0");
  return `${trimFraction(local)}${offset < 0 ? "-" : "+"}${hours}:${String(size % 60).padStart(2, "0")}`;
}

/** `…:05.120` → `…:05.12`, `…:05.000` → `…:05`. */
function trimFraction(time: string): string {
  return time.replace(/\.?0*$/, "");
}
