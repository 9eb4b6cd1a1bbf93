// The keys in memory, by name, and how old they are (reference 6, decisions K5). Pure bookkeeping: time is passed in,
// nothing is fetched here.
//   any      an entry older than this is stale: it is fetched again before it is used
//   unused   every unused/2 the entries nobody used since the last sweep go, so an idle one lives unused/2 to unused
//   suspect  a delete of unknown outcome: stale at once
// Whether a stale entry may serve once more, because the store is away, is the key service's decision.
import type { Key } from "./key.ts";
import type { RemoteKey } from "./remote-key.ts";

/** A key of this process, or the record of one that is inside the KMS. */
export type HeldKey = Key | RemoteKey;

interface Entry {
  readonly key: HeldKey;
  readonly loadedAt: number;
  used: boolean;
  suspect: boolean;
}

export class KeyCache {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** The key if it is not stale; counts as use. `any` = 0: age does not matter. */
  fresh(name: string, now: number, any: number): HeldKey | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined || isStale(entry, now, any)) return undefined;
    entry.used = true;
    return entry.key;
  }

  /** The key however old. `use`: counts as use. */
  peek(name: string, use: boolean): HeldKey | undefined {
    const entry = this.#entries.get(name);
    if (entry && use) entry.used = true;
    return entry?.key;
  }

  put(name: string, key: HeldKey, now: number): void {
    this.#entries.set(name, { key, loadedAt: now, used: true, suspect: false });
  }

  drop(name: string): void {
    this.#entries.delete(name);
  }

  suspect(name: string): void {
    const entry = this.#entries.get(name);
    if (entry) entry.suspect = true;
  }

  /** Drops what nobody used since the last call. */
  sweepUnused(): void {
    for (const [name, entry] of this.#entries) {
      if (entry.used) entry.used = false;
      else this.#entries.delete(name);
    }
  }

  /** Drops what is stale. */
  sweepStale(now: number, any: number): void {
    for (const [name, entry] of this.#entries) {
      if (isStale(entry, now, any)) this.#entries.delete(name);
    }
  }

  /** @returns the keys that were in it, for wiping */
  clear(): readonly HeldKey[] {
    const keys = Array.from(this.#entries.values(), (entry) => entry.key);
    this.#entries.clear();
    return keys;
  }

  /** Age of the oldest entry in milliseconds; 0 when empty. */
  oldestAge(now: number): number {
    let oldest = now;
    for (const entry of this.#entries.values()) oldest = Math.min(oldest, entry.loadedAt);
    return now - oldest;
  }
}

function isStale(entry: Entry, now: number, any: number): boolean {
  return entry.suspect || (any > 0 && now - entry.loadedAt >= any);
}
