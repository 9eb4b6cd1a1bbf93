// Visits to a KesServer against an API kept in memory: what is written when, and what the status says of it. The real API
// server's part in it is tried in test/real.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { beforeEach, describe, test } from "node:test";
import { findCondition } from "../../../operator/api/conditions.ts";
import type { KesPolicy } from "../../../operator/api/generated.ts";
import type { ServerReconciler } from "../../../operator/controllers/kes-server/reconcile.ts";
import { ApiError } from "../../../operator/kube/errors.ts";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";
import type { Json } from "./declared-server.ts";
import { Cluster, key, reconcilerOf } from "./memory-cluster.ts";

const hashOf = (at: number): string => at.toString(16).padStart(64, "0");

let cluster: Cluster;
let visit: () => Promise<number>;
let reconciler: ServerReconciler;

beforeEach(() => {
  cluster = new Cluster();
  ({ visit, reconciler } = reconcilerOf(cluster));
  cluster.declare();
});

describe("a visit", () => {
  test("writes the policies first, then the children, then the status, and nothing when all is in order", async () => {
    cluster.grant(hashOf(1));
    await visit();
    assert.equal(cluster.writes[0], "ConfigMap/kes-bundle");
    assert.equal(cluster.writes.at(-1), "KesServer/kes status");
    assert.ok(cluster.writes.includes("Deployment/kes"));
    assert.deepEqual([...cluster.bundle.identities], [[hashOf(1), "minio"]]);
    await visit();
    cluster.writes.length = 0;
    await visit();
    assert.deepEqual(cluster.writes, []);
  });

  test("mends what somebody else changed, and only that", async () => {
    await visit();
    await visit();
    cluster.writes.length = 0;
    const services = cluster.kinds.get("Service");
    const service: Json = services?.get({ namespace: "kes-system", name: "kes" });
    services?.put({
      ...service,
      spec: { ...service.spec, selector: {} },
      metadata: { ...service.metadata, resourceVersion: "x" },
    });
    assert.deepEqual(
      cluster.events.filter((event) => event.startsWith("Repaired")),
      [],
    );
    await visit();
    assert.deepEqual(cluster.writes, ["Service/kes"]);
    const told = "Repaired: somebody else had changed or deleted the Service kes; it is put right";
    assert.ok(cluster.events.includes(told));
  });

  test("restores a bundle that was damaged", async () => {
    cluster.grant(hashOf(1));
    await visit();
    const configMaps = cluster.kinds.get("ConfigMap");
    const damaged: Json = configMaps?.get({ namespace: "kes-system", name: "kes-bundle" });
    configMaps?.put({
      ...damaged,
      data: { "bundle.json": "{}" },
      metadata: { ...damaged.metadata, resourceVersion: "x" },
    });
    await visit();
    assert.deepEqual([...cluster.bundle.identities.keys()], [hashOf(1)]);
  });

  test("removes what a switched-off feature left behind, if it is the server's own", async () => {
    cluster.declare({ keystore: { vault: { endpoint: "https://vault:8200", auth: { kubernetes: { role: "kes" } } } } });
    await visit();
    assert.ok(cluster.writes.includes("PodDisruptionBudget/kes"), cluster.writes.join());
    cluster.declare({
      replicas: 1,
      keystore: { vault: { endpoint: "https://vault:8200", auth: { kubernetes: { role: "kes" } } } },
    });
    const budgets = cluster.kinds.get("PodDisruptionBudget");
    const own: Json = budgets?.get({ namespace: "kes-system", name: "kes" });
    budgets?.put({ ...own, metadata: { ...own.metadata, ownerReferences: [], resourceVersion: "y" } });
    await visit();
    assert.ok(!cluster.writes.includes("PodDisruptionBudget/kes deleted"), "somebody else's stays");
    budgets?.put({ ...own, metadata: { ...own.metadata, resourceVersion: "z" } });
    await visit();
    assert.ok(cluster.writes.includes("PodDisruptionBudget/kes deleted"));
  });

  test("shows in the status what the API refused, and tries again", async () => {
    const attempt = { verb: "patch", resource: "deployments.apps", object: key };
    const refusal = { status: 403, reason: "Forbidden", detail: "no", causes: [], retryAfter: undefined };
    cluster.refusals.set("Deployment", new ApiError(attempt, refusal));
    await assert.rejects(visit(), /patch deployments/);
    assert.equal(cluster.says("Accepted"), "False ApplyFailed");
    assert.match(findCondition(cluster.status.conditions, "Ready")?.message ?? "", /patch deployments/);
    cluster.refusals.clear();
    await visit();
    assert.match(cluster.says("Accepted"), /^True/);
  });

  test("does not take over what belongs to somebody else", async () => {
    await visit();
    const services = cluster.kinds.get("Service");
    const service: Json = services?.get({ namespace: "kes-system", name: "kes" });
    const owner = { apiVersion: "v1", kind: "KesServer", name: "other", uid: "u2", controller: true };
    services?.put({ ...service, metadata: { ...service.metadata, ownerReferences: [owner], resourceVersion: "x" } });
    cluster.writes.length = 0;
    await assert.rejects(visit(), /Service kes belongs to KesServer other; rename one/);
    assert.deepEqual(cluster.writes, ["KesServer/kes status"]);
    assert.equal(cluster.says("Accepted"), "False ApplyFailed");
  });

  test("writes nothing while the server is paused, and goes on reporting to others", async () => {
    await visit();
    cluster.declare({}, { annotations: { "kes-operator.io/paused": "true" } });
    cluster.writes.length = 0;
    cluster.grant(hashOf(1));
    await visit();
    await visit();
    assert.deepEqual(cluster.writes, []);
    assert.equal(cluster.events.filter((event) => event.startsWith("Paused")).length, 1);
    assert.equal(cluster.board.policy("kes-system", "minio").length, 1);
  });

  test("leaves servers of other operators alone", async () => {
    cluster.declare({}, { annotations: { "kes-operator.io/instance": "other" } });
    await visit();
    assert.deepEqual(cluster.writes, []);
  });

  test("forgets a server that is gone", async () => {
    await visit();
    assert.ok(cluster.board.server(key));
    cluster.servers.remove({ namespace: "kes-system", name: "kes" }, false);
    await visit();
    assert.equal(cluster.board.server(key), undefined);
  });
});

describe("policies", () => {
  test("that only give more are published at once", async () => {
    cluster.grant(hashOf(1));
    await visit();
    cluster.grant(hashOf(1), hashOf(2));
    await visit();
    assert.equal(cluster.bundle.identities.size, 2);
  });

  test("that take something wait a moment for what belongs to it", async () => {
    cluster.grant(hashOf(1), hashOf(2));
    await visit();
    cluster.grant(hashOf(2));
    cluster.writes.length = 0;
    assert.equal(await visit(), 200);
    assert.deepEqual(cluster.writes, []);
    assert.equal(cluster.bundle.identities.size, 2);
    cluster.now += 200;
    await visit();
    assert.deepEqual([...cluster.bundle.identities.keys()], [hashOf(2)]);
  });

  test("that take from most without anybody having asked for it are held, and said to be", async () => {
    cluster.grant(...Array.from({ length: 30 }, (_, at) => hashOf(at + 1)));
    await visit();
    cluster.grant(hashOf(1));
    await visit();
    cluster.now += 200;
    const after = await visit();
    assert.ok(after > 25_000 && after <= 30_000, String(after));
    assert.equal(cluster.bundle.identities.size, 30);
    assert.equal(cluster.says("PoliciesSynced"), "False RevocationHeld");
    assert.equal(cluster.board.policy("kes-system", "minio")[0]?.programmed.reason, "RevocationHeld");
    cluster.now += 30_000;
    await visit();
    assert.equal(cluster.bundle.identities.size, 1);
  });

  test("that give something go out while others are held, and so do removals that somebody asked for", async () => {
    const all = Array.from({ length: 30 }, (_, at) => hashOf(at + 1));
    cluster.grant(...all);
    await visit();
    cluster.grant(hashOf(1));
    await visit();
    cluster.now += 200;
    await visit();
    assert.equal(cluster.says("PoliciesSynced"), "False RevocationHeld");
    cluster.writes.length = 0;
    cluster.grant(hashOf(1), ...Array.from({ length: 70 }, (_, at) => hashOf(at + 100)));
    const after = await visit();
    assert.equal(cluster.writes[0], "ConfigMap/kes-bundle");
    assert.equal(cluster.bundle.identities.size, 100);
    assert.ok(after > 20_000 && after <= 30_000, String(after));
    assert.equal(cluster.says("PoliciesSynced"), "False RevocationHeld");
    cluster.now += 30_000;
    await visit();
    assert.equal(cluster.bundle.identities.size, 71);
    assert.notEqual(cluster.says("PoliciesSynced"), "False RevocationHeld");
  });

  test("that take from most because somebody edited them go out", async () => {
    cluster.grant(...Array.from({ length: 30 }, (_, at) => hashOf(at + 1)));
    await visit();
    const ref = { namespace: "kes-system", name: "minio" };
    const before = cluster.policies.get(ref);
    cluster.grant(hashOf(1));
    const now: KesPolicy | undefined = cluster.policies.get(ref);
    reconciler.memoryOf(key).drops.sawPolicy({ ref, before, now });
    await visit();
    cluster.now += 200;
    await visit();
    assert.equal(cluster.bundle.identities.size, 1);
  });

  test("are held although those who lose were edited before, in ways that took nothing from them", async () => {
    cluster.grant(...Array.from({ length: 30 }, (_, at) => hashOf(at + 1)));
    await visit();
    reconciler.memoryOf(key).drops.sawServerEdit();
    await visit();
    cluster.grant(hashOf(1));
    await visit();
    cluster.now += 200;
    await visit();
    assert.equal(cluster.says("PoliciesSynced"), "False RevocationHeld");
  });

  test("that were asked for while a bundle was being written are not held afterwards", async () => {
    cluster.grant(...Array.from({ length: 30 }, (_, at) => hashOf(at + 1)));
    await visit();
    cluster.grant(...Array.from({ length: 31 }, (_, at) => hashOf(at + 1)));
    const { drops } = reconciler.memoryOf(key);
    const writing = visit();
    drops.sawServerEdit();
    await writing;
    cluster.grant(hashOf(1));
    await visit();
    cluster.now += 200;
    await visit();
    assert.equal(cluster.bundle.identities.size, 1);
  });

  test("of an operator that was restarted are those of the ConfigMap until something differs", async () => {
    cluster.grant(...Array.from({ length: 30 }, (_, at) => hashOf(at + 1)));
    await visit();
    const next = reconcilerOf(cluster);
    cluster.grant(hashOf(1));
    await next.visit();
    cluster.now += 200;
    await next.visit();
    assert.equal(cluster.bundle.identities.size, 30, "nobody saw an edit");
  });

  test("that do not fit leave the former in force", async () => {
    cluster.grant(hashOf(1));
    await visit();
    const many = Array.from({ length: 50 }, (_, at): KesPolicy => {
      const allow = Array.from({ length: 200 }, () => `/v1/key/generate/${randomBytes(110).toString("base64url")}`);
      const spec = { allow, deny: [], identities: [], allowedNamespaces: { from: "Same" as const } };
      const metadata = { name: `p${at}`, namespace: "kes-system", generation: 1, resourceVersion: `p${at}` };
      return { apiVersion: "kes-operator.io/v1alpha1", kind: "KesPolicy", metadata, spec };
    });
    for (const policy of many) cluster.policies.put(policy);
    await visit();
    assert.equal(cluster.says("PoliciesSynced"), "False BundleTooLarge");
    assert.deepEqual([...cluster.bundle.policies.keys()], ["minio"]);
  });
});

const state = (revision: string, keystore: SyncState["keystore"]): SyncState => ({
  revision,
  server: key,
  source: "watch",
  appliedAt: null,
  ageSeconds: 0,
  stale: false,
  policies: 0,
  identities: 0,
  sources: {},
  rejected: 0,
  lastError: null,
  keys: {},
  tlsNotAfter: "2030-01-01T00:00:00Z",
  keystore,
});
const good: SyncState["keystore"] = { state: "Reachable", latencyMs: 2, problem: null };

function pod(name: string, ip: string, ready: boolean): void {
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  cluster.pods.put({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "kes-system",
      uid: name,
      labels: { "kes-operator.io/server": "kes" },
      resourceVersion: `${name}${ready}`,
    },
    status: { phase: "Running", podIP: ip, conditions },
  });
}

async function asked(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60));
  await visit();
}

describe("a spec that makes no sense any more", () => {
  const senseless = { extraVolumes: [{ name: "kes-tls", emptyDir: {} }] };

  test("keeps no revocation back, and everything else", async () => {
    cluster.grant(hashOf(1), hashOf(2));
    await visit();
    cluster.declare({ ...senseless, networkPolicy: { enabled: true } });
    cluster.grant(hashOf(1));
    await visit();
    cluster.now += 200;
    cluster.writes.length = 0;
    await visit();
    assert.deepEqual(cluster.writes, ["ConfigMap/kes-bundle", "KesServer/kes status"]);
    assert.deepEqual([...cluster.bundle.identities.keys()], [hashOf(1)]);
    assert.equal(cluster.says("Accepted"), "False InvalidSpec");
    const [found] = cluster.board.policy("kes-system", "minio");
    assert.equal(found?.programmed.reason, "NoReadyReplicas");
  });

  test("keeps none back in an operator that was restarted, even if the bundle is gone", async () => {
    cluster.grant(hashOf(1), hashOf(2));
    await visit();
    cluster.declare(senseless);
    cluster.grant(hashOf(1));
    cluster.kinds.get("ConfigMap")?.remove({ namespace: "kes-system", name: "kes-bundle" }, false);
    await reconcilerOf(cluster).visit();
    assert.deepEqual([...cluster.bundle.identities.keys()], [hashOf(1)]);
  });

  test("lets nobody else change the bundle", async () => {
    await visit();
    cluster.declare(senseless);
    await visit();
    const configMaps = cluster.kinds.get("ConfigMap");
    const own: Json = configMaps?.get({ namespace: "kes-system", name: "kes-bundle" });
    configMaps?.put({ ...own, data: { "bundle.json": "{}" }, metadata: { ...own.metadata, resourceVersion: "x" } });
    cluster.writes.length = 0;
    await visit();
    assert.deepEqual(cluster.writes, ["ConfigMap/kes-bundle"]);
    assert.equal(cluster.bundle.server, key);
  });

  test("makes nothing of a server that never made any", async () => {
    cluster.declare(senseless);
    cluster.grant(hashOf(1));
    await visit();
    assert.deepEqual(cluster.writes, ["KesServer/kes status"]);
    assert.equal(cluster.says("PoliciesSynced"), "False NotPublished");
    assert.equal(cluster.board.policy("kes-system", "minio")[0]?.programmed.reason, "NotPublished");
  });
});

/** What the board says of a policy: how far the pods have it. */
function programmed(policy = "minio"): string {
  const [found] = cluster.board.policy("kes-system", policy);
  return `${found?.programmed.status} ${found?.programmed.reason}`;
}

/** One pod is ready and has the bundle that is out. */
async function havingConfirmed(): Promise<void> {
  await visit();
  pod("p1", "10.0.0.1", true);
  cluster.syncz.set("http://10.0.0.1:8081/syncz", state(cluster.status.bundle?.revision ?? "", good));
  await visit();
  await asked();
  assert.equal(programmed(), "True AllReplicasInSync");
}

describe("what was not written", () => {
  const paused = { annotations: { "kes-operator.io/paused": "true" } };
  const obstacles = {
    Paused: { raise: () => cluster.declare({}, paused), lower: () => cluster.declare() },
    ApplyFailed: {
      raise: () => void cluster.refusals.set("ConfigMap", new Error("exceeded quota: keys-of-the-bank")),
      lower: () => cluster.refusals.clear(),
    },
  };
  for (const [reason, { raise, lower }] of Object.entries(obstacles)) {
    test(`is confirmed by no pod, then or later: ${reason}`, async () => {
      cluster.grant(hashOf(1), hashOf(2));
      await havingConfirmed();
      raise();
      cluster.grant(hashOf(1));
      await visit();
      cluster.now += 200;
      await visit().catch(() => undefined);
      assert.equal(cluster.bundle.identities.size, 2);
      assert.equal(programmed(), `False ${reason}`);
      const { message } = cluster.board.policy("kes-system", "minio")[0]?.programmed ?? assert.fail();
      assert.doesNotMatch(message, /bank/);
      lower();
      await visit();
      assert.equal(cluster.bundle.identities.size, 1);
      assert.equal(programmed(), "False Propagating");
      assert.equal(cluster.says("PoliciesSynced"), "False Propagating");
    });
  }

  test("is said to be so of what is new alone", async () => {
    cluster.grant(hashOf(1));
    await havingConfirmed();
    cluster.refusals.set("ConfigMap", new Error("exceeded quota"));
    declarePolicy("other");
    await assert.rejects(visit(), /quota/);
    assert.deepEqual([programmed(), programmed("other")], ["True AllReplicasInSync", "False ApplyFailed"]);
    assert.equal(cluster.says("PoliciesSynced"), "False ApplyFailed");
  });

  test("is confirmed by no pod while the brake holds something else", async () => {
    cluster.grant(...Array.from({ length: 30 }, (_, at) => hashOf(at + 1)));
    await havingConfirmed();
    cluster.declare({}, paused);
    cluster.grant(hashOf(1));
    declarePolicy("other");
    await visit();
    cluster.now += 200;
    await visit();
    assert.deepEqual([programmed(), programmed("other")], ["False Paused", "False Paused"]);
  });
});

function declarePolicy(name: string): void {
  const spec = { allow: ["/v1/status"], deny: [], identities: [], allowedNamespaces: { from: "Same" as const } };
  const metadata = { name, namespace: "kes-system", generation: 1, resourceVersion: name };
  cluster.policies.put({ apiVersion: "kes-operator.io/v1alpha1", kind: "KesPolicy", metadata, spec });
}

describe("pods", () => {
  test("that have the policies make them programmed; a store that some cannot reach is said with what they say", async () => {
    cluster.grant(hashOf(1));
    await visit();
    const revision = cluster.status.bundle?.revision ?? "";
    for (const [name, ip] of [
      ["p1", "10.0.0.1"],
      ["p2", "10.0.0.2"],
    ] as const)
      pod(name, ip, true);
    cluster.syncz.set("http://10.0.0.1:8081/syncz", state(revision, good));
    cluster.syncz.set(
      "http://10.0.0.2:8081/syncz",
      state("older", { state: "Unreachable", latencyMs: 9, problem: "sealed" }),
    );
    await visit();
    await asked();
    assert.equal(cluster.says("PoliciesSynced"), "False Propagating");
    assert.equal(cluster.says("KeystoreReachable"), "False Unreachable");
    assert.match(findCondition(cluster.status.conditions, "KeystoreReachable")?.message ?? "", /^p2: sealed/);
    assert.deepEqual([cluster.status.keystore?.state, cluster.status.keystore?.latencyMs], ["Degraded", 9]);
    assert.equal(cluster.board.policy("kes-system", "minio")[0]?.programmed.status, "False");
    cluster.now += 121_000;
    await visit();
    assert.equal(cluster.says("PoliciesSynced"), "False PropagationTimeout");
  });

  test("that are gone do not make the store one that was never used", async () => {
    await visit();
    pod("p1", "10.0.0.1", true);
    cluster.syncz.set("http://10.0.0.1:8081/syncz", state("r", good));
    await visit();
    await asked();
    assert.equal(cluster.status.keystore?.state, "Reachable");
    cluster.pods.remove({ namespace: "kes-system", name: "p1" }, false);
    await visit();
    assert.equal(cluster.status.keystore.state, "Reachable");
    assert.equal(cluster.says("KeystoreReachable"), "Unknown NotProbed");
  });

  test("that are not ready say why", async () => {
    await visit();
    cluster.pods.put({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p1", namespace: "kes-system", uid: "p1", labels: { "kes-operator.io/server": "kes" } },
      status: {
        phase: "Pending",
        containerStatuses: [
          {
            name: "kes",
            state: { waiting: { reason: "CreateContainerConfigError", message: 'secret "vault" not found' } },
          },
        ],
      },
    });
    await visit();
    assert.equal(cluster.says("Available"), "False NoReadyReplicas");
    const message = findCondition(cluster.status.conditions, "Available")?.message ?? "";
    assert.equal(message.includes('p1: CreateContainerConfigError: secret "vault" not found'), true, message);
  });
});
