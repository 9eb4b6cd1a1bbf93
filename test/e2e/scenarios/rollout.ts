// Servers are replaced by others, of the same release and of the next one, and no read fails.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { central, servers } from "../central.ts";
import { Load } from "../load.ts";
import type { Step } from "../report.ts";
import { podNames, untilReplaced } from "../server-pods.ts";
import { until } from "../until.ts";
import { operatorNamespace } from "../world.ts";
import type { Scenario, World } from "../world.ts";
import { nextRelease, provideNextRelease } from "./release.ts";

const chart = join(import.meta.dirname, "../../../charts/kes-operator");

export const rollout: Scenario = {
  name: "rollout",
  title: "servers are rolled and upgraded, and no read fails",
  async run(world, step) {
    const { minio } = await central(world);
    await using load = new Load(minio, "rollout");
    await Promise.all([roll(world, step), addServer(world, step), addImages(world, step)]);
    await upgrade(world, step);
    await step("of all the requests meanwhile none failed", async () => load.summary());
  },
};

async function roll(world: World, step: Step): Promise<void> {
  await step("a rolling update of the servers", async () => {
    const old = await podNames(world);
    const spec = { podMetadata: { annotations: { "e2e/rolled": String(Date.now()) } } };
    const patch = ["patch", "kesserver", servers.name, "--type=merge", "-p", JSON.stringify({ spec })];
    await world.cluster.kubectl("-n", servers.namespace, ...patch);
    await untilReplaced(world, old);
    return `${old.length} pods replaced`;
  });
}

async function addImages(world: World, step: Step): Promise<void> {
  await step(`images of another release, ${nextRelease}, are there`, () => provideNextRelease(world));
}

async function addServer({ cluster }: World, step: Step): Promise<void> {
  await step("a second server, which follows the operator's release too", async () => {
    const metadata = { name: "other", namespace: servers.namespace };
    const kind = { apiVersion: "kes-operator.io/v1alpha1", kind: "KesServer", metadata };
    // Its policies are others', so that nothing but its image changes.
    const policySelector = { matchLabels: { "kes-operator.io/server": "other" } };
    await cluster.apply([{ ...kind, spec: { keystore: { memory: {} }, policySelector } }]);
    await cluster.kubectl(
      "-n",
      servers.namespace,
      "wait",
      "--for=condition=Ready",
      "--timeout=120s",
      "kesserver/other",
    );
  });
}

async function upgrade(world: World, step: Step): Promise<void> {
  const { cluster } = world;
  await step("helm upgrade to it: servers move one at a time", async () => {
    const old = await podNames(world);
    const values = ["image.tag", "server.image.tag"].map((name) => `--set=${name}=${nextRelease}`);
    await cluster.helm("upgrade", "kes-operator", chart, "--namespace", operatorNamespace, "--wait", ...values);
    const order = await watchMove(world);
    await untilReplaced(world, old);
    return order.join(", then ");
  });
}

/** Resolves when every server serves with the new image. @returns the order. @throws when two moved at once */
async function watchMove({ cluster }: World): Promise<readonly string[]> {
  const order: string[] = [];
  let mostAtOnce = 0;
  await until(
    "every server runs the new release",
    async () => {
      const { items }: Json = await cluster.get("kesservers", "-A");
      const moved = (items as readonly Json[]).filter(({ status }) => String(status.image).endsWith(`:${nextRelease}`));
      for (const { metadata } of moved) {
        const name = `${metadata.namespace}/${metadata.name}`;
        if (!order.includes(name)) order.push(name);
      }
      const moving = moved.filter(({ status }) => !isUp(status));
      mostAtOnce = Math.max(mostAtOnce, moving.length);
      return moved.length === items.length && moving.length === 0;
    },
    300,
    250,
  );
  assert.equal(mostAtOnce, 1, "servers that moved at once");
  return order;
}

function isUp(status: Json): boolean {
  const { replicas = 0, readyReplicas = 0, updatedReplicas = 0 } = status;
  return readyReplicas >= replicas && updatedReplicas >= replicas;
}
