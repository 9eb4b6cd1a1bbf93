// Durations as Go writes them: `300ms`, `10s`, `5m0s`, `1h30m`. A bare number (except 0) and days are not durations
// (reference 5.1). Inside the program a duration is a number of milliseconds; below a millisecond it is a fraction.

const milliseconds: ReadonlyMap<string, number> = new Map([
  ["ns", 1e-6],
  ["us", 1e-3],
  ["µs", 1e-3], // U+00B5
  ["μs", 1e-3], // U+03BC
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
]);
const whole = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
/** Go's limit, 2^63 - 1 nanoseconds (about 292 years). */
const limit = 9_223_372_036_854.775;

/** The duration in milliseconds, or undefined if the text is not a Go duration. May be negative. */
export function parseDuration(text: string): number | undefined {
  if (/^[+-]?0$/.test(text)) return 0;
  if (!whole.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(part)) total += Number(amount) * (milliseconds.get(unit ?? "") ?? 0);
  if (total > limit) return undefined;
  return text.startsWith("-") ? 0 - total : total;
}

/** Go's form of a duration in milliseconds: `5m0s`, `1.5s`, `300ms`, `20µs`, `0s`. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const nanoseconds = Math.round(Math.abs(ms) * 1e6);
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1000) return `${sign}${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${sign}${nanoseconds / 1000}µs`;
  if (nanoseconds < 1e9) return `${sign}${nanoseconds / 1e6}ms`;
  const seconds = Math.floor(nanoseconds / 1e9);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${fraction(seconds % 60, nanoseconds % 1e9)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : sign + rest;
}

function fraction(seconds: number, nanoseconds: number): string {
  if (nanoseconds === 0) return String(seconds);
  return `${seconds}.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}`;
}
