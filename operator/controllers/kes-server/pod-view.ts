// The pods of a server as its status tells of them: whom to ask for `/syncz`, and why a pod is not ready.
import { labels } from "../../api/kinds.ts";
import type { KesServer } from "../../api/generated.ts";
import type { Cache } from "../../kube/cache.ts";
import { conditionOf } from "./live-objects.ts";
import type { LiveContainer, LivePod, Terminated } from "./live-objects.ts";
import type { PodReport, PodTarget } from "./pod-reports.ts";

/** Reasons of a waiting container that pass by themselves. */
const passing: ReadonlySet<string> = new Set(["ContainerCreating", "PodInitializing"]);

/** Those that are not on their way out: the workload's own, and pods that run the server as a sidecar. */
export function podsOf({ metadata, spec }: KesServer, pods: Cache<LivePod>): readonly LivePod[] {
  const label = spec.mode === "Sidecar" ? labels.sidecarOf : labels.server;
  return pods.list(metadata.namespace).filter((pod) => {
    return pod.metadata.labels?.[label] === metadata.name && pod.metadata.deletionTimestamp === undefined;
  });
}

/** Whom to ask. A pod without an address cannot be asked. */
export function targetsOf({ spec }: KesServer, pods: readonly LivePod[]): readonly PodTarget[] {
  return pods.flatMap(({ metadata, status }) => {
    if (status?.podIP === undefined || status.phase !== "Running" || metadata.uid === undefined) return [];
    const host = status.podIP.includes(":") ? `[${status.podIP}]` : status.podIP;
    const ready = conditionOf(status.conditions, "Ready")?.status === "True";
    return [{ uid: metadata.uid, name: metadata.name, url: `http://${host}:${spec.ops.port}/syncz`, ready }];
  });
}

/** Why pods are not ready, of the first one that says so; undefined: none says. */
export function troubleOf(pods: readonly LivePod[], reports: readonly PodReport[]): string | undefined {
  for (const pod of pods) {
    const trouble = containerTrouble(pod) ?? schedulingTrouble(pod);
    if (trouble !== undefined) return `${pod.metadata.name}: ${trouble}`;
  }
  const waiting = reports.find(({ target, state }) => !target.ready && (state?.keystore.problem ?? null) !== null);
  return waiting && `${waiting.target.name}: ${waiting.state?.keystore.problem ?? ""}`;
}

function containerTrouble({ status }: LivePod): string | undefined {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return containers.map(waitingOf).find((found) => found !== undefined);
}

function waitingOf({ name, state, lastState }: LiveContainer): string | undefined {
  const waiting = state?.waiting;
  if (waiting === undefined || passing.has(waiting.reason ?? "")) return undefined;
  const ended = lastState?.terminated;
  const words = ended === undefined ? waiting.message : lastWords(name, ended);
  return [waiting.reason, words].filter(Boolean).join(": ");
}

/** The last line that the container wrote before it ended. */
function lastWords(name: string, { message, exitCode }: Terminated): string {
  const line = message?.trim().split("\n").at(-1);
  return line ?? `it ended with exit code ${exitCode}; kubectl logs -c ${name} --previous shows its last words`;
}

function schedulingTrouble({ status }: LivePod): string | undefined {
  const scheduled = conditionOf(status?.conditions, "PodScheduled");
  return scheduled?.status === "False" ? `not scheduled: ${scheduled.message ?? scheduled.reason ?? ""}` : undefined;
}
