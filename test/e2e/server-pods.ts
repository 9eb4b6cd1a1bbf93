// The pods of the servers of central.ts, and when they have been replaced.
import type { Json } from "../env/kubernetes/api-client.ts";
import { servers } from "./central.ts";
import { until } from "./until.ts";
import type { World } from "./world.ts";

export async function serverPods({ cluster }: World): Promise<readonly Json[]> {
  const { items }: Json = await cluster.get(
    "pods",
    "-n",
    servers.namespace,
    "-l",
    `kes-operator.io/server=${servers.name}`,
  );
  return items;
}

export async function podNames(world: World): Promise<readonly string[]> {
  return (await serverPods(world)).map(({ metadata }) => metadata.name);
}

/** None of the old pods is left, and as many new ones are ready. */
export async function untilReplaced(world: World, old: readonly string[]): Promise<void> {
  await until(
    "new pods",
    async () => {
      const now = await serverPods(world);
      return now.length === old.length && now.every((pod) => !old.includes(pod.metadata.name) && isReady(pod));
    },
    180,
  );
}

export function isReady(pod: Json): boolean {
  const conditions: readonly Json[] = pod.status.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
