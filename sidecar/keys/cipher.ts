// The two ciphers of the protocol and how each turns a long-lived secret key into the key of one message (reference
// 4.1, 4.2). A message key is derived from 16 random bytes, the iv, so that 2^32 messages per secret are no limit:
//   AES256    message key = HMAC-SHA-256(key = secret, message = iv)     then AES-256-GCM
//   ChaCha20  message key = HChaCha20(key = secret, input = iv)          then ChaCha20-Poly1305 (RFC 8439)
// Primitives are node:crypto's; HChaCha20, which it lacks, is that of @noble/ciphers.
import { hash } from "node:crypto";
import { hchacha } from "@noble/ciphers/chacha.js";
import type { Secret } from "../secret.ts";

export type Cipher = "AES256" | "ChaCha20";

/** Bytes of a secret key, an HMAC key and a data key. */
export const keySize = 32;

const names: ReadonlyMap<string, Cipher> = new Map([
  ["AES256", "AES256"],
  ["AES256-GCM_SHA256", "AES256"],
  ["ChaCha20", "ChaCha20"],
  ["XCHACHA20-POLY1305", "ChaCha20"],
]);

/** Any accepted name of a cipher, old ones included (reference 4.1); undefined for anything else. */
export function parseCipher(name: string): Cipher | undefined {
  return names.get(name);
}

const hashBlock = 64;
const hashSize = 32;
const ivSize = 16;

/** Derives message keys from one secret. Holds the secret in expanded form; nothing of it is enumerable. */
export class MessageKeys implements Disposable {
  readonly #secret: Secret;
  // The two SHA-256 inputs of an HMAC (FIPS 198-1) with a 32-byte key: padded key, then iv or inner hash. Two one-shot
  // hashes over them take half the time of createHmac, which is the largest part of a request that can be saved.
  readonly #inner: Buffer;
  readonly #outer: Buffer;
  #words: Uint32Array | undefined;

  /** @param secret 32 bytes; stays the caller's */
  constructor(secret: Secret) {
    this.#secret = secret;
    this.#inner = padded(secret, 0x36, ivSize);
    this.#outer = padded(secret, 0x5c, hashSize);
  }

  /** The 32-byte key of the message with this 16-byte iv. Fresh bytes: the caller wipes them. */
  derive(cipher: Cipher, iv: Buffer): Buffer {
    return cipher === "AES256" ? this.#hmac(iv) : this.#hchacha20(iv);
  }

  #hmac(iv: Buffer): Buffer {
    this.#inner.set(iv, hashBlock);
    // As text because `hash` returns a string faster than a Buffer. Without the secret the inner hash opens nothing.
    this.#outer.write(hash("sha256", this.#inner, "hex"), hashBlock, "hex");
    return hash("sha256", this.#outer, "buffer");
  }

  #hchacha20(iv: Buffer): Buffer {
    this.#words ??= words(this.#secret.reveal());
    const out = new Uint32Array(8);
    hchacha(sigma, this.#words, words(iv), out);
    return Buffer.from(out.buffer);
  }

  [Symbol.dispose](): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
    this.#words?.fill(0);
  }
}

function padded(secret: Secret, pad: number, room: number): Buffer {
  const block = Buffer.allocUnsafeSlow(hashBlock + room).fill(pad, 0, hashBlock);
  for (const [i, byte] of secret.reveal().entries()) block[i] = byte ^ pad;
  return block;
}

// RFC 8439 section 2.3: the four constant words, "expand 32-byte k".
const sigma = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

/** A copy of `bytes` as 32-bit words; @noble swaps on big-endian hosts itself. */
function words(bytes: Buffer): Uint32Array {
  const copy = new Uint8Array(bytes);
  return new Uint32Array(copy.buffer);
}
