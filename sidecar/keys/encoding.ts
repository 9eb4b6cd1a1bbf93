// Keys as key stores hold them (reference 4.5). Written: protobuf in base64, byte for byte as the original writes it:
//     KeyVersion  1 SecretKey {1 key: 32 bytes, 2 type: 1 AES256 | 2 ChaCha20}
//                 2 HMACKey   {1 key: 32 bytes, 2 hash: 1 SHA-256}
//                 3 CreatedAt {1 seconds, 2 nanos}      4 CreatedBy string
// Read besides: the JSON of releases before 2024, which has no HMAC key and is never rewritten. Whatever else stands
// under a name is KeyCorrupt, and the message never repeats any of it.
import { decodeBase64, decodeFields } from "../contract/wire.ts";
import { KesError } from "../errors.ts";
import { Secret } from "../secret.ts";
import type { Cipher } from "./cipher.ts";
import { keySize, parseCipher } from "./cipher.ts";
import { Key } from "./key.ts";
import { bytesField, Message, messageField, varintField } from "./protobuf.ts";
import { isRemoteRecord } from "./remote-key.ts";
import { formatTimestamp, normalizeTimestamp, parseTimestamp, zeroTime } from "./timestamp.ts";
import { isWholeJson } from "./whole-json.ts";

const typeOf = { AES256: 1n, ChaCha20: 2n } as const satisfies Record<Cipher, bigint>;
const cipherOf: ReadonlyMap<bigint, Cipher> = new Map([
  [1n, "AES256"],
  [2n, "ChaCha20"],
]);
const sha256 = 1n;

/**
 * The stored form: base64 text of the protobuf message.
 * @throws KesError KeyNoHmac: keys of old releases are kept as they were stored, never written anew
 */
export function encodeStoredKey(key: Key): Buffer {
  if (!key.hmac) {
    throw new KesError("KeyNoHmac", "a key without an HMAC key cannot be written: copy its stored form instead");
  }
  const time = parseTimestamp(key.createdAt);
  if (!time) {
    throw new KesError("Internal", "a key's creation time is not RFC 3339: please report this defect");
  }
  const message = Buffer.concat([
    messageField(1, [bytesField(1, key.secret.reveal()), varintField(2, typeOf[key.cipher])]),
    messageField(2, [bytesField(1, key.hmac.reveal()), varintField(2, sha256)]),
    messageField(3, [varintField(1, time.seconds), varintField(2, BigInt(time.nanos))]),
    bytesField(4, Buffer.from(key.createdBy)),
  ]);
  const stored = Buffer.from(message.toString("base64"), "latin1");
  message.fill(0);
  return stored;
}

/**
 * Reads a stored form of any release.
 * @throws KesError KeyCorrupt
 */
export function decodeStoredKey(bytes: Buffer): Key {
  const text = bytes.toString();
  return isWholeJson(text) ? decodeJson(bytes) : decodeProtobuf(text);
}

function decodeProtobuf(text: string): Key {
  const bytes = decodeBase64(text);
  if (!bytes || bytes.length === 0) throw corrupt("it is neither base64 nor JSON");
  const message = Message.parse(bytes);
  if (!message) throw corrupt("it is not a protobuf message");
  const secretKey = message.message(1);
  const cipher = cipherOf.get(secretKey?.varint(2) ?? 0n);
  if (!cipher) throw corrupt("its secret key is missing or of an unknown type");
  const hmacKey = message.message(2);
  if (hmacKey?.varint(2) !== sha256) throw corrupt("its HMAC key is missing or of an unknown type");
  const key = new Key({
    cipher,
    secret: secretOf(secretKey?.bytes(1)),
    hmac: secretOf(hmacKey.bytes(1)),
    createdAt: creationTime(message.message(3)),
    createdBy: utf8(message.bytes(4)),
  });
  bytes.fill(0);
  return key;
}

function creationTime(time: Message | undefined): string {
  const seconds = BigInt.asIntN(64, time?.varint(1) ?? 0n);
  const nanos = Number(BigInt.asIntN(32, time?.varint(2) ?? 0n));
  const text = formatTimestamp({ seconds, nanos });
  if (text === undefined) throw corrupt("its creation time is out of range");
  return text;
}

function decodeJson(bytes: Buffer): Key {
  if (isRemoteRecord(bytes)) {
    const remedy = "configure the store as it was at its creation (keystore.vault.transit.mode: remote)";
    throw new KesError("KeyCorrupt", `the stored key cannot be read, it is the record of one inside a KMS: ${remedy}`);
  }
  const shape = { bytes: "bytes", algorithm: "string", created_at: "string", created_by: "string" } as const;
  const fields = decodeFields(bytes, shape);
  if (!fields) throw corrupt("its JSON has fields of the wrong type");
  const cipher = fields.algorithm ? parseCipher(fields.algorithm) : "AES256";
  if (!cipher) throw corrupt("its algorithm is unknown");
  const createdAt = fields.created_at === undefined ? zeroTime : normalizeTimestamp(fields.created_at);
  if (createdAt === undefined) throw corrupt("its creation time is not RFC 3339");
  const secret = secretOf(fields.bytes);
  fields.bytes?.fill(0);
  return new Key({ cipher, secret, hmac: undefined, createdAt, createdBy: fields.created_by ?? "" });
}

function secretOf(bytes: Buffer | undefined): Secret {
  if (bytes?.length !== keySize) throw corrupt(`it does not hold ${keySize} bytes of key`);
  return Secret.copyOf(bytes);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Buffer | undefined): string {
  try {
    return bytes ? decoder.decode(bytes) : "";
  } catch (cause) {
    throw new KesError("KeyCorrupt", message("its creator is not UTF-8"), { cause });
  }
}

function corrupt(what: string): KesError {
  return new KesError("KeyCorrupt", message(what));
}

function message(what: string): string {
  return `the stored key cannot be read, ${what}: restore it from a backup of the key store`;
}
