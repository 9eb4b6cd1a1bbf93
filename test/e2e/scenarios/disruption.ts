// What happens to servers in a year: they are rolled, upgraded, moved, and their key store is away. Objects stay readable.
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { central, servers } from "../central.ts";
import { ourArchives } from "../images.ts";
import { Load } from "../load.ts";
import type { Step } from "../report.ts";
import { until } from "../until.ts";
import { operatorNamespace } from "../world.ts";
import type { Scenario, World } from "../world.ts";

const sealedFor = 180_000;
const nextRelease = "0.1.1";
const chart = join(import.meta.dirname, "../../../charts/kes-operator");

export const disruption: Scenario = {
  name: "disruption",
  title: "servers are rolled, upgraded, cut off from Vault and evicted, and no read fails",
  async run(world, step) {
    const { minio } = await central(world);
    await using load = new Load(minio, "disruption");
    await roll(world, step);
    await step("meanwhile", async () => load.summary());
    await upgrade(world, step);
    await step("meanwhile", async () => load.summary());
    await seal(world, step);
    await step("meanwhile", async () => load.summary());
    await evict(world, step);
    await step("meanwhile", async () => load.summary());
  },
};

function pods({ cluster }: World): Promise<Json> {
  return cluster.get("pods", "-n", servers.namespace, "-l", `kes-operator.io/server=${servers.name}`);
}

async function podNames(world: World): Promise<readonly string[]> {
  const { items }: Json = await pods(world);
  return (items as readonly Json[]).map(({ metadata }) => metadata.name);
}

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

/** None of the old pods is left, and as many new ones are ready. */
async function untilReplaced(world: World, old: readonly string[]): Promise<void> {
  await until(
    "new pods",
    async () => {
      const { items }: Json = await pods(world);
      const now = items as readonly Json[];
      return now.length === old.length && now.every((pod) => !old.includes(pod.metadata.name) && isReady(pod));
    },
    180,
  );
}

function isReady(pod: Json): boolean {
  const conditions: readonly Json[] = pod.status.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

async function upgrade(world: World, step: Step): Promise<void> {
  const { cluster } = world;
  await step(`images of another release, ${nextRelease}, are built and loaded`, async () => {
    for (const archive of await ourArchives(nextRelease)) cluster.load(archive);
  });
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

async function seal(world: World, step: Step): Promise<void> {
  const vault = await world.vault();
  await step("Vault is sealed for three minutes", async () => {
    await vault.seal();
    await sleep(sealedFor);
    const { status }: Json = await world.cluster.get("kesserver", servers.name, "-n", servers.namespace);
    const conditions: readonly Json[] = status.conditions;
    const reachable = conditions.find(({ type }) => type === "KeystoreReachable");
    assert.equal(reachable.status, "False");
    for (const pod of (await pods(world)).items as readonly Json[]) assert.ok(isReady(pod), "pods stay ready");
    return `KeystoreReachable=False ${reachable.reason}; all pods ready`;
  });
  await step("Vault is unsealed, and servers find it again", async () => {
    await vault.unseal();
    const wait = ["wait", "--for=condition=KeystoreReachable", "--timeout=120s", `kesserver/${servers.name}`];
    await world.cluster.kubectl("-n", servers.namespace, ...wait);
  });
}

async function evict(world: World, step: Step): Promise<void> {
  const { cluster } = world;
  const nodes: Json = await cluster.get("nodes");
  const names = (nodes.items as readonly Json[]).map(({ metadata }) => metadata.name);
  const [first = "", second = ""] = await podNames(world);
  await step("the node is cordoned and a pod evicted: it ends", async () => {
    await cluster.kubectl("cordon", ...names);
    assert.equal(await tryEvict(world, first), "evicted");
    await until("one pod less", async () => !(await podNames(world)).includes(first));
  });
  await step("the next eviction is refused", async () => {
    const answer = await tryEvict(world, second);
    assert.match(answer, /TooManyRequests|disruption budget/);
    return answer;
  });
  await step("uncordoned: the servers are complete again, and another may be evicted", async () => {
    await cluster.kubectl("uncordon", ...names);
    await until("two ready pods", async () => {
      const now = (await pods(world)).items as readonly Json[];
      return now.length === 2 && now.every(isReady);
    });
    const answer = await until("the eviction is allowed", async () => {
      const said = await tryEvict(world, second);
      return said === "evicted" && said;
    });
    await untilReplaced(world, [first, second]);
    return answer;
  });
}

/** @returns "evicted", or kubectl's words */
async function tryEvict({ cluster }: World, pod: string): Promise<string> {
  const path = `/api/v1/namespaces/${servers.namespace}/pods/${pod}/eviction`;
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod, namespace: servers.namespace } };
  const args = ["create", "--raw", path, "-f", "-"];
  const { code, stderr } = await cluster.tryKubectl(args, { stdin: JSON.stringify(eviction) });
  return code === 0 ? "evicted" : stderr.trim();
}
