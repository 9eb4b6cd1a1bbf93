// A KMS in memory: one key that never leaves it, and faults that a test writes down. It is a fake;
// test/real/server/vault-remote.test.ts has the real one.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { KesError } from "../../sidecar/errors.ts";
import type { ErrorCode } from "../../sidecar/errors.ts";
import type { Keyring, KeyringDataKey } from "../../sidecar/keystore/keyring.ts";

export class ScriptedKeyring implements Keyring {
  readonly label = "transit/test";
  readonly calls: string[] = [];
  /** What every call of an operation fails with. */
  readonly failures = new Map<"dataKey" | "encrypt" | "decrypt", ErrorCode>();
  #key = randomBytes(32);

  /** As if somebody had deleted the key and made another one of its name. */
  replaceKey(): void {
    this.#key = randomBytes(32);
  }

  async dataKey(context: Buffer, signal: AbortSignal): Promise<KeyringDataKey> {
    this.#enter("dataKey", signal);
    const plaintext = randomBytes(32);
    return { plaintext, ciphertext: this.#seal(plaintext, context) };
  }

  async encrypt(plaintext: Uint8Array, context: Buffer, signal: AbortSignal): Promise<Buffer> {
    this.#enter("encrypt", signal);
    return this.#seal(plaintext, context);
  }

  async decrypt(bytes: Buffer, context: Buffer, signal: AbortSignal): Promise<Buffer> {
    this.#enter("decrypt", signal);
    try {
      const decipher = createDecipheriv("aes-256-gcm", this.#key, bytes.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(context).setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
    } catch (cause) {
      throw new KesError("DecryptFailed", "the scripted KMS does not open it", { cause });
    }
  }

  #seal(plaintext: Uint8Array, context: Buffer): Buffer {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce, { authTagLength: 16 }).setAAD(context);
    const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
  }

  #enter(operation: "dataKey" | "encrypt" | "decrypt", signal: AbortSignal): void {
    signal.throwIfAborted();
    this.calls.push(operation);
    const code = this.failures.get(operation);
    if (code !== undefined) throw new KesError(code, `scripted ${code}`);
  }
}
