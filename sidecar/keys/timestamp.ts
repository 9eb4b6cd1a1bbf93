// Creation times of keys: RFC 3339 text with up to nanoseconds, which `Date` would cut to milliseconds, and the
// seconds and nanoseconds that stored keys carry. Text is the form keys keep, so an old offset survives (reference V17).

export interface Timestamp {
  /** Since 1970-01-01T00:00:00Z; negative before. */
  readonly seconds: bigint;
  /** 0 to 999,999,999. */
  readonly nanos: number;
}

/** What a key without a creation time shows (reference 2.4). */
export const zeroTime = "0001-01-01T00:00:00Z";

const rfc3339 =
  /^(\d{4}-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:[.,](\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** The text in canonical form: fraction cut to nanoseconds without trailing zeros, `Z` for no offset. */
export function normalizeTimestamp(text: string): string | undefined {
  const parts = parse(text);
  return parts && `${parts.local}${fraction(parts.nanos)}${parts.zone}`;
}

/** @param text RFC 3339 with any offset */
export function parseTimestamp(text: string): Timestamp | undefined {
  const parts = parse(text);
  if (!parts) return undefined;
  return { seconds: BigInt(Date.parse(`${parts.local}${parts.zone}`) / 1000), nanos: parts.nanos };
}

const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

/** UTC; undefined outside the years 1 to 9999 or with nanoseconds out of range. */
export function formatTimestamp({ seconds, nanos }: Timestamp): string | undefined {
  if (seconds < firstSecond || seconds > lastSecond || nanos < 0 || nanos > 999_999_999) return undefined;
  const local = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${local}${fraction(nanos)}Z`;
}

interface Parts {
  readonly local: string;
  readonly nanos: number;
  readonly zone: string;
}

function parse(text: string): Parts | undefined {
  const [, local, month, day, , digits, zone] = rfc3339.exec(text) ?? [];
  if (local === undefined || zone === undefined || !isDay(local, Number(month), Number(day))) return undefined;
  const nanos = Number((digits ?? "").slice(0, 9).padEnd(9, "0"));
  return { local, nanos, zone: /^[+-]00:00$/.test(zone) ? "Z" : zone };
}

/** `Date` rolls 30 February over into March. */
function isDay(local: string, month: number, day: number): boolean {
  const date = new Date(`${local}Z`);
  return date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
}

function fraction(nanos: number): string {
  return nanos === 0 ? "" : `.${String(nanos).padStart(9, "0").replace(/0+$/, "")}`;
}

/** @param wall milliseconds since 1970, of a clock that shows a year from 1 to 9999 */
export function formatWallTime(wall: number): string {
  const date = new Date(wall).toISOString();
  return normalizeTimestamp(date) ?? date;
}
