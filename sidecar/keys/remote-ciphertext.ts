// What clients get as ciphertext of a key that is inside the KMS:
//
//     offset  0                        8    9            25
//             │ 89 4B 45 53 4B 4D 0D 0A │ 01 │ key id (16) │ what the KMS made
//
// No key of this process opens it and no KMS opens what such a key made: the first eight bytes are never those of an older
// layout, and those of the current one, which are random, only once in 2^64. The id names the key, so a ciphertext of another
// one is refused without asking.
import { KesError } from "../errors.ts";
import type { RemoteKey } from "./remote-key.ts";

const magic = Buffer.from("\x89KESKM\r\n", "latin1");
const version = 1;
const idAt = magic.length + 1;
const restAt = idAt + 16;

export function encodeRemoteCiphertext({ id }: RemoteKey, made: Buffer): Buffer {
  return Buffer.concat([magic, Buffer.of(version), id, made]);
}

/**
 * @returns what the KMS made
 * @throws KesError DecryptFailed; alike for every reason, `details.step` is for the log
 */
export function decodeRemoteCiphertext(key: RemoteKey, ciphertext: Buffer): Buffer {
  const head = Buffer.concat([magic, Buffer.of(version)]);
  if (ciphertext.length <= restAt || !ciphertext.subarray(0, idAt).equals(head)) throw decryptFailed(key, "form");
  if (!ciphertext.subarray(idAt, restAt).equals(key.id)) throw decryptFailed(key, "key");
  return ciphertext.subarray(restAt);
}

/** @param step where it failed */
export function decryptFailed(key: RemoteKey, step: "form" | "key" | "open", cause?: unknown): KesError {
  return new KesError("DecryptFailed", "the ciphertext is not authentic: check the key's name and the context", {
    details: { step, fingerprint: key.fingerprint },
    cause,
  });
}
