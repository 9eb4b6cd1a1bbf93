// Certificate signing requests, PKCS #10 (RFC 2986), which node:crypto cannot read:
//   SEQUENCE { info, signatureAlgorithm SEQUENCE { OID, … }, signature BIT STRING }
//   info = SEQUENCE { version INTEGER, subject, subjectPublicKeyInfo, attributes [0] }
// The signature covers `info` as it stands and is made with the requested key itself: who shows a valid one has the
// private key. Ed25519, and ECDSA and RSA (PKCS #1 v1.5) with the SHA-2 family: what cert-manager makes.
import { createPublicKey, verify } from "node:crypto";
import { readChildren, readElement } from "../../../sidecar/contract/der.ts";
import type { DerElement } from "../../../sidecar/contract/der.ts";

const sequence = 0x30;
const bitString = 0x03;
const attributesTag = 0xa0;

/** Digest by signature algorithm, an OID in hex with its header (RFC 5758, RFC 8017); null: the scheme has its own. */
const digests: ReadonlyMap<string, string | null> = new Map([
  ["06082a8648ce3d040302", "sha256"],
  ["06082a8648ce3d040303", "sha384"],
  ["06082a8648ce3d040304", "sha512"],
  ["06092a864886f70d01010b", "sha256"],
  ["06092a864886f70d01010c", "sha384"],
  ["06092a864886f70d01010d", "sha512"],
  ["06032b6570", null],
]);

const block = /^\s*-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*$/;

/**
 * The DER SubjectPublicKeyInfo of a request, once its signature has proved possession of the private key.
 * @param pem one request and nothing else
 * @throws Error saying what is wrong with it
 */
export function verifiedPublicKey(pem: string): Uint8Array {
  const encoded = block.exec(pem)?.[1];
  if (encoded === undefined) throw new Error("not one PEM certificate request");
  const der = Buffer.from(encoded, "base64");
  const { info, algorithm, signature } = partsOf(der);
  const spki = publicKeyIn(der, info);
  const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  const signed = der.subarray(info.start, info.end);
  if (!verify(digestOf(der, algorithm), signed, key, bitsOf(der, signature))) {
    throw new Error("the signature of the certificate request is not by the key it asks for");
  }
  return spki;
}

interface Parts {
  readonly info: DerElement;
  readonly algorithm: DerElement;
  readonly signature: DerElement;
}

function partsOf(der: Uint8Array): Parts {
  const request = readElement(der, 0, der.length);
  if (request.tag !== sequence || request.end !== der.length) throw new Error("malformed certificate request");
  const [info, algorithm, signature, ...more] = readChildren(der, request);
  if (info?.tag !== sequence || algorithm?.tag !== sequence || signature?.tag !== bitString || more.length > 0) {
    throw new Error("malformed certificate request");
  }
  return { info, algorithm, signature };
}

function publicKeyIn(der: Uint8Array, info: DerElement): Uint8Array {
  const [, , spki, attributes] = readChildren(der, info);
  if (spki?.tag !== sequence || attributes?.tag !== attributesTag) throw new Error("malformed certificate request");
  return der.subarray(spki.start, spki.end);
}

function digestOf(der: Uint8Array, algorithm: DerElement): string | null {
  const [id] = readChildren(der, algorithm);
  const digest = digests.get(Buffer.from(der.subarray(id?.start ?? 0, id?.end ?? 0)).toString("hex"));
  if (digest === undefined) throw new Error("the certificate request is signed with an unsupported algorithm");
  return digest;
}

/** A BIT STRING of whole octets: the first content octet counts unused bits. */
function bitsOf(der: Uint8Array, element: DerElement): Uint8Array {
  if (der[element.content] !== 0) throw new Error("malformed certificate request");
  return der.subarray(element.content + 1, element.end);
}
