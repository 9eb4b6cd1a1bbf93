// The contract between the key service and whatever holds the keys. A store knows names and opaque bytes: not HTTP,
// not keys, not policies. Every implementation passes the same suite, test/contract/keystore.ts.
// What a store must do, whatever happens to it:
//   1. A create that returned is durable and complete; a create that threw left nothing, or the whole value.
//   2. Nothing but delete ever removes or changes a stored value.
//   3. Every call settles soon after its signal aborts.
import type { Diagnosis } from "./diagnosis.ts";
import type { Keyring } from "./keyring.ts";

/** The value is what stands under a name: at most 1 MiB of opaque bytes. */
export interface Keystore extends AsyncDisposable {
  /** The configuration's word for this store: `fs`, `memory`, … */
  readonly type: string;
  /** Where it is, for banners and messages, in the form of reference 5.9: `Filesystem: /var/lib/kes`. */
  readonly label: string;
  /** False where two servers can both create one name (decisions K6). */
  readonly atomicCreate: boolean;
  /** Given where keys never leave the store: values are then records of such keys. */
  readonly keyring?: Keyring | undefined;

  /**
   * Stores `value` under `name` if the name is free, atomically where `atomicCreate` says so; durable when it returns.
   * @throws KesError KeyExists | NameInvalid | StoreUnreachable | StoreFailed | StoreNotEncrypted
   */
  create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void>;

  /** @throws KesError KeyNotFound | NameInvalid | StoreUnreachable | StoreFailed | KeyCorrupt | StoreWrongKey | StoreNotEncrypted */
  get(name: string, signal: AbortSignal): Promise<Buffer>;

  /** @throws KesError KeyNotFound | NameInvalid | StoreUnreachable | StoreFailed | StoreNotEncrypted */
  delete(name: string, signal: AbortSignal): Promise<void>;

  /**
   * All names that start with `prefix` and obey the name rule, in byte order. Foreign entries are left out.
   * @throws KesError StoreUnreachable | StoreFailed
   */
  list(prefix: string, signal: AbortSignal): Promise<string[]>;

  /**
   * Asks whether the store can serve now.
   * @returns the round trip in milliseconds
   * @throws KesError StoreUnreachable (cannot be reached) | StoreFailed (answered, but cannot serve)
   */
  status(signal: AbortSignal): Promise<StoreStatus>;

  /**
   * Called when the store has been taken into use for good, not merely opened: only now may anything in it be changed for the
   * sake of the configuration (another first wrapping key), since one that is refused in the end must have changed nothing.
   * Absent where there is nothing of the kind.
   * @throws KesError StoreUnreachable | StoreFailed; the store can be used all the same
   */
  adopt?(signal: AbortSignal): Promise<void>;

  /** For `kes doctor`; absent where there is nothing between the configuration and the first key. */
  diagnosis?(): Diagnosis;
}

export interface StoreStatus {
  /** Milliseconds. */
  readonly latency: number;
}
