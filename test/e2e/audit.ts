// What the servers' audit logs say of who asked.
import type { Json } from "../env/kubernetes/api-client.ts";
import { servers } from "./central.ts";
import type { Cluster } from "./cluster.ts";

export interface AuditedRequest {
  readonly at: number;
  readonly identity: string;
  readonly status: number;
}

/** Of all servers that run now, the oldest first. */
export async function auditedRequests(cluster: Cluster, since: Date): Promise<readonly AuditedRequest[]> {
  const { namespace, name } = servers;
  const pods: Json = await cluster.get("pods", "-n", namespace, "-l", `kes-operator.io/server=${name}`);
  const requests: AuditedRequest[] = [];
  for (const pod of pods.items as readonly Json[]) {
    const log = await cluster.kubectl(
      "-n",
      namespace,
      "logs",
      pod.metadata.name,
      `--since-time=${since.toISOString()}`,
    );
    requests.push(...log.split("\n").flatMap(parse));
  }
  // `--since-time` knows whole seconds.
  return requests.filter(({ at }) => at >= since.getTime()).toSorted((a, b) => a.at - b.at);
}

function parse(line: string): readonly AuditedRequest[] {
  if (!line.startsWith('{"time"')) return [];
  const { time, request, response }: Json = JSON.parse(line);
  return [{ at: Date.parse(time), identity: request.identity, status: response.code }];
}
