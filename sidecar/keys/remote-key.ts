// A key that is inside the KMS (keystore/keyring.ts). Here is only its record, which is not secret: who reads it can do
// nothing that the KMS does not allow them. It stands in the key store as one line of JSON:
//
//   {"format":"kes-remote-v1","id":"<32 hex digits>","kms":"transit/kes","check":"<base64>","created_at":"…","created_by":"…"}
//
// Every call of the keyring carries a context, which the KMS binds to what it makes:
//
//   context = SHA-256("kes-remote-v1" ‖ 00 ‖ purpose, 1 byte ‖ id, 16 bytes ‖ the request's context)
//   purpose   01 data keys and messages    02 the record's check
//
// The id is random: one key of the KMS serves as many keys as there are records. The check is the id itself, encrypted: a
// KMS that does not open it has another key under that name, or none.
import { createHash } from "node:crypto";
import { decodeBase64 } from "../contract/wire.ts";
import { KesError } from "../errors.ts";
import type { Cipher } from "./cipher.ts";
import { normalizeTimestamp } from "./timestamp.ts";

const format = "kes-remote-v1";
const idSize = 16;
const purposes = { data: 1, check: 2 } as const;
const none = Buffer.alloc(0);

export interface RemoteKeyParts {
  /** 16 bytes. */
  readonly id: Buffer;
  /** What made it, for messages: `transit/kes`. */
  readonly kms: string;
  /** The id as the KMS encrypted it. */
  readonly check: Buffer;
  /** RFC 3339. */
  readonly createdAt: string;
  /** Identity of the creator; empty when unknown. */
  readonly createdBy: string;
}

export class RemoteKey implements RemoteKeyParts, Disposable {
  readonly cipher: Cipher = "AES256";
  readonly id: Buffer;
  readonly kms: string;
  readonly check: Buffer;
  readonly createdAt: string;
  readonly createdBy: string;
  /** 16 hex digits of the id: with the check, that makes it the key (decisions K1). */
  readonly fingerprint: string;

  constructor({ id, kms, check, createdAt, createdBy }: RemoteKeyParts) {
    this.id = id;
    this.kms = kms;
    this.check = check;
    this.createdAt = createdAt;
    this.createdBy = createdBy;
    this.fingerprint = createHash("sha256")
      .update("kes-fingerprint-remote-v1\0")
      .update(id)
      .digest()
      .toString("hex", 0, 8);
  }

  /** What the KMS binds a ciphertext of this request to. */
  dataContext(context: Uint8Array): Buffer {
    return contextOf("data", this.id, context);
  }

  [Symbol.dispose](): void {
    // Nothing of it is secret.
  }
}

/** What the KMS binds the check of the key with this id to. */
export function checkContext(id: Buffer): Buffer {
  return contextOf("check", id, none);
}

function contextOf(purpose: keyof typeof purposes, id: Buffer, context: Uint8Array): Buffer {
  const hash = createHash("sha256").update(`${format}\0`).update(Buffer.of(purposes[purpose]));
  return hash.update(id).update(context).digest();
}

/** The stored form. */
export function encodeRemoteKey({ id, kms, check, createdAt, createdBy }: RemoteKeyParts): Buffer {
  const texts = { format, id: id.toString("hex"), kms, check: check.toString("base64") };
  return Buffer.from(JSON.stringify({ ...texts, created_at: createdAt, created_by: createdBy }));
}

/** @throws KesError KeyCorrupt */
export function decodeRemoteKey(stored: Buffer): RemoteKey {
  const fields = recordIn(stored);
  if (fields === undefined) {
    const text = "it is no record of a key inside the KMS: it was made with another keystore.vault.transit.mode";
    throw new KesError("KeyCorrupt", `the stored key cannot be read, ${text}`);
  }
  const text = (name: string): string => {
    const value = fields.get(name);
    if (typeof value === "string") return value;
    throw damaged(`its ${name} is missing`);
  };
  const [id, check, createdAt] = [text("id"), decodeBase64(text("check")), normalizeTimestamp(text("created_at"))];
  if (!/^[0-9a-f]{32}$/.test(id) || id.length !== 2 * idSize) throw damaged("its id is none");
  if (check === undefined) throw damaged("its check is not base64");
  if (createdAt === undefined) throw damaged("its creation time is not RFC 3339");
  const rest = { kms: text("kms"), check, createdAt, createdBy: text("created_by") };
  return new RemoteKey({ id: Buffer.from(id, "hex"), ...rest });
}

/** Whether this is the stored form of a key inside a KMS, of this format or a later one. */
export function isRemoteRecord(stored: Buffer): boolean {
  const found = fieldsIn(stored)?.get("format");
  return typeof found === "string" && found.startsWith("kes-remote-");
}

function recordIn(stored: Buffer): ReadonlyMap<string, unknown> | undefined {
  const fields = fieldsIn(stored);
  return fields?.get("format") === format ? fields : undefined;
}

function fieldsIn(stored: Buffer): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(stored.toString());
    return typeof value === "object" && value !== null ? new Map(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

function damaged(what: string): KesError {
  return new KesError("KeyCorrupt", `the record of the key cannot be read, ${what}: restore it from a backup`);
}
