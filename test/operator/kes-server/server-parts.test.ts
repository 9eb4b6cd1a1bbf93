// The decisions about a server that are pure and small: its image, the CA certificates that are published, its certificate.
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import type { KesServer } from "../../../operator/api/generated.ts";
import { changesTurns, imageOf } from "../../../operator/controllers/kes-server/image-rollout.ts";
import { judgeCertificate } from "../../../operator/controllers/kes-server/judge-certificate.ts";
import { publishedCa } from "../../../operator/controllers/kes-server/published-ca.ts";
import type { LiveWorkload } from "../../../operator/controllers/kes-server/live-objects.ts";
import { updatedReplicas } from "../../../operator/controllers/kes-server/updated-replicas.ts";
import type { CertificateView } from "../../../operator/controllers/kes-server/view.ts";
import { carries } from "../../../operator/runtime/carries.ts";
import { makeCa, makeExpired } from "../../support/certificates.ts";
import { declaredServer } from "./declared-server.ts";
import type { Declared } from "./declared-server.ts";

const now = Date.parse("2026-11-22T10:00:00Z");

function running(name: string, image: string, ready = true, spec: Declared = {}): KesServer {
  const conditions = [
    {
      type: "Ready",
      status: ready ? ("True" as const) : ("False" as const),
      reason: "x",
      message: "",
      lastTransitionTime: "2026-11-22T09:59:00Z",
    },
  ];
  const counts = { replicas: 1, readyReplicas: 1, updatedReplicas: 1 };
  return { ...declaredServer(spec, name), status: { image, conditions, ...counts } };
}

describe("the image of a server", () => {
  const next = "registry.io:5000/kes:2";

  test("is the operator's for a new one, and what the spec names where it names something", () => {
    const of = (image: Declared): string => imageOf(declaredServer({ image }), [], next, now);
    assert.equal(imageOf(declaredServer(), [], next, now), next);
    assert.equal(of({ tag: "9" }), "registry.io:5000/kes:9");
    assert.equal(of({ repository: "mine/kes" }), "mine/kes");
    assert.equal(of({ repository: "mine/kes", tag: "3" }), "mine/kes:3");
    assert.equal(of({ digest: "sha256:aa" }), "registry.io:5000/kes@sha256:aa");
    assert.equal(of({ pullPolicy: "Always" }), next);
  });

  test("moves with the operator, one server at a time, in the order of names", () => {
    const servers = [running("a", "kes:1"), running("b", "kes:1"), running("c", "kes:1")];
    assert.deepEqual(
      servers.map((server) => imageOf(server, servers, next, now)),
      [next, "kes:1", "kes:1"],
    );
  });

  test("waits for the one before to serve, but not for ever", () => {
    const coming = running("a", next, false);
    const waiting = running("b", "kes:1");
    assert.equal(imageOf(waiting, [coming, waiting], next, now), "kes:1");
    assert.equal(imageOf(waiting, [coming, waiting], next, now + 10 * 60_000), next);
    assert.equal(imageOf(waiting, [running("a", next), waiting], next, now), next);
  });

  test("goes no further than a server whose former pods serve and whose new ones do not come up", () => {
    const coming = running("a", next);
    const rolling = { ...coming, status: { ...coming.status, replicas: 3, readyReplicas: 2, updatedReplicas: 1 } };
    const waiting = running("b", "kes:1");
    assert.equal(imageOf(waiting, [rolling, waiting], next, now + 60 * 60_000), "kes:1");
  });

  test("is looked at again by those behind with whatever lets them move", () => {
    const former = running("a", "kes:1");
    const rolling = running("a", next);
    const status = { ...rolling.status, updatedReplicas: 0 };
    assert.ok(changesTurns(former, { ...rolling, status }), "it moves");
    // As many pods are ready all the while, when one comes before another goes.
    assert.ok(changesTurns({ ...rolling, status }, rolling), "its new pods serve");
    assert.ok(changesTurns(running("a", next, false), rolling), "it is ready");
    assert.ok(changesTurns(running("a", next, false), running("a", next, false, { image: { tag: "1" } })), "pinned");
    assert.ok(changesTurns(rolling, undefined), "it is gone");
    const asked = { ...rolling, status: { ...rolling.status, keystore: { state: "Reachable" as const } } };
    assert.ok(!changesTurns(rolling, asked), "anything else");
  });

  test("of a pinned or paused server holds nobody up", () => {
    const waiting = running("b", "kes:1");
    const pinned = running("a", "kes:1", false, { image: { tag: "1" } });
    assert.equal(imageOf(waiting, [pinned, waiting], next, now), next);
  });
});

function deployment(image: string, observedGeneration: number): LiveWorkload {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "kes", namespace: "keys", generation: 2 },
    spec: { template: { spec: { containers: [{ image }] } } },
    status: { observedGeneration, updatedReplicas: 3 },
  };
}

describe("the count of pods that are up to date", () => {
  test("is of pods with the image that is meant", () => {
    assert.equal(updatedReplicas(deployment("kes:2", 2), "kes:2"), 3);
    assert.equal(updatedReplicas(deployment("kes:1", 2), "kes:2"), 0, "not applied yet");
    assert.equal(updatedReplicas(deployment("kes:2", 1), "kes:2"), 0, "counted before the change was seen");
    assert.equal(updatedReplicas(undefined, "kes:2"), 0);
  });
});

describe("the published CA certificates", () => {
  let [old, fresh, expired] = ["", "", ""];
  before(async () => {
    [old, fresh, expired] = [
      (await makeCa("old")).certPem,
      (await makeCa("new")).certPem,
      (await makeExpired()).certPem,
    ];
  });

  test("are those in use, before them nothing, behind them what was published and has not ended", () => {
    assert.equal(publishedCa([], undefined, now), undefined);
    assert.equal(publishedCa([fresh], undefined, Date.now()), `${fresh.trim()}\n`);
    assert.equal(publishedCa([fresh], `${old}\n${expired}`, Date.now()), `${fresh.trim()}\n${old.trim()}\n`);
  });

  test("are each there once, however they are wrapped", () => {
    const windows = fresh.replaceAll("\n", "\r\n");
    assert.equal(publishedCa([fresh, windows, undefined], fresh, Date.now()), `${fresh.trim()}\n`);
  });

  test("stay when nothing is known of the issuer, and leave out what is no certificate", () => {
    assert.equal(publishedCa([undefined], old, Date.now()), `${old.trim()}\n`);
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    assert.equal(publishedCa([broken, fresh], undefined, Date.now()), `${fresh.trim()}\n`);
  });
});

function verdictOf(given: CertificateView): string {
  const { status, reason, message } = judgeCertificate(given, [], now);
  return [status, reason, message].join("|");
}

describe("the server's certificate", () => {
  type Conditions = readonly { readonly type: string; readonly status: string; readonly message?: string }[];

  function view(certificate: Conditions, request: Conditions, notAfter = "2027-01-01T00:00:00Z"): CertificateView {
    const base = { apiVersion: "cert-manager.io/v1", kind: "Certificate", metadata: { name: "kes-server" } };
    return {
      secretName: "kes-server-tls",
      certificate: { ...base, status: { conditions: certificate, notAfter } },
      request: { ...base, status: { conditions: request } },
      isOwn: false,
    };
  }

  test("is ready while it is issued and has not ended", () => {
    assert.equal(verdictOf(view([{ type: "Ready", status: "True" }], [])), "True|Issued|");
    assert.match(
      verdictOf(view([{ type: "Ready", status: "True" }], [], "2026-11-22T09:00:00Z")),
      /^False\|Expired\|it ended/,
    );
  });

  test("names the issuer that is missing, and who refused", () => {
    const pending = { type: "Ready", status: "False", message: 'Referenced "Issuer" not found: issuer "x" not found' };
    assert.match(verdictOf(view([], [pending])), /^False\|IssuerNotReady\|.*create or repair the issuer/);
    const denied = { type: "Denied", status: "True", message: "policy" };
    assert.match(verdictOf(view([], [denied])), /^False\|Refused\|.*approver/);
    assert.match(verdictOf(view([], [])), /^False\|Issuing\|waiting for cert-manager/);
  });

  test("of the user's own is judged by what pods serve", () => {
    const own = { ...view([], []), isOwn: true };
    const target = { uid: "1", name: "p1", url: "http://p1", ready: true };
    const reasonFor = (tlsNotAfter: string): string =>
      judgeCertificate(own, [{ target, asked: 1, state: { tlsNotAfter } as never, problem: undefined }], now).reason;
    assert.equal(reasonFor("2027-01-01T00:00:00Z"), "OwnSecret");
    assert.equal(reasonFor("2026-11-22T09:00:00Z"), "Expired");
    // The Secret may be missing: nobody has seen it.
    assert.match(
      verdictOf(own),
      /^Unknown\|NotReported\|no pod serves with the certificate in Secret kes-server-tls yet/,
    );
  });
});

describe("an object carries an intent", () => {
  test("when all of it is there, whatever else is", () => {
    const live = { a: 1, list: [{ name: "x", added: true }, { name: "y" }], map: { k: "v", defaulted: "d" } };
    assert.ok(carries(live, { list: [{ name: "x" }], map: { k: "v" } }));
    assert.ok(carries(live, { list: [{ name: "y" }], none: undefined }));
    assert.ok(!carries(live, { list: [{ name: "z" }] }));
    assert.ok(!carries(live, { map: { k: "w" } }));
    assert.ok(!carries(live, { map: "k" }));
    assert.ok(!carries(undefined, { a: 1 }));
    assert.ok(!carries({ list: [] }, { list: [1] }));
  });
});
