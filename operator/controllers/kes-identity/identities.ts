// Which hashes a client may have at this moment: the state machine behind status.identities.
//
//   (sighted as next) → Pending → (in use) → Active → (another is in use) → Retiring → (overlap over) → gone
//
// What is Pending or Retiring is allowed as well as what is Active, so that a change of the key never finds a client
// with a key that its servers do not know yet, or no longer. A hash that somebody wrote into the spec is no such change:
// when the spec says otherwise it goes at once. Pure: previous state and a sighting in, next state out.
import { timestamp } from "../../api/conditions.ts";
import type { IdentityHash, KesIdentityStatus } from "../../api/generated.ts";

export type Source = NonNullable<KesIdentityStatus["source"]>;

/** At most so many at once (decisions O6); the bundle and the schema count on it. */
export const maxIdentities = 16;

/** How long a replaced key stays allowed where the spec has no word on it, in milliseconds. */
export const defaultOverlap = 24 * 3_600_000;

export interface KeySighting {
  readonly hash: string;
  /** Of the cert-manager Certificate. */
  readonly revision?: number;
  /** Milliseconds since 1970: the end of its certificate. */
  readonly notAfter?: number;
}

/** What the source of the key says now. */
export interface Sighting {
  readonly source: Source;
  /** The key to use; undefined when the source does not say: what was in use stays so. */
  readonly active: KeySighting | undefined;
  /** Keys that may come into use at any moment. */
  readonly pending: readonly KeySighting[];
  /** Hashes of keys that were to come into use and never will. */
  readonly refused: ReadonlySet<string>;
  /** Milliseconds for which a replaced key stays allowed. */
  readonly overlap: number;
}

export interface State {
  /** Absent: the object was never looked at. */
  readonly source: Source | undefined;
  readonly identities: readonly IdentityHash[];
}

export interface NextState {
  /** Active first, then Pending, then Retiring, the one that ends last in front. */
  readonly identities: readonly IdentityHash[];
  /** Retiring hashes given up before their time because there were too many. */
  readonly dropped: readonly string[];
  /** Milliseconds since 1970: when the next Retiring hash ends. */
  readonly nextChange: number | undefined;
}

/** @param now milliseconds since 1970 */
export function nextIdentities(previous: State, sighting: Sighting, now: number): NextState {
  const sighted = sightedEntries(previous, sighting);
  const known = new Set(sighted.map(({ hash }) => hash));
  const retiring = previous.identities
    .filter(({ hash, state }) => !known.has(hash) && !(state === "Pending" && sighting.refused.has(hash)))
    .flatMap((entry) => retired(entry, { previous, sighting, now }))
    .toSorted((a, b) => endOf(b) - endOf(a) || (a.hash < b.hash ? -1 : 1));
  const room = Math.max(0, maxIdentities - sighted.length);
  const kept = retiring.slice(0, room);
  return {
    identities: [...sighted, ...kept],
    dropped: retiring.slice(room).map(({ hash }) => hash),
    nextChange: kept.length === 0 ? undefined : Math.min(...kept.map(endOf)),
  };
}

function sightedEntries(previous: State, { source, active, pending }: Sighting): readonly IdentityHash[] {
  // Unless the source says what is in use, what was stays: a Secret that cannot be read has not changed the client's key.
  const stays = previous.source === source && !isWritten(source) ? previous.identities.filter(isActive) : [];
  const actives = active === undefined ? stays : [entryOf(active, "Active")];
  const taken = new Set(actives.map(({ hash }) => hash));
  const next = new Map(pending.map((key) => [key.hash, entryOf(key, "Pending")]));
  return [...actives, ...next.values().filter(({ hash }) => !taken.has(hash))].slice(0, maxIdentities);
}

interface Retirement {
  readonly previous: State;
  readonly sighting: Sighting;
  readonly now: number;
}

/** Nothing when its time is over. */
function retired(entry: IdentityHash, { previous, sighting, now }: Retirement): readonly IdentityHash[] {
  if (entry.state !== "Retiring" && previous.source !== undefined && isWritten(previous.source)) return [];
  // Also for one that retires already: whoever makes the overlap shorter wants the old key gone.
  const latest = sighting.overlap === 0 ? now : wholeSecond(now + sighting.overlap);
  const end = entry.state === "Retiring" ? Math.min(endOf(entry), latest) : latest;
  if (end <= now) return [];
  const { hash, revision, notAfter } = entry;
  return [
    {
      hash,
      state: "Retiring",
      ...(revision !== undefined && { revision }),
      ...(notAfter !== undefined && { notAfter }),
      expiresAt: timestamp(end),
    },
  ];
}

/** The API keeps times in whole seconds, and an overlap must not be shorter than it says. */
function wholeSecond(ms: number): number {
  return Math.ceil(ms / 1000) * 1000;
}

/** The hash stands in the spec, by somebody's hand. */
function isWritten(source: Source): boolean {
  return source === "Hash" || source === "CertificatePEM";
}

function isActive({ state }: IdentityHash): boolean {
  return state === "Active";
}

function entryOf({ hash, revision, notAfter }: KeySighting, state: "Active" | "Pending"): IdentityHash {
  return {
    hash,
    state,
    ...(revision !== undefined && { revision }),
    ...(notAfter !== undefined && { notAfter: timestamp(notAfter) }),
  };
}

/** Milliseconds since 1970. One without an end, which only another writer can have made, ends now. */
function endOf({ expiresAt }: IdentityHash): number {
  const end = Date.parse(expiresAt ?? "");
  return Number.isNaN(end) ? 0 : end;
}
