// Makes new keys and stores them. Creates and imports of one name run one after the other within this process: all but
// the first then fail with a clean KeyExists, whatever the key store promises.
import { KesError } from "../errors.ts";
import type { Secret } from "../secret.ts";
import type { Cipher } from "./cipher.ts";
import type { Clock } from "./clock.ts";
import { encodeStoredKey } from "./encoding.ts";
import { newKey } from "./key.ts";
import type { RemoteKeys } from "./remote-keys.ts";
import type { StoreCalls } from "./store-calls.ts";
import { storeNewKey } from "./store-new-key.ts";
import { formatWallTime } from "./timestamp.ts";

export interface KeyOrigin {
  /** Identity of the caller; empty when there is none. */
  readonly createdBy: string;
  /** Default AES256. */
  readonly cipher?: Cipher | undefined;
}

export interface MakeOptions {
  readonly signal: AbortSignal;
  /** Refuse a store on which two servers can both create one name (decisions K6). */
  readonly requireAtomic: boolean;
  /** 32 bytes of an imported key, taken over. */
  readonly secret?: Secret | undefined;
}

export class KeyMaker {
  readonly #calls: StoreCalls;
  readonly #clock: Clock;
  /** Undefined: this process makes the keys. */
  readonly #remote: RemoteKeys | undefined;
  /** The last create under way, by name. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(calls: StoreCalls, clock: Clock, remote: RemoteKeys | undefined) {
    this.#calls = calls;
    this.#clock = clock;
    this.#remote = remote;
  }

  /**
   * @throws KesError KeySizeInvalid | KeyExists | CreateNotConfirmed | CreateNotAtomic | StoreUnreachable | StoreFailed, and
   *   where keys are inside the KMS NotSupported (import) | CipherUnsupported | StoreWrongKey
   */
  async make(name: string, origin: KeyOrigin, { signal, requireAtomic, secret }: MakeOptions): Promise<void> {
    if (requireAtomic && !this.#calls.atomicCreate) throw notAtomic(this.#calls.label);
    const createdAt = formatWallTime(this.#clock.wall());
    const stored = this.#remote
      ? await newRecord(this.#remote, { ...origin, createdAt }, { signal, secret })
      : newStoredKey({ ...origin, createdAt }, secret);
    try {
      await this.#inTurn(name, () => storeNewKey(this.#calls, name, stored, signal));
    } finally {
      stored.fill(0);
    }
  }

  async #inTurn(name: string, run: () => Promise<void>): Promise<void> {
    const before = this.#running.get(name);
    const own = before ? before.then(run, run) : run();
    this.#running.set(name, own);
    try {
      await own;
    } finally {
      if (this.#running.get(name) === own) this.#running.delete(name);
    }
  }
}

interface DatedOrigin extends KeyOrigin {
  readonly createdAt: string;
}

function newStoredKey({ cipher = "AES256", createdAt, createdBy }: DatedOrigin, secret: Secret | undefined): Buffer {
  using key = newKey({ cipher, createdAt, createdBy }, secret);
  return encodeStoredKey(key);
}

function newRecord(
  remote: RemoteKeys,
  origin: DatedOrigin,
  { signal, secret }: Pick<MakeOptions, "signal" | "secret">,
): Promise<Buffer> {
  if (secret === undefined) return remote.newRecord(origin, signal);
  secret[Symbol.dispose]();
  throw new KesError("NotSupported", "keys are inside the KMS and are made there: none can be imported");
}

function notAtomic(label: string): KesError {
  const text = `the key store cannot create atomically (${label}): use another or set store.requireAtomicCreate: false`;
  return new KesError("CreateNotAtomic", text);
}
