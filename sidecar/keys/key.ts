// A key as the server uses it: the secret that encrypts, the HMAC key, and what is known about their origin.
// Keys are immutable and shared by every request that uses them. Whoever drops one from the cache leaves it to the
// garbage collector, since a request may still hold it; a key that was wiped refuses to work instead of encrypting
// with zeros.
import { createHmac } from "node:crypto";
import { KesError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { keySize, MessageKeys } from "./cipher.ts";
import type { Cipher } from "./cipher.ts";

export interface KeyParts {
  readonly cipher: Cipher;
  /** 32 bytes. The key takes it over and wipes it with itself. */
  readonly secret: Secret;
  /** 32 bytes; undefined for keys of releases before 2024-02-29. */
  readonly hmac: Secret | undefined;
  /** RFC 3339 with up to nanoseconds, as stored. */
  readonly createdAt: string;
  /** Identity of the creator; empty when unknown. */
  readonly createdBy: string;
}

export class Key implements KeyParts, Disposable {
  readonly cipher: Cipher;
  readonly secret: Secret;
  readonly hmac: Secret | undefined;
  readonly createdAt: string;
  readonly createdBy: string;
  /** 16 hex digits that change when anything that encrypts or authenticates changes (decisions K1). Not secret. */
  readonly fingerprint: string;
  readonly #messageKeys: MessageKeys;
  #wiped = false;

  /** @throws KesError KeySizeInvalid */
  constructor({ cipher, secret, hmac, createdAt, createdBy }: KeyParts) {
    if (secret.length !== keySize || (hmac && hmac.length !== keySize)) {
      throw new KesError("KeySizeInvalid", `the key is not ${keySize} bytes long: use a key of ${keySize} bytes`);
    }
    this.cipher = cipher;
    this.secret = secret;
    this.hmac = hmac;
    this.createdAt = createdAt;
    this.createdBy = createdBy;
    this.fingerprint = fingerprintOf(cipher, secret, hmac);
    this.#messageKeys = new MessageKeys(secret);
  }

  /**
   * The 32-byte key of one message; the caller wipes it.
   * @param cipher this key's, or the one that an old ciphertext names
   * @param iv 16 bytes
   */
  messageKey(cipher: Cipher, iv: Buffer): Buffer {
    this.#assertLive();
    return this.#messageKeys.derive(cipher, iv);
  }

  /**
   * HMAC-SHA-256 of `message` with the HMAC key (reference 4.4), 32 bytes.
   * @throws KesError KeyNoHmac
   */
  authenticate(message: Uint8Array): Buffer {
    this.#assertLive();
    if (!this.hmac) {
      throw new KesError("KeyNoHmac", "the key has no HMAC key: it is from a release that made none; create a new key");
    }
    return createHmac("sha256", this.hmac.reveal()).update(message).digest();
  }

  /** Wipes the key. Only for a key that no request can still hold. */
  [Symbol.dispose](): void {
    this.#wiped = true;
    this.secret[Symbol.dispose]();
    this.hmac?.[Symbol.dispose]();
    this.#messageKeys[Symbol.dispose]();
  }

  #assertLive(): void {
    if (this.#wiped) throw new KesError("Internal", "a key was used after it was wiped: please report this defect");
  }
}

/**
 * A new key with a fresh HMAC key.
 * @param secret 32 bytes of an imported key, taken over; fresh random bytes when absent
 * @throws KesError KeySizeInvalid
 */
export function newKey(origin: { cipher: Cipher; createdAt: string; createdBy: string }, secret?: Secret): Key {
  return new Key({ ...origin, secret: secret ?? Secret.random(keySize), hmac: Secret.random(keySize) });
}

function fingerprintOf(cipher: Cipher, secret: Secret, hmac: Secret | undefined): string {
  const mac = createHmac("sha256", secret.reveal()).update(`kes-fingerprint-v1\0${cipher}\0`);
  if (hmac) mac.update(hmac.reveal());
  return mac.digest().toString("hex", 0, 8);
}
