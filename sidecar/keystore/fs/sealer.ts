// How a value lies in an encrypted store. AES-256-GCM (NIST SP 800-38D) under a key derived per store, so that one
// wrapping key may serve several stores (HKDF, RFC 5869):
//
//   sealing key = HKDF-SHA256(wrapping key, salt = store id, info = "kes-fs-seal-v1"), 32 bytes
//
//    0                8    9          13           29       41            41+n
//   +----------------+----+----------+------------+--------+-------------+---------+
//   | 89 KESFS 0D 0A | 01 | wrapping | store id   | nonce  | ciphertext  | tag     |
//   | magic, 8 bytes |    | key id 4 | 16         | 12     | n           | 16      |
//   +----------------+----+----------+------------+--------+-------------+---------+
//   |<------------------- header ------------------------->|
//
//   associated data = "kes-fs-value-v1" 00 name 00 header
//
// So a value opens only in its store, under its name and with an unchanged header. A plain value is base64 or JSON
// text and never starts with byte 89. Nonces are random: safe for 2^32 values per store and wrapping key (section
// 8.3 of the standard). The store id stands in every value, so a lost marker file can be made again.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

import { KesError } from "../../errors.ts";
import { Secret } from "../../secret.ts";
import type { WrappingKey } from "./wrapping-key.ts";

const magic = Buffer.from("\x89KESFS\r\n", "latin1");
const version = 1;
const keyIdAt = magic.length + 1;
const storeIdAt = keyIdAt + 4;
const nonceAt = storeIdAt + 16;
const headerSize = nonceAt + 12;
const tagSize = 16;

export interface SealedHeader {
  readonly version: number;
  /** Of the wrapping key, 8 hex digits. */
  readonly keyId: string;
  /** 32 hex digits. */
  readonly storeId: string;
}

/** The header of a sealed value, or undefined for anything else (a plain value). */
export function sealedHeader(bytes: Buffer): SealedHeader | undefined {
  if (bytes.length < headerSize + tagSize || !bytes.subarray(0, magic.length).equals(magic)) return undefined;
  return {
    version: bytes.readUInt8(magic.length),
    keyId: bytes.toString("hex", keyIdAt, storeIdAt),
    storeId: bytes.toString("hex", storeIdAt, nonceAt),
  };
}

/** A fresh store id: 32 hex digits. */
export function newStoreId(): string {
  return randomBytes(16).toString("hex");
}

/** Seals and opens the values of one store with the wrapping keys it was given; does not own those. */
export class Sealer implements Disposable {
  readonly storeId: string;
  readonly #keys: Map<string, Secret>;
  #closed = false;

  constructor(storeId: string, wrappingKeys: readonly WrappingKey[]) {
    this.storeId = storeId;
    this.#keys = new Map(wrappingKeys.map((key) => [key.id, sealingKey(key, storeId)]));
  }

  has(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  /** @throws KesError StoreWrongKey if `keyId` is none of this sealer's keys */
  seal(keyId: string, name: string, value: Uint8Array): Buffer {
    const header = Buffer.concat([
      magic,
      Buffer.of(version),
      Buffer.from(keyId, "hex"),
      Buffer.from(this.storeId, "hex"),
      randomBytes(12),
    ]);
    const cipher = createCipheriv("aes-256-gcm", this.#keyOf(keyId, name), header.subarray(nonceAt));
    cipher.setAAD(associatedData(name, header));
    return Buffer.concat([header, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws KesError StoreWrongKey for a value of another wrapping key, KeyCorrupt for one that was changed */
  open(name: string, bytes: Buffer): Buffer {
    const found = sealedHeader(bytes);
    if (found === undefined || found.version !== version || found.storeId !== this.storeId) {
      throw new KesError("KeyCorrupt", `${name} was not sealed for this key store; restore it from a backup`);
    }
    const header = bytes.subarray(0, headerSize);
    const decipher = createDecipheriv("aes-256-gcm", this.#keyOf(found.keyId, name), header.subarray(nonceAt), {
      authTagLength: tagSize,
    });
    decipher.setAAD(associatedData(name, header));
    decipher.setAuthTag(bytes.subarray(bytes.length - tagSize));
    try {
      const start = decipher.update(bytes.subarray(headerSize, bytes.length - tagSize));
      return Buffer.concat([start, decipher.final()]);
    } catch (error) {
      throw new KesError("KeyCorrupt", `${name} was changed after it was sealed; restore it from a backup`, {
        cause: error,
      });
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const key of this.#keys.values()) key[Symbol.dispose]();
    this.#keys.clear();
  }

  #keyOf(keyId: string, name: string): Buffer {
    if (this.#closed) throw new KesError("StoreUnreachable", "the key store was closed; the server is stopping");
    const key = this.#keys.get(keyId);
    if (key !== undefined) return key.reveal();
    throw new KesError(
      "StoreWrongKey",
      `${name} is sealed with wrapping key ${keyId}, which is not configured; add it`,
    );
  }
}

function sealingKey(key: WrappingKey, storeId: string): Secret {
  const salt = Buffer.from(storeId, "hex");
  const derived = new Uint8Array(hkdfSync("sha256", key.secret.reveal(), salt, "kes-fs-seal-v1", 32));
  const secret = Secret.copyOf(derived);
  derived.fill(0);
  return secret;
}

function associatedData(name: string, header: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`kes-fs-value-v1\0${name}\0`), header]);
}
