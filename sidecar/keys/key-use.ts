// What is done with a key once it is at hand. A key that this process holds works at once, without a promise: these are the
// hot paths. A key that is inside the KMS is asked for by a call.
import { KesError } from "../errors.ts";
import { keySize } from "./cipher.ts";
import { decrypt, encrypt } from "./ciphertext.ts";
import type { DataKey } from "./data-key.ts";
import type { HeldKey } from "./key-cache.ts";
import { pooledRandom } from "./randomness.ts";
import { RemoteKey } from "./remote-key.ts";
import type { RemoteKeys } from "./remote-keys.ts";

export type SignalSource = () => AbortSignal;

export class KeyUse {
  readonly #random = pooledRandom();
  readonly #remote: RemoteKeys | undefined;

  constructor(remote: RemoteKeys | undefined) {
    this.#remote = remote;
  }

  dataKey(key: HeldKey, context: Uint8Array, signal: SignalSource): DataKey | Promise<DataKey> {
    if (key instanceof RemoteKey) return this.#calls.dataKey(key, context, signal());
    const plaintext = Buffer.allocUnsafe(keySize);
    this.#random(plaintext, 0, keySize);
    return { plaintext, ciphertext: encrypt(key, plaintext, context, this.#random) };
  }

  encrypt(key: HeldKey, plaintext: Uint8Array, context: Uint8Array, signal: SignalSource): Buffer | Promise<Buffer> {
    if (key instanceof RemoteKey) return this.#calls.encrypt(key, { plaintext, context }, signal());
    return encrypt(key, plaintext, context, this.#random);
  }

  decrypt(key: HeldKey, ciphertext: Buffer, context: Uint8Array, signal: SignalSource): Buffer | Promise<Buffer> {
    if (key instanceof RemoteKey) return this.#calls.decrypt(key, { ciphertext, context }, signal());
    return decrypt(key, ciphertext, context);
  }

  hmac(key: HeldKey, message: Uint8Array): Buffer {
    if (!(key instanceof RemoteKey)) return key.authenticate(message);
    throw new KesError(
      "KeyNoHmac",
      "the key is inside the KMS, which makes no HMAC for it: use a key of another store",
    );
  }

  get #calls(): RemoteKeys {
    if (this.#remote !== undefined) return this.#remote;
    throw new KesError("Internal", "a key inside the KMS without a KMS: please report this defect");
  }
}
