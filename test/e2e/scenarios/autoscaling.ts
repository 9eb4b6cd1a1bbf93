// A HorizontalPodAutoscaler makes servers more and fewer while MinIO works with them. How busy they are is what a stand-in for
// metrics-server says.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { central, servers } from "../central.ts";
import type { Cluster } from "../cluster.ts";
import { version } from "../images.ts";
import { Load } from "../load.ts";
import { until } from "../until.ts";
import { makeNamespace } from "../world.ts";
import type { Scenario } from "../world.ts";

const namespace = "metrics";
const image = `ghcr.io/kes-operator/server:${version()}`;
const scaling = {
  minReplicas: 2,
  maxReplicas: 4,
  targetCPUUtilizationPercentage: 75,
  // Not five minutes, as it is by default.
  behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
};
/** Milliseconds that the load goes on with each number of servers. */
const pause = 5000;

export const autoscaling: Scenario = {
  name: "autoscaling",
  title: "an autoscaler takes servers from 2 to 4 and back under load, and no request fails",
  async run(world, step) {
    const { cluster } = world;
    const { minio } = await central(world);
    await step("a stand-in for metrics-server says that they are idle, and they are autoscaled", () =>
      prepare(cluster),
    );
    try {
      await using load = new Load(minio, "autoscaling");
      await step("busy, they become four", () => become(cluster, 4, "300m"));
      await sleep(pause);
      await step("meanwhile", async () => load.summary());
      await step("idle, they become two", () => become(cluster, 2, "10m"));
      await sleep(pause);
      await step("meanwhile", async () => load.summary());
    } finally {
      await patch(cluster, { autoscaling: null });
      await cluster.kubectl("delete", "apiservice", "v1beta1.metrics.k8s.io");
    }
  },
};

async function prepare(cluster: Cluster): Promise<void> {
  await makeNamespace(cluster, namespace);
  await say(cluster, "50m");
  const manifest = readFileSync(join(import.meta.dirname, "../manifests/metrics.yaml"), "utf8");
  await cluster.apply(manifest.replace("$(image)", image));
  await cluster.kubectl("-n", namespace, "rollout", "status", "deployment/metrics", "--timeout=120s");
  await cluster.kubectl("wait", "--for=condition=Available", "--timeout=60s", "apiservice/v1beta1.metrics.k8s.io");
  await patch(cluster, { replicas: null, autoscaling: scaling });
  await until("the autoscaler knows how busy they are", async () => {
    const { status }: Json = await cluster.get("hpa", servers.name, "-n", servers.namespace);
    return status?.currentMetrics?.[0]?.resource?.current?.averageUtilization === 50;
  });
  assert.equal(await ready(cluster), 2);
}

/** CPU use of every pod; each requests 100m. */
async function say(cluster: Cluster, cpu: string): Promise<void> {
  const metadata = { name: "usage", namespace };
  await cluster.apply([{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { cpu } }]);
}

async function patch(cluster: Cluster, spec: object): Promise<void> {
  const words = ["patch", "kesserver", servers.name, "--type=merge", "-p", JSON.stringify({ spec })];
  await cluster.kubectl("-n", servers.namespace, ...words);
}

async function become(cluster: Cluster, count: number, cpu: string): Promise<void> {
  await say(cluster, cpu);
  const isReached = async (): Promise<boolean> => {
    const { items }: Json = await cluster.get(
      "pods",
      "-n",
      servers.namespace,
      "-l",
      `kes-operator.io/server=${servers.name}`,
    );
    return items.length === count && (await ready(cluster)) === count;
  };
  await until(`${count} servers`, isReached, 120, 500);
}

async function ready(cluster: Cluster): Promise<number> {
  const { status }: Json = await cluster.get("deployment", servers.name, "-n", servers.namespace);
  return status.readyReplicas;
}
