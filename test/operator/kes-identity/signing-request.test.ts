import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";
import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import * as fc from "fast-check";
import { verifiedPublicKey } from "../../../operator/controllers/kes-identity/signing-request.ts";

const algorithms = [
  { name: "ECDSA P-256", algorithm: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } },
  { name: "ECDSA P-384", algorithm: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" } },
  { name: "ECDSA P-521", algorithm: { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" } },
  { name: "RSA 2048", algorithm: rsa("SHA-256") },
  { name: "RSA 2048 with SHA-384", algorithm: rsa("SHA-384") },
  { name: "RSA 2048 with SHA-512", algorithm: rsa("SHA-512") },
  { name: "Ed25519", algorithm: { name: "Ed25519" } },
];

function rsa(hash: string) {
  return { name: "RSASSA-PKCS1-v1_5", hash, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) };
}

async function request(algorithm: webcrypto.AlgorithmIdentifier & object = { name: "Ed25519" }) {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const made = await Pkcs10CertificateRequestGenerator.create({
    name: "CN=minio.minio-prod",
    keys: keys as never,
    signingAlgorithm: algorithm as never,
  });
  const spki = Buffer.from(await webcrypto.subtle.exportKey("spki", keys.publicKey));
  return { pem: made.toString("pem"), der: Buffer.from(made.rawData), spki };
}

function pemOf(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
}

for (const { name, algorithm } of algorithms) {
  test(`a request by ${name} shows its public key`, async () => {
    const { pem, spki } = await request(algorithm);
    assert.deepEqual(Buffer.from(verifiedPublicKey(pem)), spki);
  });
}

test("a request with somebody else's public key put in is refused", async () => {
  const [own, other] = [await request(), await request()];
  const at = own.der.indexOf(own.spki);
  const forged = Buffer.concat([own.der.subarray(0, at), other.spki, own.der.subarray(at + own.spki.length)]);
  assert.throws(() => verifiedPublicKey(pemOf(forged)), /is not by the key it asks for/);
});

test("a request whose signature was changed is refused", async () => {
  const { der } = await request();
  const last = der.length - 1;
  const forged = Buffer.from(der);
  forged[last] = (forged[last] ?? 0) ^ 1;
  assert.throws(() => verifiedPublicKey(pemOf(forged)), /is not by the key it asks for/);
});

test("a request that asks for more names than were signed for is refused", async () => {
  const { der } = await request();
  const forged = Buffer.from(der.toString("latin1").replace("minio.minio-prod", "minio.minio-test"), "latin1");
  assert.notDeepEqual(forged, der);
  assert.throws(() => verifiedPublicKey(pemOf(forged)), /is not by the key it asks for/);
});

test("a request signed by a scheme that is not known is refused", async () => {
  const { der } = await request({ name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as never);
  const sha1 = Buffer.from(der.toString("hex").replace("2a8648ce3d040302", "2a8648ce3d040301"), "hex");
  assert.throws(() => verifiedPublicKey(pemOf(sha1)), /unsupported algorithm/);
});

test("bytes behind a request, two requests and no request are refused", async () => {
  const { der, pem } = await request();
  assert.throws(() => verifiedPublicKey(pemOf(Buffer.concat([der, Buffer.of(0)]))), /malformed/);
  for (const text of [
    "",
    "-----BEGIN CERTIFICATE REQUEST-----",
    pem + pem,
    pem.replaceAll("CERTIFICATE REQUEST", "CERTIFICATE"),
  ]) {
    assert.throws(() => verifiedPublicKey(text), /not one PEM certificate request/);
  }
});

test("no single changed byte lets a request pass for another key", async () => {
  const { der, spki } = await request();
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ flip;
      try {
        assert.deepEqual(Buffer.from(verifiedPublicKey(pemOf(changed))), spki);
      } catch (error) {
        assert.ok(error instanceof Error && error.name !== "AssertionError", String(error));
      }
    }),
    { numRuns: 500 },
  );
});
