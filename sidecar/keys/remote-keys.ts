// Keys that are inside the KMS: what a key service does with them instead of using a secret of its own. Each use is a call,
// so nothing works while the store is away, cached record or not: such a call fails at once, and does not queue up for a
// deadline, until the store is back.
import { randomBytes } from "node:crypto";
import { isKesError, KesError } from "../errors.ts";
import type { Keyring } from "../keystore/keyring.ts";
import type { DataKey } from "./data-key.ts";
import type { KeyOrigin } from "./key-maker.ts";
import { decodeRemoteCiphertext, decryptFailed, encodeRemoteCiphertext } from "./remote-ciphertext.ts";
import { checkContext, decodeRemoteKey, encodeRemoteKey } from "./remote-key.ts";
import type { RemoteKey } from "./remote-key.ts";
import type { StoreCalls } from "./store-calls.ts";
import type { StoreMonitor } from "./store-monitor.ts";

export interface RemoteKeysOptions {
  readonly keyring: Keyring;
  readonly calls: StoreCalls;
  readonly monitor: StoreMonitor;
}

export class RemoteKeys {
  readonly #keyring: Keyring;
  readonly #calls: StoreCalls;
  readonly #monitor: StoreMonitor;

  constructor({ keyring, calls, monitor }: RemoteKeysOptions) {
    this.#keyring = keyring;
    this.#calls = calls;
    this.#monitor = monitor;
  }

  /**
   * The stored form of a new key, which the KMS has shown to open what it makes.
   * @throws KesError NotSupported (import) | CipherUnsupported | StoreWrongKey | StoreUnreachable | StoreFailed
   */
  async newRecord(origin: KeyOrigin & { readonly createdAt: string }, signal: AbortSignal): Promise<Buffer> {
    const { createdAt, createdBy, cipher = "AES256" } = origin;
    if (cipher !== "AES256") {
      const text = `algorithm '${cipher}' is not supported by keys inside the KMS (${this.#keyring.label}): use AES256`;
      throw new KesError("CipherUnsupported", text);
    }
    const id = randomBytes(16);
    const check = await this.#calls.encrypt(this.#keyring, { plaintext: id, context: checkContext(id) }, signal);
    const stored = encodeRemoteKey({ id, kms: this.#keyring.label, check, createdAt, createdBy });
    await this.load(stored, signal);
    return stored;
  }

  /**
   * The key that `stored` is the record of.
   * @throws KesError KeyCorrupt | StoreWrongKey | StoreUnreachable | StoreFailed
   */
  async load(stored: Buffer, signal: AbortSignal): Promise<RemoteKey> {
    const key = decodeRemoteKey(stored);
    await this.#verify(key, signal);
    return key;
  }

  /** @throws KesError StoreUnreachable | StoreFailed */
  async dataKey(key: RemoteKey, context: Uint8Array, signal: AbortSignal): Promise<DataKey> {
    const bound = key.dataContext(context);
    const { plaintext, ciphertext } = await this.#whileThere(() => this.#calls.dataKey(this.#keyring, bound, signal));
    return { plaintext, ciphertext: encodeRemoteCiphertext(key, ciphertext) };
  }

  /** @throws KesError StoreUnreachable | StoreFailed */
  async encrypt(
    key: RemoteKey,
    message: { readonly plaintext: Uint8Array; readonly context: Uint8Array },
    signal: AbortSignal,
  ): Promise<Buffer> {
    const { plaintext } = message;
    const context = key.dataContext(message.context);
    const made = await this.#whileThere(() => this.#calls.encrypt(this.#keyring, { plaintext, context }, signal));
    return encodeRemoteCiphertext(key, made);
  }

  /** @throws KesError DecryptFailed | StoreWrongKey | StoreUnreachable | StoreFailed */
  async decrypt(
    key: RemoteKey,
    message: { readonly ciphertext: Buffer; readonly context: Uint8Array },
    signal: AbortSignal,
  ): Promise<Buffer> {
    const ciphertext = decodeRemoteCiphertext(key, message.ciphertext);
    const context = key.dataContext(message.context);
    try {
      return await this.#whileThere(() => this.#calls.decrypt(this.#keyring, { ciphertext, context }, signal));
    } catch (error) {
      if (!isKesError(error, "DecryptFailed")) throw error;
      // Is it the ciphertext, or does the KMS open nothing of this key any more? The client must not be blamed for that.
      await this.#verify(key, signal);
      throw decryptFailed(key, "open", error);
    }
  }

  async #verify(key: RemoteKey, signal: AbortSignal): Promise<void> {
    try {
      const { check: ciphertext, id } = key;
      const opened = await this.#calls.decrypt(this.#keyring, { ciphertext, context: checkContext(id) }, signal);
      if (opened.equals(id)) return;
    } catch (error) {
      if (!isKesError(error, "DecryptFailed")) throw error;
      throw this.#wrongKey(key, error);
    }
    throw this.#wrongKey(key, undefined);
  }

  #wrongKey({ kms }: RemoteKey, cause: unknown): KesError {
    const where = `${this.#keyring.label} does not open what ${kms} sealed at its creation`;
    const remedy = "restore that key of the transit engine, or lower its min_decryption_version";
    return new KesError("StoreWrongKey", `the key is inside the KMS, but ${where}: ${remedy}`, { cause });
  }

  async #whileThere<T>(call: () => Promise<T>): Promise<T> {
    if (this.#monitor.offline) throw this.#monitor.offlineError();
    return this.#monitor.watched(call());
  }
}
