// A server beside MinIO in one pod, from the snippet that the operator writes: which of the two starts and ends first, and who
// serves while the sidecar is away.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { Minio } from "../bucket.ts";
import { minioObjects } from "../central.ts";
import type { Cluster } from "../cluster.ts";
import { until } from "../until.ts";
import { makeNamespace } from "../world.ts";
import type { Scenario, World } from "../world.ts";

const namespace = "beside";
const pod = "minio-0";
/** How often the sidecar is ended. */
const ends = 3;
/** Objects after each end. */
const writes = 30;
const finalizer = "kes-operator.io/e2e-looks-at-the-end";

export const sidecar: Scenario = {
  name: "sidecar",
  title: "a sidecar serves the MinIO of its pod, and a central server while it is away",
  async run(world, step) {
    const { cluster } = world;
    await world.operator();
    await step("the operator has written the snippet, and the central server is ready", () => declare(world));
    await step("MinIO starts with the snippet pasted into its StatefulSet, after the sidecar", () =>
      startMinio(cluster),
    );
    await using minio = await Minio.open(cluster, { namespace });
    await step("its objects are encrypted by the sidecar, not by the central server", async () => {
      await minio.must({ method: "PUT", path: "/beside" });
      const before = await servedBy(cluster, "central");
      for (let number = 0; number < 20; number += 1) await writeAndRead(minio, `/beside/object-${number}`);
      assert.equal(await minio.occurrences("beside", "beside MinIO"), 0);
      assert.equal(await servedBy(cluster, "central"), before, "the central server saw none of it");
      return `${await servedBy(cluster, "sidecar")} requests to the sidecar`;
    });
    await step("the sidecar is ended again and again: the central server stands in, and no request fails", () =>
      withoutSidecar(cluster, minio),
    );
    await step("MinIO ends before the sidecar", () => endPod(cluster));
    await step("what was written opens after all of that", async () => {
      await cluster.kubectl("-n", namespace, "rollout", "status", "statefulset/minio", "--timeout=180s");
      await minio.connect();
      await until(
        "MinIO answers",
        async () => (await minio.ask({ method: "GET", path: "/beside/object-0" })).status === 200,
      );
    });
  },
};

async function declare(world: World): Promise<void> {
  const { cluster } = world;
  const vault = await world.vault();
  await makeNamespace(cluster, namespace);
  // A sidecar logs in to Vault as its pod.
  await vault.admit(namespace, "central,minio", { prefix: "beside", ttl: "1h" });
  const metadata = { name: "vault-ca", namespace };
  await cluster.apply([{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": await vault.caPem() } }]);
  await cluster.apply(readFileSync(join(import.meta.dirname, "../manifests/sidecar.yaml"), "utf8"));
  // The policy is not: no pod of the sidecar's enforces it yet.
  const objects = ["kesserver/local", "kesserver/central", "keskey/minio-default"];
  await cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "--timeout=180s", ...objects);
  await admitToFallback(cluster);
}

/** The central server knows MinIO by the hash that the sidecar's identity has. */
async function admitToFallback(cluster: Cluster): Promise<void> {
  const hash = await until("MinIO's identity is known", async () => {
    const { status }: Json = await cluster.get("kesidentity", "minio", "-n", namespace);
    return status?.identity;
  });
  const spec = { serverRef: { name: "central" }, policyRef: { name: "minio" }, hash };
  const metadata = { name: "minio-central", namespace };
  await cluster.apply([{ apiVersion: "kes-operator.io/v1alpha1", kind: "KesIdentity", metadata, spec }]);
  await cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "--timeout=60s", "kesidentity/minio-central");
}

/** docs/examples/minio.yaml with what ConfigMap local-sidecar says to add. */
async function startMinio(cluster: Cluster): Promise<string> {
  const { data }: Json = await cluster.get("configmap", "local-sidecar", "-n", namespace);
  const snippet: Json = parse(data["native-sidecar.yaml"]);
  const objects = minioObjects(namespace);
  const set: Json = objects.find(({ kind }) => kind === "StatefulSet") ?? assert.fail("the example has no StatefulSet");
  const { template } = set.spec;
  Object.assign(template.metadata.labels, snippet.metadata.labels);
  template.spec.initContainers = snippet.spec.initContainers;
  template.spec.volumes = [...template.spec.volumes, ...snippet.spec.volumes];
  template.spec.serviceAccountName = "minio";
  await cluster.apply(objects);
  await cluster.kubectl("-n", namespace, "rollout", "status", "statefulset/minio", "--timeout=180s");
  const { status }: Json = await cluster.get("pod", pod, "-n", namespace);
  const [sidecarStart, minioStart] = [status.initContainerStatuses[0], status.containerStatuses[0]].map(startOf);
  assert.ok((sidecarStart ?? 0) < (minioStart ?? 0), `the sidecar at ${sidecarStart}, MinIO at ${minioStart}`);
  assert.equal(status.containerStatuses[0].restartCount, 0, "MinIO found it at once");
  return `${((minioStart ?? 0) - (sidecarStart ?? 0)) / 1000} s after it`;
}

function startOf({ state }: Json): number {
  return Date.parse(state.running.startedAt);
}

async function writeAndRead(minio: Minio, path: string): Promise<void> {
  const headers = {
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "minio-default",
  };
  await minio.must({ method: "PUT", path, headers, body: "beside MinIO ".repeat(100) });
  const { body } = await minio.must({ method: "GET", path });
  assert.equal(body.toString(), "beside MinIO ".repeat(100));
}

/** How many data keys a server has made or opened, by its audit log. */
async function servedBy(cluster: Cluster, server: "sidecar" | "central"): Promise<number> {
  const target = server === "sidecar" ? [pod, "-c", "kes"] : ["deployment/central"];
  const log = await cluster.kubectl("-n", namespace, "logs", ...target);
  return log.split("\n").filter((line) => /\/v1\/key\/(?:generate|decrypt)\//.test(line)).length;
}

/** Each end makes the kubelet wait longer before it starts the sidecar again. Objects are written and read from before the end on. */
async function withoutSidecar(cluster: Cluster, minio: Minio): Promise<string> {
  const before = await servedBy(cluster, "central");
  let objects = 0;
  for (let round = 0; round < ends; round += 1) {
    let isOver = false;
    const end = untilEnded(cluster).finally(() => (isOver = true));
    const write = async (): Promise<void> => {
      for (let later = 0; later < writes; later += isOver ? 1 : 0) {
        await writeAndRead(minio, `/beside/away-${objects}`);
        objects += 1;
        await sleep(20);
      }
    };
    await Promise.all([end, write()]);
    await until("the sidecar runs again", () => isRunning(cluster), 120);
  }
  const served = (await servedBy(cluster, "central")) - before;
  assert.ok(served > 0, "the central server stood in");
  return `${objects} objects written and read, none failed; the central server served ${served} data keys`;
}

async function untilEnded(cluster: Cluster): Promise<void> {
  const began = await restarts(cluster);
  await endSidecar(cluster);
  const hasEnded = async (): Promise<boolean> => !(await isRunning(cluster)) || (await restarts(cluster)) > began;
  await until("the sidecar has ended", hasEnded, 30, 50);
}

/** By a signal to its first process, which only takes those that it listens to. */
async function endSidecar(cluster: Cluster): Promise<void> {
  const script = 'process.kill(1, "SIGTERM")';
  await cluster.kubectl("-n", namespace, "exec", pod, "-c", "kes", "--", "/nodejs/bin/node", "-e", script);
}

async function sidecarStatus(cluster: Cluster): Promise<Json> {
  const { status }: Json = await cluster.get("pod", pod, "-n", namespace);
  return status.initContainerStatuses[0];
}

async function isRunning(cluster: Cluster): Promise<boolean> {
  const { state, started } = await sidecarStatus(cluster);
  return state.running !== undefined && started === true;
}

async function restarts(cluster: Cluster): Promise<number> {
  return (await sidecarStatus(cluster)).restartCount;
}

/** A finalizer keeps the pod after its end, with the times of both. */
async function endPod(cluster: Cluster): Promise<string> {
  const setFinalizers = (finalizers: readonly string[] | null): Promise<string> => {
    const patch = JSON.stringify({ metadata: { finalizers } });
    return cluster.kubectl("-n", namespace, "patch", "pod", pod, "--type=merge", "-p", patch);
  };
  await setFinalizers([finalizer]);
  try {
    await cluster.kubectl("-n", namespace, "delete", "pod", pod, "--wait=false");
    const ends = await until("both have ended", async () => {
      const { status }: Json = await cluster.get("pod", pod, "-n", namespace);
      const states = [...status.containerStatuses, ...status.initContainerStatuses].map(
        ({ state }: Json) => state.terminated,
      );
      return states.every((state) => state !== undefined) && states;
    });
    const [minioEnd = 0, sidecarEnd = 0] = ends.map(({ finishedAt }: Json) => Date.parse(finishedAt));
    assert.ok(minioEnd <= sidecarEnd, `MinIO at ${minioEnd}, the sidecar at ${sidecarEnd}`);
    assert.equal(ends[1].exitCode, 0, "the sidecar ended by itself");
    return `${(sidecarEnd - minioEnd) / 1000} s before it`;
  } finally {
    await setFinalizers(null);
  }
}
