// What pods have found under a key's name, sorted by what it means. Pure.
export interface Sightings {
  /** By pod: the fingerprint found. */
  readonly found: ReadonlyMap<string, string>;
  /** Pods that find no key although there was one. */
  readonly missing: readonly string[];
  /** By pod: code of the error that kept it from looking. */
  readonly failed: ReadonlyMap<string, string>;
  /** Pods that have not looked yet. */
  readonly waiting: readonly string[];
}

/** @param seen by pod, as the verdict board has it */
export function sightingsOf(seen: ReadonlyMap<string, string | undefined>): Sightings {
  const all = [...seen].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const pods = (isMeant: (text: string | undefined) => boolean): readonly string[] =>
    all.filter(([, text]) => isMeant(text)).map(([pod]) => pod);
  const texts = (isMeant: (text: string) => boolean): ReadonlyMap<string, string> =>
    new Map(all.flatMap(([pod, text]) => (text !== undefined && isMeant(text) ? [[pod, text] as const] : [])));
  return {
    found: texts(isFingerprint),
    missing: pods((text) => text === "missing"),
    failed: texts((text) => !isFingerprint(text) && text !== "missing"),
    waiting: pods((text) => text === undefined),
  };
}

/** The one fingerprint that all pods have found; undefined: not all have looked, or they do not agree. */
export function agreedFingerprint({ found, missing, failed, waiting }: Sightings): string | undefined {
  if (missing.length > 0 || failed.size > 0 || waiting.length > 0) return undefined;
  const [first, ...others] = new Set(found.values());
  return others.length === 0 ? first : undefined;
}

function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}
