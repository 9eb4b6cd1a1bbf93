// Encryption and decryption of messages (reference 4.2, 4.3). The layout that is written, and the only one since 2024:
//
//     offset  0            n                 n+16        n+32            n+44
//             │ encrypted  │ authentication  │ iv        │ nonce         │
//             │ bytes (n)  │ tag (16)        │ (16)      │ (12)          │
//
// Nothing in it names key, cipher or version. The message key comes from the secret and the iv (cipher.ts), associated
// data is the request's context. Two older layouts are read, never written: legacy-ciphertext.ts.
import { createCipheriv, createDecipheriv } from "node:crypto";
import type { CipherGCM, DecipherGCM } from "node:crypto";
import { KesError } from "../errors.ts";
import type { Cipher } from "./cipher.ts";
import type { Key } from "./key.ts";
import { readLegacyCiphertext } from "./legacy-ciphertext.ts";
import { systemRandom } from "./randomness.ts";
import type { RandomFill } from "./randomness.ts";

const tagSize = 16;
const ivSize = 16;
const nonceSize = 12;
const overhead = tagSize + ivSize + nonceSize;
// What the original requires before it derives a key: iv, nonce and one byte more.
const minimumSize = ivSize + nonceSize + 1;
const aead = { AES256: "aes-256-gcm", ChaCha20: "chacha20-poly1305" } as const satisfies Record<Cipher, string>;
const tagLength = { authTagLength: tagSize };

/**
 * Encrypts `plaintext`; the result is 44 bytes longer and in fresh memory.
 * @param context associated data; empty when the request has none
 */
export function encrypt(
  key: Key,
  plaintext: Uint8Array,
  context: Uint8Array,
  random: RandomFill = systemRandom,
): Buffer {
  const size = plaintext.length;
  const out = Buffer.allocUnsafe(size + overhead);
  const ivAt = size + tagSize;
  const nonceAt = ivAt + ivSize;
  random(out, ivAt, ivSize + nonceSize);
  const messageKey = key.messageKey(key.cipher, out.subarray(ivAt, nonceAt));
  const cipher = sealer(key.cipher, messageKey, out.subarray(nonceAt));
  messageKey.fill(0);
  if (context.length > 0) cipher.setAAD(context);
  if (size > 0) cipher.update(plaintext).copy(out);
  cipher.final();
  cipher.getAuthTag().copy(out, size);
  return out;
}

/**
 * Opens what `encrypt`, or any release of the original, made of a plaintext with this key and context.
 * @throws KesError DecryptFailed; alike for every reason, `details.step` is for the log
 */
export function decrypt(key: Key, ciphertext: Buffer, context: Uint8Array): Buffer {
  const legacy = readLegacyCiphertext(ciphertext);
  return legacy ? open(key, legacy.cipher, legacy.sealed, context) : open(key, key.cipher, ciphertext, context);
}

function open(key: Key, cipher: Cipher, sealed: Buffer, context: Uint8Array): Buffer {
  if (sealed.length < minimumSize) throw decryptFailed(key, "length", undefined);
  const nonceAt = sealed.length - nonceSize;
  const ivAt = nonceAt - ivSize;
  const tagAt = ivAt - tagSize;
  if (tagAt < 0) throw decryptFailed(key, "length", undefined);
  const messageKey = key.messageKey(cipher, sealed.subarray(ivAt, nonceAt));
  const decipher = opener(cipher, messageKey, sealed.subarray(nonceAt));
  messageKey.fill(0);
  decipher.setAuthTag(sealed.subarray(tagAt, ivAt));
  if (context.length > 0) decipher.setAAD(context);
  const plaintext = decipher.update(sealed.subarray(0, tagAt));
  try {
    decipher.final();
  } catch (error) {
    plaintext.fill(0);
    throw decryptFailed(key, "open", error);
  }
  return plaintext;
}

// The two ciphers share one shape in node:crypto; the branch is for the compiler, which picks overloads by literal.
function sealer(cipher: Cipher, messageKey: Buffer, nonce: Buffer): CipherGCM {
  return cipher === "AES256"
    ? createCipheriv(aead.AES256, messageKey, nonce, tagLength)
    : createCipheriv(aead.ChaCha20, messageKey, nonce, tagLength);
}

function opener(cipher: Cipher, messageKey: Buffer, nonce: Buffer): DecipherGCM {
  return cipher === "AES256"
    ? createDecipheriv(aead.AES256, messageKey, nonce, tagLength)
    : createDecipheriv(aead.ChaCha20, messageKey, nonce, tagLength);
}

function decryptFailed(key: Key, step: "length" | "open", cause: unknown): KesError {
  return new KesError("DecryptFailed", "the ciphertext is not authentic: check the key's name and the context", {
    details: { step, fingerprint: key.fingerprint },
    cause,
  });
}
