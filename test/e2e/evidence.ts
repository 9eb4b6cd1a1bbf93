// What is kept of a run that failed: every pod's logs, the objects, the events, and the logs of the node.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../env/kubernetes/api-client.ts";
import type { Cluster } from "./cluster.ts";

const kinds = [
  "kesservers,kespolicies,kesidentities,keskeys",
  "pods,deployments,statefulsets,replicasets,services,endpointslices,configmaps,poddisruptionbudgets",
  "certificates,certificaterequests,issuers",
];

export async function keepEvidence(cluster: Cluster, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const keep = async (file: string, args: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await cluster.tryKubectl(args);
    writeFileSync(join(folder, file), `${stdout}${stderr}`);
  };
  for (const [number, kind] of kinds.entries())
    await keep(`objects-${number + 1}.yaml`, ["get", kind, "-A", "-o", "yaml"]);
  await keep("pods.txt", ["get", "pods", "-A", "-o", "wide"]);
  await keep("pods-described.txt", ["describe", "pods", "-A"]);
  await keep("events.txt", ["get", "events", "-A", "--sort-by=.lastTimestamp"]);
  const { items = [] } = await cluster.get("pods", "-A").catch((): Json => ({}));
  for (const { metadata, status } of items as readonly Json[]) {
    const name = `${metadata.namespace}-${metadata.name}`;
    const logs = ["logs", "-n", metadata.namespace, metadata.name, "--prefix"];
    await keep(`${name}.log`, [...logs, "--all-containers"]);
    // All at once would be refused where one of them has no former life.
    const containers: readonly Json[] = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const container of containers.filter(({ restartCount }) => restartCount > 0)) {
      await keep(`${name}.${container.name}.previous.log`, [...logs, "-c", container.name, "--previous"]);
    }
  }
  if (cluster.logFolder !== undefined) cpSync(cluster.logFolder, join(folder, "node"), { recursive: true });
}
