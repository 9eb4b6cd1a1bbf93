import assert from "node:assert/strict";
import { test } from "node:test";
import type { IdentityHash } from "../../../operator/api/generated.ts";
import { findCertificate } from "../../../operator/controllers/kes-identity/certificate-source.ts";
import type { CertificateSeen } from "../../../operator/controllers/kes-identity/certificate-source.ts";
import { noRequests } from "../../../operator/controllers/kes-identity/requests.ts";
import type { RequestsSeen } from "../../../operator/controllers/kes-identity/requests.ts";
import { aCertificate, at, day, hashOf, minute, start, wantedCertificate } from "./objects.ts";

const current = { hash: hashOf("a"), revision: 1, notAfter: start + day };

function find(
  requests: Partial<RequestsSeen>,
  more: Partial<CertificateSeen> & { readonly before?: readonly IdentityHash[]; readonly now?: number } = {},
) {
  const { before = [], now = start, ...seen } = more;
  const certificate = aCertificate({ revision: 1, ready: true, status: { notAfter: at(day) } });
  const all = {
    certManager: true,
    obstacle: undefined,
    certificate,
    requests: { ...noRequests, ...requests },
    ...seen,
  };
  return findCertificate(wantedCertificate(), all, { previous: { source: "Certificate", identities: before }, now });
}

function verdict({ issued }: ReturnType<typeof find>): string {
  return `${issued.status} ${issued.reason}: ${issued.message}`;
}

test("the key of the current request is in use, and a replaced one stays as long as the spec says", () => {
  const found = find({ current, next: [{ hash: hashOf("b") }] });
  assert.deepEqual(found.sighting.active, current);
  assert.deepEqual(found.sighting.pending, [{ hash: hashOf("b") }]);
  assert.equal(found.sighting.overlap, day);
  assert.match(verdict(found), /^True Issued/);
});

test("without a request, what an earlier one said of the same revision still holds", () => {
  const before = [{ hash: hashOf("a"), state: "Pending", revision: 1 } as const];
  const found = find({}, { before });
  assert.equal(found.sighting.active?.hash, hashOf("a"));
  assert.deepEqual([found.isKeyUnknown, found.issued.status], [false, "True"]);
});

test("without a request, what is known of another revision says nothing, and one says so", () => {
  const found = find({}, { before: [{ hash: hashOf("a"), state: "Active", revision: 3 }] });
  assert.equal(found.sighting.active, undefined);
  assert.equal(found.isKeyUnknown, true);
  assert.match(
    verdict(found),
    /^Unknown RequestMissing: no CertificateRequest tells whose key is in Secret minio-kes-tls; the request was deleted, and only a renewal/,
  );
});

test("a Certificate made anew over the old Secret is known by the end of what is in it", () => {
  const certificate = aCertificate({ ready: true, status: { notAfter: at(day) } });
  const entry = { hash: hashOf("a"), state: "Active", revision: 7 } as const;
  assert.equal(find({}, { certificate, before: [{ ...entry, notAfter: at(day) }] }).sighting.active?.hash, hashOf("a"));
  assert.equal(find({}, { certificate, before: [{ ...entry, notAfter: at(minute) }] }).isKeyUnknown, true);
  assert.equal(find({}, { certificate, before: [entry] }).isKeyUnknown, true);
});

test("a hash that was only asserted is not the certificate's key, whatever its certificate says of its end", () => {
  const certificate = aCertificate({ ready: false, status: { notAfter: at(day) } });
  const asserted = { hash: hashOf("a"), state: "Retiring", notAfter: at(day), expiresAt: at(day) } as const;
  const found = find({}, { certificate, before: [asserted] });
  assert.deepEqual([found.sighting.active, found.isKeyUnknown], [undefined, false]);
  const issued = aCertificate({ ready: true, status: { notAfter: at(day) } });
  assert.equal(find({}, { certificate: issued, before: [asserted] }).isKeyUnknown, true, "so that it is renewed");
});

test("what is known of another source says nothing about the certificate", () => {
  const certificate = aCertificate({ revision: 1 });
  const previous = { source: "SecretRef", identities: [{ hash: hashOf("a"), state: "Active", revision: 1 }] } as const;
  const seen = { certManager: true, obstacle: undefined, certificate, requests: noRequests };
  assert.equal(findCertificate(wantedCertificate(), seen, { previous, now: start }).sighting.active, undefined);
});

test("a certificate that has ended is told, with what keeps it from being renewed", () => {
  assert.match(verdict(find({ current }, { now: start + day })), /^False Expired: the certificate has ended; renew/);
  const failure = { reason: "Failed", message: "the CA is gone" } as const;
  assert.match(
    verdict(find({ current, failure }, { now: start + day })),
    /^False Expired: cert-manager could not issue: the CA/,
  );
});

test("a failing renewal is told while the certificate is still good", () => {
  const found = find({ current, failure: { reason: "Denied", message: "not by policy" } });
  assert.equal(
    verdict(found),
    "True Issued: the identity is known, but its renewal does not succeed: the request was denied: not by policy",
  );
});

test("an issuer that was lost matters no more once the key is known", () => {
  const obstacle = { status: "False", reason: "IssuerNotReady", message: "gone" } as const;
  assert.equal(find({ current }, { obstacle }).issued.status, "True");
  assert.equal(find({}, { obstacle, certificate: aCertificate() }).issued.reason, "IssuerNotReady");
});

const beforeTheFirst = [
  { seen: {}, says: /^False Issuing: the certificate is not issued yet; wait until cert-manager/ },
  { seen: { waiting: "the order is pending" }, says: /^False Issuing: cert-manager: the order is pending; wait/ },
  {
    seen: { failure: { reason: "Failed", message: "no CA" } },
    says: /^False IssuanceFailed: cert-manager could not issue: no CA; /,
  },
  {
    seen: { failure: { reason: "Denied", message: "no" } },
    says: /^False IssuanceFailed: the request was denied: no; /,
  },
  { seen: { doubts: ["CertificateRequest x: forged"] }, says: /^False IssuanceFailed: CertificateRequest x: forged; / },
] as const;

for (const { seen, says } of beforeTheFirst) {
  test(`before the first certificate: ${says.source}`, () => {
    assert.match(verdict(find(seen, { certificate: aCertificate() })), says);
  });
}

test("without cert-manager the condition says so, and what is known stays", () => {
  const found = find({}, { certManager: false, certificate: undefined });
  assert.match(
    verdict(found),
    /^False CertManagerNotInstalled: the cluster has no cert-manager; install cert-manager, or use/,
  );
  assert.equal(found.sighting.active, undefined, "which leaves the active hash alone");
});
