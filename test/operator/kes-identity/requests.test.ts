import assert from "node:assert/strict";
import { test } from "node:test";
import type { CertificateRequest } from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import type { RequestedKey, RequestProblem } from "../../../operator/controllers/kes-identity/request-reader.ts";
import { seeRequests } from "../../../operator/controllers/kes-identity/requests.ts";
import { aCertificate, aRequest, at, day, hashOf, hour, start } from "./objects.ts";

/** A request is for the key that its name begins with, and was issued when the name says so: `a-issued`. */
function read({ metadata }: CertificateRequest): RequestedKey | RequestProblem {
  if (metadata.name.startsWith("forged")) return { problem: "the signature is not by that key" };
  return { hash: hashOf(metadata.name), notAfter: metadata.name.includes("-issued") ? start + day : undefined };
}

function see(certificate: ReturnType<typeof aCertificate>, ...requests: readonly CertificateRequest[]) {
  return seeRequests(certificate, requests, read);
}

const first = aRequest({ name: "a-issued", revision: "1" });

test("the request of the Certificate's revision tells the key in use, and when its certificate ends", () => {
  const { current, next } = see(aCertificate({ revision: 1 }), first, aRequest({ name: "z-issued", revision: "7" }));
  assert.deepEqual(current, { hash: hashOf("a"), revision: 1, notAfter: start + day });
  assert.deepEqual(next, []);
});

test("an approved request of the next revision tells the next key before anything was issued", () => {
  const { current, next } = see(
    aCertificate({ revision: 1, issuing: true }),
    first,
    aRequest({ name: "b", revision: "2" }),
  );
  assert.equal(current?.hash, hashOf("a"));
  assert.deepEqual(next, [{ hash: hashOf("b"), revision: 2 }]);
});

test("the first request of all is of revision 1", () => {
  const { current, next } = see(aCertificate({ issuing: true }), aRequest({ name: "a", revision: "1" }));
  assert.equal(current, undefined);
  assert.deepEqual(next, [{ hash: hashOf("a"), revision: 1 }]);
});

const unbelieved = [
  { why: "is not approved", request: aRequest({ name: "b", revision: "2", approved: false }) },
  { why: "is owned by another Certificate", request: aRequest({ name: "b", revision: "2", owner: "uid-other" }) },
  { why: "names another Certificate", request: aRequest({ name: "b", revision: "2", certificate: "other" }) },
  { why: "is of a later revision", request: aRequest({ name: "b", revision: "3" }) },
  { why: "has a revision that is no number", request: aRequest({ name: "b", revision: "2 " }) },
  { why: "has a revision that is no whole number", request: aRequest({ name: "b", revision: "2.0" }) },
  { why: "has no revision", request: aRequest({ name: "b", revision: "" }) },
  { why: "has a signature by another key", request: aRequest({ name: "forged", revision: "2" }) },
  { why: "was approved and then denied", request: aRequest({ name: "b", revision: "2", denied: "no" }) },
];

for (const { why, request } of unbelieved) {
  test(`a request that ${why} makes no key pending`, () => {
    assert.deepEqual(see(aCertificate({ revision: 1, issuing: true }), first, request).next, []);
  });
}

test("a request without an owner that is its controller makes no key pending", () => {
  const request = aRequest({ name: "b", revision: "2" });
  const [owner] = request.metadata.ownerReferences ?? [];
  const metadata = {
    ...request.metadata,
    ownerReferences: owner === undefined ? [] : [{ ...owner, controller: false }],
  };
  assert.deepEqual(see(aCertificate({ revision: 1, issuing: true }), { ...request, metadata }).next, []);
});

test("a request without a revision is not taken for one of a Certificate that has none", () => {
  const request = aRequest({ name: "a-issued", revision: "" });
  const { current, next } = see(aCertificate({ issuing: true }), request);
  assert.deepEqual([current, next], [undefined, []]);
});

test("a request of the next revision is nobody's while cert-manager is not issuing", () => {
  assert.deepEqual(see(aCertificate({ revision: 1 }), first, aRequest({ name: "b", revision: "2" })).next, []);
});

test("with two requests of the next revision neither is believed: cert-manager stands still", () => {
  const two = [aRequest({ name: "b", revision: "2" }), aRequest({ name: "c", revision: "2" })];
  assert.deepEqual(see(aCertificate({ revision: 1, issuing: true }), first, ...two).next, []);
});

test("a request that was refused does not stand in the way of the next one", () => {
  const requests = [aRequest({ name: "b", revision: "2", failed: "x" }), aRequest({ name: "c", revision: "2" })];
  const seen = see(aCertificate({ revision: 1, issuing: true }), first, ...requests);
  assert.deepEqual(seen.next, [{ hash: hashOf("c"), revision: 2 }]);
  assert.deepEqual(seen.refused, new Set([hashOf("b")]));
});

test("of two requests of the current revision the one counts whose certificate is in the Secret", () => {
  const certificate = aCertificate({ revision: 1, status: { notAfter: at(day) } });
  const older = aRequest({ name: "b-late", revision: "1", bornAt: -hour });
  const readBoth = (request: CertificateRequest) => {
    return { hash: hashOf(request.metadata.name), notAfter: request === older ? start + 2 * day : start + day };
  };
  assert.equal(seeRequests(certificate, [older, first], readBoth).current?.hash, hashOf("a"));
});

test("of two requests of the current revision with the same end the older one counts", () => {
  const later = aRequest({ name: "b-issued", revision: "1", bornAt: hour });
  for (const requests of [
    [first, later],
    [later, first],
  ]) {
    assert.equal(see(aCertificate({ revision: 1 }), ...requests).current?.hash, hashOf("a"));
  }
});

test("a request of the current revision to which nothing was issued is none", () => {
  assert.equal(see(aCertificate({ revision: 1 }), aRequest({ name: "a", revision: "1" })).current, undefined);
});

test("why a request failed or was denied is told", () => {
  const issuing = aCertificate({ issuing: true });
  assert.deepEqual(see(issuing, aRequest({ name: "a", denied: "not by policy" })).failure, {
    reason: "Denied",
    message: "not by policy",
  });
  assert.deepEqual(see(issuing, aRequest({ name: "a", failed: "no such CA" })).failure, {
    reason: "Failed",
    message: "no such CA",
  });
});

test("what cert-manager waits for is told, and what is wrong with a request as well", () => {
  const pending = aRequest({ name: "a", pending: 'Referenced "Issuer" not found' });
  const seen = see(aCertificate({ issuing: true }), pending, aRequest({ name: "forged", revision: "1" }));
  assert.equal(seen.waiting, 'Referenced "Issuer" not found');
  assert.deepEqual(seen.doubts, ["CertificateRequest forged: the signature is not by that key"]);
});
