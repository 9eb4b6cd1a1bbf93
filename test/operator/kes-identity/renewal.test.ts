import assert from "node:assert/strict";
import { test } from "node:test";
import { decideRenewal } from "../../../operator/controllers/kes-identity/renewal.ts";
import type { RenewalQuestion } from "../../../operator/controllers/kes-identity/renewal.ts";
import { aCertificate, at, day, hour, minute, start, wantedCertificate } from "./objects.ts";

const always = wantedCertificate({}, "Always");
const never = wantedCertificate();
const handled = { "kes-operator.io/renew": "1" };
/** Issued a day ago, to be renewed by cert-manager in an hour. */
const issued = { notBefore: at(-day), renewalTime: at(hour) };

function ask(more: Partial<RenewalQuestion> = {}) {
  const question = { wanted: never, asked: undefined, certificate: aCertificate({ revision: 1 }), isKeyUnknown: false };
  return decideRenewal({ ...question, now: start, ...more });
}

test("a Certificate is made with the policy Never, whatever the identity's: its first key is new anyway", () => {
  const { marks, start: begin } = ask({ wanted: always, certificate: undefined, asked: "1" });
  assert.deepEqual([marks, begin], [{ handled: "1", from: undefined, rotationPolicy: "Never" }, false]);
});

test("between renewals the policy is Never: cert-manager alone changes no key", () => {
  const { marks, next } = ask({ wanted: always, certificate: aCertificate({ revision: 1, status: issued }) });
  assert.equal(marks.rotationPolicy, "Never");
  assert.equal(next, start + hour - 5 * minute, "looked at again shortly before cert-manager would renew");
});

test("shortly before cert-manager would renew, a rotation is marked, not yet started", () => {
  const certificate = aCertificate({ revision: 1, status: issued });
  const decision = ask({ wanted: always, certificate, now: start + hour - 5 * minute });
  assert.deepEqual(decision.marks, { handled: undefined, from: "1", rotationPolicy: "Always" });
  assert.equal(decision.start, false);
});

test("a renewal is started once the mark and the policy stand in the Certificate", () => {
  const marked = { annotations: { "kes-operator.io/renewing-from": "1" }, status: issued };
  const without = aCertificate({ revision: 1, ...marked });
  assert.equal(ask({ wanted: always, certificate: without }).start, false);
  const ready = aCertificate({ revision: 1, rotationPolicy: "Always", ...marked });
  assert.equal(ask({ wanted: always, certificate: ready }).start, true);
});

test("with the policy Never certificates are left to cert-manager", () => {
  const certificate = aCertificate({ revision: 1, status: issued });
  const decision = ask({ certificate, now: start + 2 * hour });
  assert.deepEqual(decision, {
    marks: { handled: undefined, from: undefined, rotationPolicy: "Never" },
    start: false,
    next: undefined,
  });
});

test("while cert-manager issues, nothing is started and the policy stays as it is marked", () => {
  const annotations = { "kes-operator.io/renewing-from": "1" };
  const certificate = aCertificate({ revision: 1, issuing: true, annotations, rotationPolicy: "Always" });
  const decision = ask({ wanted: always, certificate, now: start + day });
  assert.deepEqual(decision.marks, { handled: undefined, from: "1", rotationPolicy: "Always" });
  assert.deepEqual([decision.start, decision.next], [false, undefined]);
});

test("a renewal that cert-manager began keeps the policy Never", () => {
  const certificate = aCertificate({ revision: 1, issuing: true });
  assert.equal(ask({ wanted: always, certificate, asked: "1" }).marks.rotationPolicy, "Never");
});

test("with the new revision the mark is taken off and the policy is Never again", () => {
  const annotations = { "kes-operator.io/renewing-from": "1" };
  const certificate = aCertificate({ revision: 2, annotations, rotationPolicy: "Always" });
  assert.deepEqual(ask({ wanted: always, certificate }).marks, {
    handled: undefined,
    from: undefined,
    rotationPolicy: "Never",
  });
});

test("a new value of the annotation asks for a renewal, with the policy of the identity", () => {
  assert.deepEqual(ask({ asked: "1" }).marks, { handled: "1", from: "1", rotationPolicy: "Never" });
  assert.deepEqual(ask({ asked: "1", wanted: always }).marks, { handled: "1", from: "1", rotationPolicy: "Always" });
});

test("a value that was acted on asks for nothing, nor does its removal", () => {
  const certificate = aCertificate({ revision: 2, annotations: handled });
  for (const asked of ["1", undefined]) {
    const { marks, start: begin } = ask({ asked, certificate });
    assert.deepEqual([marks, begin], [{ handled: "1", from: undefined, rotationPolicy: "Never" }, false]);
  }
});

test("what is asked for during an issuance has its turn afterwards", () => {
  const during = ask({ asked: "1", certificate: aCertificate({ revision: 1, issuing: true }) });
  assert.deepEqual([during.marks.handled, during.marks.from], [undefined, undefined]);
  const after = ask({ asked: "1", certificate: aCertificate({ revision: 2 }) });
  assert.deepEqual([after.marks.handled, after.marks.from], ["1", "2"]);
});

test("after a failure the next attempt waits an hour, as cert-manager does", () => {
  const annotations = { "kes-operator.io/renewing-from": "1", ...handled };
  const status = { lastFailureTime: at(0) };
  const certificate = aCertificate({ revision: 1, annotations, status });
  const decision = ask({ asked: "1", certificate, now: start + minute });
  assert.deepEqual([decision.start, decision.next], [false, start + hour]);
  assert.equal(ask({ asked: "1", certificate, now: start + hour }).start, true);
});

test("asking again after a failure is heard at once", () => {
  const status = { lastFailureTime: at(0) };
  const before = aCertificate({
    revision: 1,
    annotations: { "kes-operator.io/renewing-from": "1", ...handled },
    status,
  });
  const { marks } = ask({ asked: "2", certificate: before, now: start + minute });
  assert.deepEqual([marks.handled, marks.from], ["2", `1 ${at(0)}`]);
  const annotations = { "kes-operator.io/renew": "2", "kes-operator.io/renewing-from": marks.from ?? "" };
  const marked = aCertificate({ revision: 1, annotations, status });
  assert.equal(ask({ asked: "2", certificate: marked, now: start + minute }).start, true);
});

test("a certificate of which nobody knows the key is renewed, once its request had time to be seen", () => {
  const certificate = aCertificate({ ready: true, status: { notBefore: at(0) } });
  assert.deepEqual(ask({ certificate, isKeyUnknown: true, now: start + 1 }).next, start + minute);
  assert.equal(ask({ certificate, isKeyUnknown: true, now: start + minute }).marks.from, "0");
});

test("a certificate that is renewed often is rotated a tenth of the time before", () => {
  const status = { notBefore: at(0), renewalTime: at(10 * minute) };
  const { next } = ask({ wanted: always, certificate: aCertificate({ revision: 1, status }) });
  assert.equal(next, start + 9 * minute);
});
