import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { apiKeyCertificate, makeCa, makeLeaf, makeServerCertificate } from "../support/certificates.ts";

for (const keyType of ["ed25519", "p256", "rsa"] as const) {
  test(`a ${keyType} certificate signed by a CA chains to it and matches its own key`, async () => {
    const ca = await makeCa("Some CA");
    const leaf = await makeLeaf({ issuer: ca, keyType, cn: "somebody" });
    const parsed = new X509Certificate(leaf.certPem);
    assert.equal(parsed.verify(new X509Certificate(ca.certPem).publicKey), true);
    assert.equal(parsed.issuer, "CN=Some CA");
    assert.equal(parsed.subject, "CN=somebody");
    assert.equal(parsed.ca, false);
    assert.equal(parsed.checkPrivateKey(createPrivateKey(leaf.keyPem)), true);
    assert.deepEqual(parsed.raw, leaf.certDer);
  });
}

test("an API key's certificate has the key's identity as common name and is for clients only", async () => {
  const identity = "3ecfcdf38fcbe141ae26a1030f81e96b753365a46760ae6b578698a97c59fd22";
  const first = await apiKeyCertificate("kes:v1:AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc");
  const again = await apiKeyCertificate("AD9E7FSYWrMD+VjhI6q545cYT9YOyFxZb7UnjEepYDRc");
  const parsed = new X509Certificate(first.certPem);
  assert.equal(first.identity, identity);
  assert.equal(parsed.subject, `CN=${identity}`);
  assert.deepEqual(parsed.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  assert.equal(parsed.subjectAltName, undefined);
  assert.equal(parsed.serialNumber.length, 32);
  assert.notEqual(parsed.serialNumber, new X509Certificate(again.certPem).serialNumber);
  assert.equal(Math.round((parsed.validToDate.getTime() - parsed.validFromDate.getTime()) / 86_400_000), 90);
});

test("a server certificate names this machine by name and by both addresses", async () => {
  const parsed = new X509Certificate((await makeServerCertificate()).certPem);
  assert.equal(parsed.checkHost("localhost"), "localhost");
  assert.equal(parsed.checkIP("127.0.0.1"), "127.0.0.1");
  assert.equal(parsed.checkIP("::1"), "::1");
});

test("a certificate can be asked to be a CA certificate, as a careless user's would be", async () => {
  assert.equal(new X509Certificate((await makeLeaf({ ca: true })).certPem).ca, true);
});
