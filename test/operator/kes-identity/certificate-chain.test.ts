import assert from "node:assert/strict";
import { test } from "node:test";
import { readCertificateChain } from "../../../operator/controllers/kes-identity/certificate-chain.ts";
import { identityOfCertificate } from "../../../sidecar/contract/identity.ts";
import { makeCa, makeLeaf } from "../../support/certificates.ts";

const ca = await makeCa();
const leaf = await makeLeaf({ issuer: ca, notAfter: new Date("2030-01-01T00:00:00Z") });
const other = await makeLeaf();

test("a client's certificate has the hash of its public key and an end", () => {
  const { hash, notAfter } = readCertificateChain(leaf.certPem);
  assert.equal(hash, identityOfCertificate(leaf.certDer));
  assert.equal(notAfter, Date.parse("2030-01-01T00:00:00Z"));
});

test("CA certificates behind the client's own do not matter, nor does text around them", () => {
  const chain = `subject: minio\n${leaf.certPem}\nissuer:\n${ca.certPem}${ca.certPem}`;
  assert.equal(readCertificateChain(chain).hash, identityOfCertificate(leaf.certDer));
});

const refused = [
  { what: "nothing", pem: "", why: /it holds no PEM certificate/ },
  { what: "a private key", pem: leaf.keyPem, why: /it holds no PEM certificate/ },
  {
    what: "a CA certificate in front",
    pem: ca.certPem + leaf.certPem,
    why: /its first certificate is a CA certificate/,
  },
  {
    what: "two certificates of clients",
    pem: leaf.certPem + other.certPem,
    why: /a second certificate that is not a CA's/,
  },
  {
    what: "a client's certificate behind a CA's",
    pem: leaf.certPem + ca.certPem + other.certPem,
    why: /a second certificate/,
  },
  {
    what: "bytes that are no certificate",
    pem: leaf.certPem.replace(/\n.{20}/, "\nAAAAAAAAAAAAAAAAAAAA"),
    why: /cannot be read/,
  },
];

for (const { what, pem, why } of refused) {
  test(`${what}: refused as a server would`, () => {
    assert.throws(() => readCertificateChain(pem), why);
  });
}
