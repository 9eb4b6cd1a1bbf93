// Who somebody is (reference 1.4, 1.5): the identity is the lower-case hex SHA-256 of the SubjectPublicKeyInfo exactly
// as the bytes stand in the certificate. The slice is cut out of the raw DER: exporting a parsed key again can yield
// other bytes (RSA-PSS parameters, point compression) and so another identity. An API key is an Ed25519 seed in text
// form; its identity is that of the key pair made from it. Everything here throws a plain Error on bad input.
import { createPrivateKey, createPublicKey, hash } from "node:crypto";
import { readChildren, readElement } from "./der.ts";
import type { DerElement } from "./der.ts";
import { decodeBase64 } from "./wire.ts";

const sequence = 0x30;
const versionTag = 0xa0;
const extensionsTag = 0xa3;
const octetString = 0x04;
const boolean = 0x01;
/** OBJECT IDENTIFIER 2.5.29.19, complete with its header. */
const basicConstraints = Uint8Array.of(0x06, 0x03, 0x55, 0x1d, 0x13);

const apiKeyPrefix = "kes:v1:";
const apiKeyType = 0;
const seedSize = 32;
/** PKCS #8 (RFC 8410) of an Ed25519 private key, up to the seed. */
const pkcs8Head = Buffer.from("302e020100300506032b657004220420", "hex");

const hashText = /^[0-9a-f]{64}$/;

/** 64 lower-case hex digits: the only texts that a certificate can have as identity. */
export function isIdentityHash(text: string): boolean {
  return hashText.test(text);
}

/** @param spki DER SubjectPublicKeyInfo */
export function identityOfSpki(spki: Uint8Array): string {
  return hash("sha256", spki, "hex");
}

/** @param der one X.509 certificate */
export function identityOfCertificate(der: Uint8Array): string {
  return identityOfSpki(spkiOfCertificate(der));
}

/** The SubjectPublicKeyInfo of a certificate: a view on its bytes, not a copy. */
export function spkiOfCertificate(der: Uint8Array): Uint8Array {
  const { fields, subject } = toBeSigned(der);
  const spki = fields[subject + 1];
  if (spki?.tag !== sequence) throw new Error("malformed certificate: no public key");
  return der.subarray(spki.start, spki.end);
}

/** True if the certificate's basicConstraints say CA:TRUE. */
export function isCaCertificate(der: Uint8Array): boolean {
  const { fields, subject } = toBeSigned(der);
  const wrapper = fields.slice(subject + 2).find((field) => field.tag === extensionsTag);
  if (wrapper === undefined) return false;
  const list = readElement(der, wrapper.content, wrapper.end);
  return readChildren(der, list).some((extension) => saysCa(der, readChildren(der, extension)));
}

/** Extension ::= SEQUENCE { id, critical BOOLEAN DEFAULT FALSE, OCTET STRING { SEQUENCE { cA BOOLEAN … } } } */
function saysCa(der: Uint8Array, parts: readonly DerElement[]): boolean {
  const [id, ...rest] = parts;
  if (id === undefined || !sameBytes(der.subarray(id.start, id.end), basicConstraints)) return false;
  const value = rest.at(-1);
  if (value?.tag !== octetString) throw new Error("malformed certificate: basicConstraints without a value");
  const [ca] = readChildren(der, readElement(der, value.content, value.end));
  // Anything but zero counts as TRUE: taking a CA for a leaf is the mistake that matters.
  return ca?.tag === boolean && der[ca.content] !== 0;
}

/** The fields of TBSCertificate and the index of `subject`, which the public key follows. */
function toBeSigned(der: Uint8Array): { readonly fields: readonly DerElement[]; readonly subject: number } {
  const certificate = readElement(der, 0, der.length);
  if (certificate.tag !== sequence || certificate.end !== der.length) throw new Error("malformed certificate");
  const body = readElement(der, certificate.content, certificate.end);
  if (body.tag !== sequence) throw new Error("malformed certificate");
  const fields = readChildren(der, body);
  return { fields, subject: fields[0]?.tag === versionTag ? 5 : 4 };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

export interface ApiKey {
  /** 32 bytes. */
  readonly seed: Buffer;
  readonly identity: string;
}

/** True for a text that is meant as an API key, valid or not: a secret, which no message may show. */
export function isMeantAsApiKey(text: string): boolean {
  return text.trimStart().startsWith(apiKeyPrefix);
}

/** Reads `kes:v1:` + base64 of type byte and seed; the prefix may be missing. Throws Error with the known texts. */
export function parseApiKey(text: string): ApiKey {
  const encoded = text.startsWith(apiKeyPrefix) ? text.slice(apiKeyPrefix.length) : text;
  const bytes = decodeBase64(encoded);
  if (bytes === undefined) throw new Error(`illegal base64 data at input byte ${illegalByte(encoded)}`);
  if (bytes.length !== seedSize + 1) throw new Error("kes: invalid API key: invalid length");
  if (bytes[0] !== apiKeyType) throw new Error("kes: invalid API key: unsupported type");
  const seed = bytes.subarray(1);
  return { seed, identity: identityOfSeed(seed) };
}

/** @param seed 32 bytes */
export function encodeApiKey(seed: Uint8Array): string {
  return apiKeyPrefix + Buffer.concat([Uint8Array.of(apiKeyType), seed]).toString("base64");
}

/** @param seed 32 bytes of an Ed25519 private key (RFC 8032) */
export function identityOfSeed(seed: Uint8Array): string {
  if (seed.length !== seedSize) throw new Error("kes: invalid API key: invalid length");
  const pkcs8 = Buffer.concat([pkcs8Head, seed]);
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  pkcs8.fill(0);
  return identityOfSpki(createPublicKey(key).export({ type: "spki", format: "der" }));
}

/** Where a strict decoder stops: the first byte that cannot stand there, or the start of an incomplete group of four. */
function illegalByte(encoded: string): number {
  const valid = /^[A-Za-z0-9+/\r\n]*/.exec(encoded)?.[0].length ?? 0;
  return valid < encoded.length ? valid : valid - (valid % 4);
}
