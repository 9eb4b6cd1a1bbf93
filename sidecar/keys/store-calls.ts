// Every call to the key store goes through here: it gets a deadline, settles at the deadline even if the store does not,
// is timed and counted, and fails with a KesError only. A call that ran out of time is an unreachable store; one that
// its caller gave up says nothing about the store.
import { KesError, isKesError, messageOf } from "../errors.ts";
import type { Keyring, KeyringDataKey } from "../keystore/keyring.ts";
import type { Keystore, StoreStatus } from "../keystore/keystore.ts";
import type { Clock } from "./clock.ts";
import type { KeyEventListener, StoreOperation } from "./key-event.ts";

/** Milliseconds for one call, well below the 15 s that a request has. */
export const callTimeout = 6000;

interface Limits {
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number;
}

export class StoreCalls {
  readonly #store: Keystore;
  readonly #clock: Clock;
  readonly #onEvent: KeyEventListener;

  constructor(store: Keystore, clock: Clock, onEvent: KeyEventListener) {
    this.#store = store;
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  get atomicCreate(): boolean {
    return this.#store.atomicCreate;
  }

  get label(): string {
    return this.#store.label;
  }

  create(name: string, value: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#call("create", (own) => this.#store.create(name, value, own), { signal });
  }

  get(name: string, signal?: AbortSignal): Promise<Buffer> {
    return this.#call("get", (own) => this.#store.get(name, own), { signal });
  }

  delete(name: string, signal?: AbortSignal): Promise<void> {
    return this.#call("delete", (own) => this.#store.delete(name, own), { signal });
  }

  list(prefix: string, signal?: AbortSignal): Promise<string[]> {
    return this.#call("list", (own) => this.#store.list(prefix, own), { signal });
  }

  status(limits: Limits): Promise<StoreStatus> {
    return this.#call("status", (own) => this.#store.status(own), limits);
  }

  dataKey(keyring: Keyring, context: Buffer, signal?: AbortSignal): Promise<KeyringDataKey> {
    return this.#call("generate", (own) => keyring.dataKey(context, own), { signal });
  }

  encrypt(
    keyring: Keyring,
    { plaintext, context }: { readonly plaintext: Uint8Array; readonly context: Buffer },
    signal?: AbortSignal,
  ): Promise<Buffer> {
    return this.#call("encrypt", (own) => keyring.encrypt(plaintext, context, own), { signal });
  }

  decrypt(
    keyring: Keyring,
    { ciphertext, context }: { readonly ciphertext: Buffer; readonly context: Buffer },
    signal?: AbortSignal,
  ): Promise<Buffer> {
    return this.#call("decrypt", (own) => keyring.decrypt(ciphertext, context, own), { signal });
  }

  async #call<T>(operation: StoreOperation, run: (signal: AbortSignal) => Promise<T>, limits: Limits): Promise<T> {
    const started = this.#clock.monotonic();
    const report = (error: KesError | undefined): void => {
      const seconds = (this.#clock.monotonic() - started) / 1000;
      this.#onEvent({ kind: "store-call", operation, seconds, code: error?.code });
    };
    try {
      const result = await this.#bounded(run, limits);
      report(undefined);
      return result;
    } catch (cause) {
      const error = this.#asKesError(operation, cause);
      report(error);
      throw error;
    }
  }

  #bounded<T>(run: (signal: AbortSignal) => Promise<T>, { signal, timeout = callTimeout }: Limits): Promise<T> {
    const own = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const stop = (error: KesError): void => {
      reject(error);
      own.abort(error);
    };
    const givenUp = (): void => {
      stop(new GivenUp(this.label));
    };
    const cancel = this.#clock.schedule(() => {
      stop(new KesError("StoreUnreachable", `the key store did not answer in ${timeout} ms (${this.label}): check it`));
    }, timeout);
    if (signal?.aborted) givenUp();
    else {
      signal?.addEventListener("abort", givenUp, { once: true });
      Promise.try(run, own.signal).then(resolve, reject);
    }
    return promise.finally(() => {
      cancel();
      signal?.removeEventListener("abort", givenUp);
    });
  }

  #asKesError(operation: StoreOperation, cause: unknown): KesError {
    if (isKesError(cause)) return cause;
    const text = `the key store failed to ${operation} (${this.label}): ${messageOf(cause)}`;
    return new KesError("StoreFailed", text, { cause });
  }
}

/** The caller left before the store answered. */
class GivenUp extends KesError {
  constructor(label: string) {
    super("StoreUnreachable", `the request ended before the key store answered (${label}): try again`);
  }
}

/** Whether `error` shows that the key store is away, rather than that a caller left. */
export function isUnreachable(error: unknown): boolean {
  return isKesError(error, "StoreUnreachable") && !(error instanceof GivenUp);
}
