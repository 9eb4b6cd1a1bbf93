import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  encodeApiKey,
  identityOfCertificate,
  identityOfSeed,
  identityOfSpki,
  isCaCertificate,
  isIdentityHash,
  parseApiKey,
  spkiOfCertificate,
} from "../../../sidecar/contract/identity.ts";
import { apiKeyCertificate, makeCa, makeLeaf } from "../../support/certificates.ts";

const vectors = [
  {
    apiKey: "kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc",
    spki: "302a300506032b6570032100bce7ef7e567e6487fe084ab3ee223d6ce264c9967625abfecaafa9e5be5b04b1",
    identity: "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22",
  },
  {
    apiKey: "kes:v1:AAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
    spki: "302a300506032b657003210003a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
    identity: "a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5",
  },
];

for (const { apiKey, spki, identity } of vectors) {
  test(`the API key ${apiKey.slice(0, 14)}… has its published public key and identity`, async () => {
    const parsed = parseApiKey(apiKey);
    const { certDer } = await apiKeyCertificate(apiKey);
    assert.equal(parsed.identity, identity);
    assert.deepEqual(parseApiKey(apiKey.slice("kes:v1:".length)), parsed);
    assert.equal(encodeApiKey(parsed.seed), apiKey);
    assert.equal(identityOfSpki(Buffer.from(spki, "hex")), identity);
    assert.equal(Buffer.from(spkiOfCertificate(certDer)).toString("hex"), spki);
    assert.equal(identityOfCertificate(certDer), identity);
  });
}

const badApiKeys = [
  { text: "", message: "kes: invalid API key: invalid length" },
  { text: "kes:v1:", message: "kes: invalid API key: invalid length" },
  { text: "kes:v1:AAAA", message: "kes: invalid API key: invalid length" },
  { text: `kes:v1:${Buffer.alloc(34).toString("base64")}`, message: "kes: invalid API key: invalid length" },
  { text: `kes:v1:${Buffer.alloc(33, 1).toString("base64")}`, message: "kes: invalid API key: unsupported type" },
  { text: "kes:v2:AAAA", message: "illegal base64 data at input byte 3" },
  { text: "AAAA-AAA", message: "illegal base64 data at input byte 4" },
  { text: "AAAAAA", message: "illegal base64 data at input byte 4" },
];

for (const { text, message } of badApiKeys) {
  test(`${JSON.stringify(text.slice(0, 20))} is no API key`, () => {
    assert.throws(() => parseApiKey(text), { message });
  });
}

test("a seed that is not 32 bytes long has no identity", () => {
  assert.throws(() => identityOfSeed(Buffer.alloc(31)), /invalid length/);
});

for (const keyType of ["ed25519", "p256", "rsa"] as const) {
  test(`the identity of a ${keyType} certificate is the hash of its public key, whoever signed it`, async () => {
    const issuer = await makeCa();
    for (const leaf of [await makeLeaf({ keyType }), await makeLeaf({ keyType, issuer })]) {
      const spki = new X509Certificate(leaf.certDer).publicKey.export({ type: "spki", format: "der" });
      assert.equal(identityOfCertificate(leaf.certDer), createHash("sha256").update(spki).digest("hex"));
      assert.equal(isCaCertificate(leaf.certDer), false);
    }
  });
}

/** One DER element. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.from(header), content]);
}

const empty = der(0x30);

/** A certificate of no use but with any bytes as public key and as extensions. */
function bareCertificate({ spki, version = true, extensions }: BareCertificate): Buffer {
  const before = [der(0x02, Uint8Array.of(1)), empty, empty, empty, empty];
  const versions = version ? [der(0xa0, der(0x02, Uint8Array.of(2)))] : [];
  const after = extensions === undefined ? [] : [der(0xa3, der(0x30, ...extensions))];
  return der(0x30, der(0x30, ...versions, ...before, spki, ...after), empty, der(0x03, Uint8Array.of(0)));
}

interface BareCertificate {
  readonly spki: Buffer;
  readonly version?: boolean;
  readonly extensions?: readonly Buffer[];
}

test("the identity covers the public key as it stands in the certificate, not as a library would write it", () => {
  const spki = der(0x30, der(0x30, der(0x06, Uint8Array.of(0x2a)), der(0x05)), der(0x03, Buffer.alloc(300, 7)));
  const expected = createHash("sha256").update(spki).digest("hex");
  assert.equal(identityOfCertificate(bareCertificate({ spki })), expected);
  assert.equal(identityOfCertificate(bareCertificate({ spki, version: false })), expected);
});

const constraintsId = der(0x06, Uint8Array.of(0x55, 0x1d, 0x13));
const otherId = der(0x06, Uint8Array.of(0x55, 0x1d, 0x0f));
const critical = der(0x01, Uint8Array.of(0xff));
const yes = der(0x30, critical);
const caTable = [
  { title: "no extensions", extensions: undefined, ca: false },
  { title: "other extensions", extensions: [der(0x30, otherId, der(0x04, yes))], ca: false },
  {
    title: "basicConstraints without cA",
    extensions: [der(0x30, constraintsId, critical, der(0x04, empty))],
    ca: false,
  },
  {
    title: "basicConstraints CA:FALSE written out",
    extensions: [der(0x30, constraintsId, der(0x04, der(0x30, der(0x01, Uint8Array.of(0)))))],
    ca: false,
  },
  {
    title: "critical basicConstraints CA:TRUE",
    extensions: [der(0x30, constraintsId, critical, der(0x04, yes))],
    ca: true,
  },
  { title: "basicConstraints CA:TRUE", extensions: [der(0x30, constraintsId, der(0x04, yes))], ca: true },
  {
    title: "CA:TRUE with any byte but zero",
    extensions: [der(0x30, otherId), der(0x30, constraintsId, der(0x04, der(0x30, der(0x01, Uint8Array.of(1)))))],
    ca: true,
  },
];

for (const { title, extensions, ca } of caTable) {
  test(`a certificate with ${title} is ${ca ? "a" : "no"} CA certificate`, () => {
    const base = { spki: empty };
    assert.equal(isCaCertificate(bareCertificate(extensions === undefined ? base : { ...base, extensions })), ca);
  });
}

test("made CA certificates are recognised", async () => {
  assert.equal(isCaCertificate((await makeCa()).certDer), true);
  assert.equal(isCaCertificate((await makeLeaf({ ca: true })).certDer), true);
});

const malformed = [
  { title: "nothing", bytes: Buffer.alloc(0) },
  { title: "a lone tag", bytes: Buffer.of(0x30) },
  { title: "a set instead of a sequence", bytes: der(0x31, empty) },
  { title: "bytes after the end", bytes: Buffer.concat([bareCertificate({ spki: empty }), Buffer.of(0)]) },
  { title: "an empty certificate", bytes: empty },
  { title: "an empty body", bytes: der(0x30, empty) },
  { title: "a body that is no sequence", bytes: der(0x30, der(0x02, Buffer.alloc(1))) },
  { title: "a public key that is no sequence", bytes: bareCertificate({ spki: der(0x04) }) },
  { title: "an indefinite length", bytes: Buffer.of(0x30, 0x80, 0x30, 0x00, 0x00, 0x00) },
  { title: "a length of five bytes", bytes: Buffer.of(0x30, 0x85, 0, 0, 0, 0, 1, 0) },
  { title: "a length that is not minimal", bytes: Buffer.of(0x30, 0x81, 0x02, 0x30, 0x00) },
  {
    title: "a length with a leading zero",
    bytes: Buffer.concat([Buffer.of(0x30, 0x82, 0x00, 0x80), Buffer.alloc(128)]),
  },
  { title: "a high tag number", bytes: Buffer.of(0x3f, 0x01, 0x00) },
];

for (const { title, bytes } of malformed) {
  test(`a certificate of ${title} has no identity`, () => {
    assert.throws(() => identityOfCertificate(bytes), /^Error: malformed (?:DER|certificate)/);
  });
}

test("basicConstraints without a value are an error, not a leaf", () => {
  const bytes = bareCertificate({ spki: empty, extensions: [der(0x30, constraintsId)] });
  assert.throws(() => isCaCertificate(bytes), /basicConstraints/);
});

test("no bytes crash the reader or make it read outside", async () => {
  const { certDer } = await makeLeaf({ ca: true });
  const change = fc.tuple(fc.nat(certDer.length - 1), fc.nat(255));
  const mutated = fc.array(change, { minLength: 1, maxLength: 8 }).map((changes) => {
    const bytes = Buffer.from(certDer);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes;
  });
  const cut = fc.nat(certDer.length - 1).map((length) => certDer.subarray(0, length));
  const random = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(mutated, cut, random), (bytes) => {
      for (const read of [identityOfCertificate, isCaCertificate]) {
        try {
          assert.match(String(read(bytes)), /^(?:[0-9a-f]{64}|true|false)$/);
        } catch (error) {
          assert.match(String(error), /^Error: malformed/);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test("an identity hash is 64 lower-case hex digits and nothing else", () => {
  assert.equal(isIdentityHash("0123456789abcdef".repeat(4)), true);
  for (const text of ["", "_", "disabled", "a".repeat(63), "a".repeat(65), "A".repeat(64), `${"a".repeat(64)}\n`]) {
    assert.equal(isIdentityHash(text), false, JSON.stringify(text));
  }
});

test("every seed makes an API key that reads back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const parsed = parseApiKey(encodeApiKey(bytes));
      assert.deepEqual([...parsed.seed], [...bytes]);
      assert.equal(parsed.identity, identityOfSeed(bytes));
    }),
    { numRuns: 50 },
  );
});
