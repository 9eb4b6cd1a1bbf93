// Everything the server does with keys, over one key store: create, import, describe, list, delete, and use.
//
//   handler → KeyService ─ use ────→ KeyLoader → KeyCache         fresh: synchronous, no promise, no store
//                  │                     └─────→ StoreCalls → Keystore
//                  │   KeyUse ─ RemoteKeys ──→ StoreCalls → Keyring, where the keys are inside the KMS
//                  ├─ create, import ──→ KeyMaker → storeNewKey    write, read back, compare
//                  └─ StoreMonitor  asks status; knows whether the store is away
//
// A created key does not enter the cache: its first use reads what the store holds, as every other server will. A key
// that is cached under its name leaves it: another server has deleted that one, and nobody else could open what it seals.
import type { CacheConfig, StoreConfig } from "../contract/config.ts";
import { isKesError, KesError } from "../errors.ts";
import type { Keystore, StoreStatus } from "../keystore/keystore.ts";
import type { Secret } from "../secret.ts";
import { CacheSweeper } from "./cache-sweeper.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import type { DataKey } from "./data-key.ts";
import { isProtected } from "./delete-protection.ts";
import { decodeStoredKey } from "./encoding.ts";
import type { HeldKey } from "./key-cache.ts";
import { assertFingerprint, describeKey } from "./key-description.ts";
import type { KeyDescription } from "./key-description.ts";
import type { KeyEvent } from "./key-event.ts";
import { KeyLoader } from "./key-loader.ts";
import { KeyMaker } from "./key-maker.ts";
import type { KeyOrigin } from "./key-maker.ts";
import { pageOf } from "./key-page.ts";
import type { KeyPage } from "./key-page.ts";
import { KeyUse } from "./key-use.ts";
import type { SignalSource } from "./key-use.ts";
import { RemoteKeys } from "./remote-keys.ts";
import { StoreCalls } from "./store-calls.ts";
import { StoreMonitor } from "./store-monitor.ts";

export type { KeyDescription } from "./key-description.ts";
export type { KeyEvent } from "./key-event.ts";
export type { KeyPage } from "./key-page.ts";

export interface KeyServiceOptions {
  /** Taken over: closed with the service. */
  readonly store: Keystore;
  readonly cache: CacheConfig;
  readonly policy: StoreConfig;
  readonly onEvent?: (event: KeyEvent) => void;
  readonly clock?: Clock;
  /** 0 to 1, for jitter. */
  readonly chance?: () => number;
}

export interface KeyStats {
  readonly size: number;
  readonly hits: number;
  readonly misses: number;
  readonly loads: number;
  readonly loadErrors: number;
  readonly oldestAgeSeconds: number;
  readonly offline: boolean;
  /** How long cached keys serve, or would serve, with the store away; 0 when `cache.offline` is off. */
  readonly offlineBudgetSeconds: number;
}

export class KeyService implements AsyncDisposable {
  readonly #store: Keystore;
  readonly #calls: StoreCalls;
  readonly #monitor: StoreMonitor;
  readonly #loader: KeyLoader;
  readonly #sweeper: CacheSweeper;
  readonly #clock: Clock;
  readonly #maker: KeyMaker;
  readonly #remote: RemoteKeys | undefined;
  readonly #use: KeyUse;
  #cache: CacheConfig;
  #policy: StoreConfig;

  constructor({
    store,
    cache,
    policy,
    onEvent = ignore,
    clock = systemClock,
    chance = Math.random,
  }: KeyServiceOptions) {
    this.#store = store;
    this.#cache = cache;
    this.#policy = policy;
    this.#clock = clock;
    this.#calls = new StoreCalls(store, clock, onEvent);
    const onChange = (): void => {
      this.#sweeper.storeChanged();
    };
    const calls = this.#calls;
    const monitor = new StoreMonitor({ calls, clock, onEvent, onChange, chance });
    const remote = store.keyring && new RemoteKeys({ keyring: store.keyring, calls, monitor });
    this.#monitor = monitor;
    this.#remote = remote;
    this.#use = new KeyUse(remote);
    this.#maker = new KeyMaker(calls, clock, remote);
    const decode = remote ? remote.load.bind(remote) : decodeStoredKey;
    this.#loader = new KeyLoader({ calls, clock, monitor, onEvent, decode });
    this.#sweeper = new CacheSweeper({ cache: this.#loader.cache, monitor: this.#monitor, clock, onEvent });
    this.reconfigure(cache, policy);
  }

  /** Applies new settings to the keys in memory and to requests from now on. */
  reconfigure(cache: CacheConfig, policy: StoreConfig): void {
    this.#cache = cache;
    this.#policy = policy;
    this.#loader.configure(cache, policy.strict);
    this.#sweeper.configure(cache);
    this.#monitor.watch(policy.strict);
  }

  /** True while the key store is taken for away. */
  get offline(): boolean {
    return this.#monitor.offline;
  }

  /** What the last question to a store that is away ended with; undefined while it is there. */
  get offlineReason(): string | undefined {
    return this.#monitor.offline ? this.#monitor.offlineError().message : undefined;
  }

  /** @throws KesError KeyExists | CreateNotConfirmed | CreateNotAtomic | StoreUnreachable | StoreFailed */
  async create(name: string, origin: KeyOrigin, signal: AbortSignal): Promise<void> {
    const { requireAtomicCreate: requireAtomic } = this.#policy;
    await this.#monitor.watched(this.#maker.make(name, origin, { signal, requireAtomic }));
    this.#loader.forget(name);
  }

  /**
   * Stores a key whose 32 secret bytes come from elsewhere.
   * @param secret taken over
   * @throws KesError KeySizeInvalid | KeyExists | CreateNotConfirmed | CreateNotAtomic | StoreUnreachable | StoreFailed
   */
  async import(name: string, secret: Secret, origin: KeyOrigin, signal: AbortSignal): Promise<void> {
    const { requireAtomicCreate: requireAtomic } = this.#policy;
    await this.#monitor.watched(this.#maker.make(name, origin, { signal, requireAtomic, secret }));
    this.#loader.forget(name);
  }

  /**
   * Sees to it that a predefined key exists.
   * @param expected with a fingerprint the key is never created (decisions K4)
   * @throws KesError KeyMissing | KeyChanged, and what create and get throw except KeyExists
   */
  async ensure(
    name: string,
    expected: KeyOrigin & { readonly fingerprint?: string | undefined },
    signal: AbortSignal,
  ): Promise<KeyDescription> {
    const found = await this.#find(name, signal);
    if (found) return assertFingerprint(found, expected.fingerprint);
    if (expected.fingerprint !== undefined) {
      const text = `key '${name}' with fingerprint ${expected.fingerprint} is not in the key store: restore it`;
      throw new KesError("KeyMissing", text);
    }
    await this.create(name, expected, signal).catch((error: unknown) => {
      if (!isKesError(error, "KeyExists")) throw error;
    });
    return this.describe(name, signal);
  }

  /** @throws KesError KeyProtected | KeyNotFound | StoreUnreachable | StoreFailed */
  async delete(name: string, signal: AbortSignal): Promise<void> {
    if (isProtected(this.#policy.deleteProtection, name)) {
      const text = `key '${name}' is under delete protection: change store.deleteProtection to delete it`;
      throw new KesError("KeyProtected", text);
    }
    try {
      await this.#monitor.watched(this.#calls.delete(name, signal));
      this.#loader.forget(name);
    } catch (error) {
      this.#deleteFailed(name, error);
      throw error;
    }
  }

  /**
   * Names that start with `prefix`, in byte order, about 1 MB of JSON at a time.
   * @throws KesError StoreUnreachable | StoreFailed
   */
  async list(prefix: string, { after }: { after?: string }, signal: AbortSignal): Promise<KeyPage> {
    return pageOf(await this.#monitor.watched(this.#calls.list(prefix, signal)), after);
  }

  /**
   * The key itself; not a promise when it is cached.
   * @param signal asked for only when the store has to be
   * @throws KesError KeyNotFound | KeyCorrupt | StoreUnreachable | StoreFailed
   */
  get(name: string, signal: SignalSource): HeldKey | Promise<HeldKey> {
    return this.#loader.get(name, signal);
  }

  /** As `get`, what may be shown of the key. */
  describe(name: string, signal: AbortSignal): KeyDescription | Promise<KeyDescription> {
    const key = this.get(name, () => signal);
    return key instanceof Promise ? key.then((found) => describeKey(name, found)) : describeKey(name, key);
  }

  /** A fresh 32-byte data key, plain and encrypted. Throws as `get`. */
  generate(name: string, context: Uint8Array, signal: SignalSource): DataKey | Promise<DataKey> {
    const key = this.get(name, signal);
    if (key instanceof Promise) return key.then((found) => this.#use.dataKey(found, context, signal));
    return this.#use.dataKey(key, context, signal);
  }

  /** @returns the ciphertext. Throws as `get`. */
  encrypt(name: string, plaintext: Uint8Array, context: Uint8Array, signal: SignalSource): Buffer | Promise<Buffer> {
    const key = this.get(name, signal);
    if (key instanceof Promise) return key.then((found) => this.#use.encrypt(found, plaintext, context, signal));
    return this.#use.encrypt(key, plaintext, context, signal);
  }

  /**
   * @returns the plaintext
   * @throws KesError DecryptFailed, and as `get`
   */
  decrypt(name: string, ciphertext: Buffer, context: Uint8Array, signal: SignalSource): Buffer | Promise<Buffer> {
    const key = this.get(name, signal);
    if (key instanceof Promise) return key.then((found) => this.#use.decrypt(found, ciphertext, context, signal));
    return this.#use.decrypt(key, ciphertext, context, signal);
  }

  /**
   * HMAC-SHA-256 of `message`, 32 bytes.
   * @throws KesError KeyNoHmac, and as `get`
   */
  hmac(name: string, message: Uint8Array, signal: SignalSource): Buffer | Promise<Buffer> {
    const key = this.get(name, signal);
    return key instanceof Promise ? key.then((found) => this.#use.hmac(found, message)) : this.#use.hmac(key, message);
  }

  /**
   * Asks the store, unless it is already known to be away.
   * @throws KesError StoreUnreachable | StoreFailed
   */
  async status(signal: AbortSignal): Promise<StoreStatus> {
    if (this.#monitor.offline) throw this.#monitor.offlineError();
    return this.#monitor.watched(this.#calls.status({ signal }));
  }

  /** The store is in use for good. @throws KesError StoreUnreachable | StoreFailed */
  async adopt(signal: AbortSignal): Promise<void> {
    await this.#store.adopt?.(signal);
  }

  stats(): KeyStats {
    const now = this.#clock.monotonic();
    const { cache, counts } = this.#loader;
    // Records in the cache serve nobody: what is done with a key inside the KMS is done there.
    const offline = this.#remote ? 0 : this.#cache.offline;
    return {
      ...counts,
      size: cache.size,
      oldestAgeSeconds: cache.oldestAge(now) / 1000,
      offline: this.#monitor.offline,
      offlineBudgetSeconds: Math.max(0, offline - (now - (this.#monitor.offlineSince ?? now))) / 1000,
    };
  }

  /** Closes the store. Requests must have ended: the keys in memory are wiped. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor[Symbol.dispose]();
    this.#sweeper[Symbol.dispose]();
    this.#loader[Symbol.dispose]();
    await this.#store[Symbol.asyncDispose]();
  }

  #deleteFailed(name: string, error: unknown): void {
    if (isKesError(error, "KeyNotFound")) this.#loader.forget(name);
    // It may have been deleted all the same: the next use asks the store.
    else this.#loader.cache.suspect(name);
  }

  async #find(name: string, signal: AbortSignal): Promise<KeyDescription | undefined> {
    try {
      return await this.describe(name, signal);
    } catch (error) {
      if (isKesError(error, "KeyNotFound")) return undefined;
      throw error;
    }
  }
}

function ignore(): void {
  // Nobody listens.
}
