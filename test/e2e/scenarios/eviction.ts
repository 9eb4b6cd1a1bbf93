// A node is emptied: the budget lets one pod go at a time, and no read fails.
import assert from "node:assert/strict";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { central, servers } from "../central.ts";
import { Load } from "../load.ts";
import type { Step } from "../report.ts";
import { isReady, podNames, serverPods, untilReplaced } from "../server-pods.ts";
import { until } from "../until.ts";
import type { Scenario, World } from "../world.ts";

export const eviction: Scenario = {
  name: "eviction",
  title: "a server is evicted from a cordoned node, and no read fails",
  async run(world, step) {
    const { minio } = await central(world);
    await using load = new Load(minio, "eviction");
    await evict(world, step);
    await step("of all the requests meanwhile none failed", async () => load.summary());
  },
};

async function evict(world: World, step: Step): Promise<void> {
  const { cluster } = world;
  const nodes: Json = await cluster.get("nodes");
  const names = (nodes.items as readonly Json[]).map(({ metadata }) => metadata.name);
  const [first = "", second = ""] = await podNames(world);
  await step("the node is cordoned and a pod evicted: it ends", async () => {
    await cluster.kubectl("cordon", ...names);
    // The budget knows a little later that all servers are ready.
    await until("the eviction is allowed", async () => (await tryEvict(world, first)) === "evicted");
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
      const now = await serverPods(world);
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
