// Fetches keys into the cache and decides what a key store that is away means for keys in memory (reference 6,
// decisions K5). The rules:
//   fresh in the cache                  → that, without waiting (except `strict` while the store is away)
//   stale or absent                     → one read per name, whose result or error all share who wait for it now
//   stale, store away, `offline` > 0    → the old key serves on, until `offline` has passed since the store went away
//   the store says "not found"          → the entry goes, whatever else holds
//   deleted while a read is under way   → its result is answered to who asked before, and not kept
import type { CacheConfig } from "../contract/config.ts";
import { isKesError, KesError } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { KeyEventListener } from "./key-event.ts";
import { KeyCache } from "./key-cache.ts";
import type { HeldKey } from "./key-cache.ts";
import type { StoreCalls } from "./store-calls.ts";
import type { StoreMonitor } from "./store-monitor.ts";

export interface LoaderOptions {
  readonly calls: StoreCalls;
  readonly clock: Clock;
  readonly monitor: StoreMonitor;
  readonly onEvent: KeyEventListener;
  /** The key in a stored value. @throws KesError KeyCorrupt, and what a KMS that is asked about it throws */
  readonly decode: (stored: Buffer, signal: AbortSignal) => HeldKey | Promise<HeldKey>;
}

interface Read {
  readonly key: Promise<HeldKey>;
  /** False once a delete overtook it: its result must not enter the cache. */
  current: boolean;
}

export interface LoaderCounts {
  hits: number;
  misses: number;
  loads: number;
  loadErrors: number;
}

export class KeyLoader implements Disposable {
  readonly cache = new KeyCache();
  readonly counts: LoaderCounts = { hits: 0, misses: 0, loads: 0, loadErrors: 0 };
  readonly #options: LoaderOptions;
  readonly #reads = new Map<string, Read>();
  readonly #closing = new AbortController();
  #any = 0;
  #offline = 0;
  #strict = false;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  configure(cache: CacheConfig, strict: boolean): void {
    this.#any = cache.any;
    this.#offline = cache.offline;
    this.#strict = strict;
  }

  /** True while keys outlive their expiry because the store is away. */
  get lingering(): boolean {
    return this.#offline > 0 && this.#options.monitor.offline;
  }

  /**
   * The key of that name; not a promise when it is in the cache.
   * @param signal asked for only if the store has to be; ends this caller's wait, not the read others share
   * @throws KesError KeyNotFound | KeyCorrupt | StoreUnreachable | StoreFailed
   */
  get(name: string, signal: () => AbortSignal): HeldKey | Promise<HeldKey> {
    const { monitor, clock } = this.#options;
    if (monitor.offline && this.#strict) throw monitor.offlineError();
    const cached = this.lingering ? this.cache.peek(name, true) : this.cache.fresh(name, clock.monotonic(), this.#any);
    if (cached !== undefined) {
      this.counts.hits += 1;
      return cached;
    }
    this.counts.misses += 1;
    return abortable(this.#read(name), signal());
  }

  /** A delete succeeded, or found nothing: forget the key and what is being read of it. */
  forget(name: string): void {
    this.cache.drop(name);
    const read = this.#reads.get(name);
    if (read) read.current = false;
    this.#reads.delete(name);
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const key of this.cache.clear()) key[Symbol.dispose]();
    for (const read of this.#reads.values()) read.current = false;
    this.#reads.clear();
  }

  #read(name: string): Promise<HeldKey> {
    const running = this.#reads.get(name);
    if (running) return running.key;
    const read: Read = { key: this.#fetch(name, () => read.current), current: true };
    this.#reads.set(name, read);
    const settled = (): void => {
      if (this.#reads.get(name) === read) this.#reads.delete(name);
    };
    read.key.then(settled, settled);
    return read.key;
  }

  async #fetch(name: string, current: () => boolean): Promise<HeldKey> {
    this.counts.loads += 1;
    try {
      const key = await this.#load(name);
      if (current()) this.#keep(name, key);
      return key;
    } catch (error) {
      this.counts.loadErrors += 1;
      return this.#outlived(name, error);
    }
  }

  async #load(name: string): Promise<HeldKey> {
    const { calls, monitor } = this.#options;
    const stored = await calls.get(name, this.#closing.signal);
    monitor.succeeded();
    try {
      return await this.#options.decode(stored, this.#closing.signal);
    } catch (cause) {
      if (!isKesError(cause, "KeyCorrupt")) throw cause;
      throw new KesError("KeyCorrupt", `key '${name}': ${cause.message}`, { cause });
    }
  }

  #keep(name: string, key: HeldKey): void {
    const { clock, onEvent } = this.#options;
    const before = this.cache.peek(name, false)?.fingerprint;
    if (before !== undefined && before !== key.fingerprint) {
      onEvent({ kind: "key-changed", name, before, after: key.fingerprint });
    }
    this.cache.put(name, key, clock.monotonic());
  }

  /** What a failed read leaves: the old key if the store is away and that is allowed, else the error. */
  async #outlived(name: string, error: unknown): Promise<HeldKey> {
    const { monitor } = this.#options;
    if (isKesError(error, "KeyNotFound", "KeyCorrupt")) {
      monitor.succeeded();
      this.cache.drop(name);
      throw error;
    }
    const old = this.#offline > 0 && !this.#strict ? this.cache.peek(name, true) : undefined;
    const away = monitor.failed(error);
    if (old === undefined || !(await away)) throw error;
    return old;
  }
}

/** `promise`, or a rejection as soon as `signal` aborts. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => {
    reject(new KesError("StoreUnreachable", "the request ended before the key was read: try again"));
  };
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
