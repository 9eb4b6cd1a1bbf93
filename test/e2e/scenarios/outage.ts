// The key store is away for three minutes, much longer than keys are held in memory without being looked up again: what was read
// or written goes on from the offline copy.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { central, servers } from "../central.ts";
import { Load } from "../load.ts";
import type { Step } from "../report.ts";
import { isReady, serverPods } from "../server-pods.ts";
import type { Scenario, World } from "../world.ts";

const sealedFor = 180_000;

export const outage: Scenario = {
  name: "outage",
  title: "Vault is sealed for three minutes, and no read fails",
  async run(world, step) {
    const { minio } = await central(world);
    await using load = new Load(minio, "outage");
    await seal(world, step);
    await step("of all the requests meanwhile none failed", async () => load.summary());
  },
};

async function seal(world: World, step: Step): Promise<void> {
  const vault = await world.vault();
  await step("Vault is sealed for three minutes", async () => {
    await vault.seal();
    await sleep(sealedFor);
    const { status }: Json = await world.cluster.get("kesserver", servers.name, "-n", servers.namespace);
    const conditions: readonly Json[] = status.conditions;
    const reachable = conditions.find(({ type }) => type === "KeystoreReachable");
    assert.equal(reachable.status, "False");
    for (const pod of await serverPods(world)) assert.ok(isReady(pod), "pods stay ready");
    return `KeystoreReachable=False ${reachable.reason}; all pods ready`;
  });
  await step("Vault is unsealed, and servers find it again", async () => {
    await vault.unseal();
    const wait = ["wait", "--for=condition=KeystoreReachable", "--timeout=120s", `kesserver/${servers.name}`];
    await world.cluster.kubectl("-n", servers.namespace, ...wait);
  });
}
