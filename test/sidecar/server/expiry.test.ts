// When a connection's certificate counts as expired (decisions T3).
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { onExpiry } from "../../../sidecar/server/connection.ts";
import { validUntil } from "../../../sidecar/server/validity.ts";
import { makeLeaf } from "../../support/certificates.ts";

function failed(): never {
  assert.fail("expired");
}

test("a certificate whose last day cannot be read has expired, and is not looked at again and again", async () => {
  const { certDer } = await makeLeaf({ notAfter: new Date("2031-02-03T04:05:06Z") });
  certDer.write("9900", certDer.indexOf("310203040506Z"), "latin1");
  const certificate = new X509Certificate(certDer);
  assert.ok(Number.isNaN(validUntil(certificate)));
  let expired = 0;
  onExpiry(certificate, () => (expired += 1));
  await sleep(100);
  assert.equal(expired, 1);
});

test("a date that Node makes up for one that cannot be read does not count, and one that can be read does", async () => {
  const notAfter = new Date("2031-02-03T04:05:06Z");
  const certificate = new X509Certificate((await makeLeaf({ notAfter })).certDer);
  assert.equal(validUntil(certificate), notAfter.getTime());
  const madeUp = { validTo: "Bad time value", validToDate: notAfter } as X509Certificate;
  assert.ok(Number.isNaN(validUntil(madeUp)));
});

test("a certificate that is still good does not expire, nor one that was called off", async () => {
  const good = await makeLeaf();
  const old = await makeLeaf({ notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") });
  const calledOff = [good, old].map(({ certDer }) => onExpiry(new X509Certificate(certDer), failed));
  calledOff[1]?.();
  await sleep(100);
  calledOff[0]?.();
});
