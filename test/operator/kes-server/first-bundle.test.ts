// The first bundle of a server, and what makes a server look again: both decide how much is written when a cluster full of
// servers and clients meets an operator for the first time.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { KesIdentity, KesPolicy } from "../../../operator/api/generated.ts";
import { createKesServerController } from "../../../operator/controllers/kes-server/controller.ts";
import type { KesServerDeps } from "../../../operator/controllers/kes-server/deps.ts";
import type { KubeObject } from "../../../operator/kube/object.ts";
import { Store } from "../../../operator/kube/store.ts";
import { Cluster, key, reconcilerOf } from "./memory-cluster.ts";

const hash = (digit: string): string => digit.repeat(64);

function client(name: string, more: Partial<KesIdentity> = {}): KesIdentity {
  return {
    apiVersion: "kes-operator.io/v1alpha1",
    kind: "KesIdentity",
    metadata: { name, namespace: "kes-system", uid: name, resourceVersion: name, generation: 1 },
    spec: {
      serverRef: { name: "kes" },
      policyRef: { name: "minio" },
      certificate: { duration: "24h" },
      connection: { layout: "MinIO" },
    } as KesIdentity["spec"],
    ...more,
  };
}

describe("the first bundle of a server", () => {
  let cluster: Cluster;
  let visit: () => Promise<number>;

  beforeEach(() => {
    cluster = new Cluster();
    ({ visit } = reconcilerOf(cluster));
    cluster.declare();
    cluster.grant();
  });

  test("waits for clients whose hashes are about to be found", async () => {
    cluster.identities.put(client("alice"));
    assert.equal(await visit(), 10_000);
    assert.deepEqual(cluster.writes, []);
    const identities = [{ hash: hash("a"), state: "Active" as const }];
    const metadata = { ...client("alice").metadata, resourceVersion: "2" };
    cluster.identities.put(client("alice", { metadata, status: { source: "Certificate", identities } }));
    await visit();
    assert.deepEqual([...cluster.bundle.identities.keys()], [hash("a")]);
  });

  test("waits for nobody longer than ten seconds", async () => {
    cluster.identities.put(client("alice"));
    await visit();
    cluster.now += 10_000;
    await visit();
    assert.equal(cluster.bundle.identities.size, 0);
  });

  const metadata = client("alice").metadata;
  const quiet: Readonly<Record<string, Partial<KesIdentity>>> = {
    "is paused": { metadata: { ...metadata, annotations: { "kes-operator.io/paused": "true" } } },
    "is another operator's": { metadata: { ...metadata, annotations: { "kes-operator.io/instance": "blue" } } },
    "is being deleted": { metadata: { ...metadata, deletionTimestamp: "2026-11-22T08:00:00Z" } },
    "has its hash in the spec": { spec: { ...client("alice").spec, hash: hash("a") } },
    "is refused its certificate": { status: { source: "Certificate", identities: [] } },
  };
  for (const [what, more] of Object.entries(quiet)) {
    test(`does not wait for a client that ${what}`, async () => {
      cluster.identities.put(client("alice", more));
      await visit();
      assert.equal(cluster.writes[0], "ConfigMap/kes-bundle");
    });
  }

  test("is the only one that waits", async () => {
    await visit();
    cluster.identities.put(client("alice"));
    cluster.grant(hash("b"));
    await visit();
    assert.deepEqual([...cluster.bundle.identities.keys()], [hash("b")]);
  });
});

test("a server looks again when a policy is edited, and not when only its status is another one", () => {
  const cluster = new Cluster();
  cluster.declare();
  const empty = Object.assign(new Store<KubeObject>(), { onInstalled: () => () => undefined });
  const controller = createKesServerController({
    api: undefined,
    servers: cluster.servers,
    policies: cluster.policies,
    identities: cluster.identities,
    keys: empty,
    namespaces: empty,
    pods: empty,
    certificateRequests: empty,
    childrenOf: () => undefined,
    now: () => 0,
  } as unknown as KesServerDeps);
  const policy: KesPolicy = {
    apiVersion: "kes-operator.io/v1alpha1",
    kind: "KesPolicy",
    metadata: { name: "minio", namespace: "kes-system", uid: "1", generation: 1, resourceVersion: "1" },
    spec: { allow: [], deny: [], identities: [], allowedNamespaces: { from: "Same" } },
  };
  let visits: string[] = [];
  const stop = controller.watch((name) => void visits.push(name));
  const visitedFor = (change: Partial<KesPolicy["metadata"]>, more: Partial<KesPolicy> = {}): readonly string[] => {
    visits = [];
    cluster.policies.put({ ...policy, ...more, metadata: { ...policy.metadata, ...change } });
    return visits;
  };
  assert.deepEqual(visitedFor({}), [key]);
  assert.deepEqual(visitedFor({ resourceVersion: "2" }, { status: { identities: 3 } }), []);
  assert.deepEqual(visitedFor({ resourceVersion: "3", labels: { team: "blue" } }), [key]);
  assert.deepEqual(visitedFor({ resourceVersion: "4", labels: { team: "blue" }, generation: 2 }), [key]);
  stop();
});
