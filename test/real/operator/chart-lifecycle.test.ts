// The life of a release, as a user leads it with helm: an earlier release with other fields, flags and images is upgraded to
// this one, rolled back, uninstalled and installed again, while its objects, their keys and their servers stay what they
// are. Pods run as local processes with the ServiceAccount's own rights, in namespaces that enforce "restricted".
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startCertManager } from "../../env/cert-manager/cert-manager.ts";
import type { Component } from "../../env/component.ts";
import { applyManifest, helm, kubectl, tryKubectl } from "../../env/kubectl/kubectl.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { serverCommand, startPodNode } from "../../support/pods/pod-node.ts";
import type { PodNode } from "../../support/pods/pod-node.ts";

const root = join(import.meta.dirname, "../../..");
const chart = join(root, "charts/kes-operator");
const earlier = join(root, "test/charts/archive/kes-operator-0.0.1.tgz");
const earlierServer = "registry.example.net/early/kes:0.0.1";
const server = "ghcr.io/kes-operator/server:0.1.0";
const namespace = "kes-system";
const team = "team-a";
const kinds = ["kesservers", "kespolicies", "kesidentities", "keskeys"] as const;
const apiVersion = "kes-operator.io/v1alpha1";

const objects: readonly object[] = [
  {
    apiVersion,
    kind: "KesServer",
    metadata: { name: "kes", namespace: team },
    spec: { keystore: { fs: { volumeClaim: { size: "1Gi" } } } },
  },
  {
    apiVersion,
    kind: "KesPolicy",
    metadata: { name: "minio", namespace: team },
    spec: { allow: ["/v1/key/generate/minio-*", "/v1/key/decrypt/minio-*"] },
  },
  {
    apiVersion,
    kind: "KesIdentity",
    metadata: { name: "minio", namespace: team },
    spec: { serverRef: { name: "kes" }, policyRef: { name: "minio" }, certificate: {} },
  },
  {
    apiVersion,
    kind: "KesKey",
    metadata: { name: "minio-default", namespace: team },
    spec: { serverRef: { name: "kes" } },
  },
];

let cluster: Kubernetes;
let certManager: Component;
let node: PodNode;
/** Of each object, by kind and name: what must never change. */
let lasting: Readonly<Record<string, unknown>>;

before(async () => {
  cluster = await startKubernetes({ controllers: true });
  for (const name of [namespace, team]) {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await cluster.api.create("/api/v1/namespaces", { metadata: { name, labels } });
  }
  certManager = await startCertManager(cluster);
  const operator = [process.execPath, join(root, "operator/main.ts")];
  node = await startPodNode(cluster, {
    images: {
      "registry.example.net/early/kes-operator:0.0.1": operator,
      [earlierServer]: serverCommand,
      "ghcr.io/kes-operator/operator:0.1.0": operator,
      [server]: serverCommand,
    },
  });
});

after(async () => {
  await node?.[Symbol.asyncDispose]();
  await certManager?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
});

const list = (plural: string): Promise<Json> => cluster.api.get(`/apis/${apiVersion}/namespaces/${team}/${plural}`);

async function whatLasts(): Promise<Readonly<Record<string, unknown>>> {
  const lists = await Promise.all(kinds.map((plural) => list(plural)));
  const all = lists.flatMap(({ items }) => itemsOf(items));
  return Object.fromEntries(
    all.map(({ kind, metadata, spec, status }) => {
      const { fingerprint } = status;
      return [`${kind} ${metadata.name}`, { uid: metadata.uid, spec, ...(kind === "KesKey" && { fingerprint }) }];
    }),
  );
}

async function untilReady(image: string): Promise<void> {
  const names = ["kesserver/kes", "kespolicy/minio", "kesidentity/minio", "keskey/minio-default"];
  // It is Ready with former pods, too.
  const runs = async (): Promise<boolean> => {
    const { image: wanted, updatedReplicas, readyReplicas } = (await list("kesservers")).items[0].status ?? {};
    return wanted === image && updatedReplicas === 1 && readyReplicas === 1;
  };
  const deadline = Date.now() + 120_000;
  while (!(await runs())) {
    assert.ok(Date.now() < deadline, `the server does not move to ${image}`);
    await sleep(200);
  }
  await kubectl(cluster, ["wait", "-n", team, "--for=condition=Ready", "--timeout=90s", ...names]);
}

const helmOn = (...args: readonly string[]): Promise<string> => {
  return helm([...args, "--namespace", namespace, "--wait", "--timeout", "2m"], { kubeconfig: cluster.kubeconfig });
};

const servingPods = async (): Promise<readonly string[]> => {
  const { items } = await cluster.api.get(`/api/v1/namespaces/${team}/pods`);
  return itemsOf(items)
    .filter(isReady)
    .map(({ metadata }) => metadata.name);
};

function isReady(pod: Json): boolean {
  return itemsOf(pod.status.conditions ?? []).some(({ type, status }) => type === "Ready" && status === "True");
}

function itemsOf(list: Json): readonly Json[] {
  return list;
}

test("an earlier release is installed and used", async () => {
  const notes = await helmOn("install", "kes-operator", earlier);
  assert.match(notes, /STATUS: deployed/);
  await applyManifest(cluster, objects);
  await untilReady(earlierServer);
  lasting = await whatLasts();
  assert.match(JSON.stringify(lasting), /"fingerprint":"[0-9a-f]{16}"/);
  assert.equal(Object.keys(lasting).length, 4);
});

test("an upgrade brings new fields, moves the servers, and keeps every object and key", async () => {
  const absent = await tryKubectl(cluster, ["explain", "kespolicy.spec.preset"]);
  assert.notEqual(absent.code, 0);
  const notes = await helmOn("upgrade", "kes-operator", chart);
  // The cluster has one.
  assert.doesNotMatch(notes, /WARNING/);
  await kubectl(cluster, ["explain", "kespolicy.spec.preset"]);
  await untilReady(server);
  assert.deepEqual(await whatLasts(), lasting);
});

const bind = (user: string): readonly string[] => [
  "create",
  "rolebinding",
  user,
  `--clusterrole=${user}`,
  `--user=${user}`,
];

const may = async (user: string, verb: string, plural: string): Promise<boolean> => {
  const { stdout } = await tryKubectl(cluster, [
    "auth",
    "can-i",
    verb,
    `${plural}.kes-operator.io`,
    "--as",
    user,
    "-n",
    team,
  ]);
  return stdout.trim() === "yes";
};

test("an editor may ask for access, and only an administrator give it", async () => {
  for (const user of ["view", "edit", "admin"]) await kubectl(cluster, [...bind(user), "-n", team]);
  const deadline = Date.now() + 20_000;
  while (!(await may("admin", "create", "kesservers"))) assert.ok(Date.now() < deadline, "roles are not aggregated");
  for (const plural of kinds) {
    assert.equal(await may("view", "list", plural), true, plural);
    assert.equal(await may("view", "update", plural), false, plural);
    assert.equal(await may("edit", "create", plural), plural === "kesidentities", plural);
    assert.equal(await may("admin", "create", plural), true, plural);
  }
});

test("a rollback keeps every object and key", async () => {
  await helmOn("rollback", "kes-operator", "1");
  await untilReady(earlierServer);
  assert.deepEqual(await whatLasts(), lasting);
});

test("without the operator and its release, objects stay and servers go on", async () => {
  await helmOn("upgrade", "kes-operator", chart);
  await untilReady(server);
  const before = await servingPods();
  assert.equal(before.length, 1);
  await helmOn("uninstall", "kes-operator");
  assert.deepEqual(await whatLasts(), lasting);
  assert.deepEqual(await servingPods(), before);
  await kubectl(cluster, ["wait", "-n", namespace, "--for=delete", "pod", "--all", "--timeout=40s"]);
});

test("installed again, it takes up what it finds", async () => {
  await helmOn("install", "kes-operator", chart);
  await untilReady(server);
  assert.deepEqual(await whatLasts(), lasting);
});

const observed = async (): Promise<boolean> => {
  const [{ metadata, status }] = (await list("kespolicies")).items;
  return status.observedGeneration === metadata.generation;
};

test("for named namespaces it works with the rights it has there alone", async () => {
  await helmOn("upgrade", "kes-operator", chart, "--set", `watchNamespaces={${team}}`);
  const roles = await cluster.api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles");
  assert.deepEqual(
    itemsOf(roles.items)
      .map(({ metadata }): string => metadata.name)
      .filter((name) => name.startsWith("kes-operator")),
    [],
  );
  await cluster.api.merge(`/apis/${apiVersion}/namespaces/${team}/kespolicies/minio`, {
    spec: { deny: ["/v1/key/decrypt/minio-secret"] },
  });
  const deadline = Date.now() + 30_000;
  while (!(await observed())) {
    assert.ok(Date.now() < deadline, "the edit is not seen");
    await sleep(100);
  }
  await untilReady(server);
});

test("crds.keep=false takes everything away", async () => {
  await helmOn("upgrade", "kes-operator", chart, "--set", "crds.keep=false");
  await helmOn("uninstall", "kes-operator");
  const left = await kubectl(cluster, ["get", "crd", "-o", "name"]);
  assert.doesNotMatch(left, /kes-operator/);
});
