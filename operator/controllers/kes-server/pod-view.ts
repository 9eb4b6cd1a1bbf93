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
    const trouble = podTrouble(pod, reports);
    if (trouble !== undefined) return `${pod.metadata.name}: ${trouble}`;
  }
  return undefined;
}

/** A server that runs speaks for itself; one that does not has left its last words. */
function podTrouble(pod: LivePod, reports: readonly PodReport[]): string | undefined {
  const report = reports.find(({ target }) => target.uid === pod.metadata.uid && !target.ready);
  return report?.state?.keystore.problem ?? containerTrouble(pod) ?? schedulingTrouble(pod);
}

function containerTrouble({ status }: LivePod): string | undefined {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return containers.map(troubleIn).find((found) => found !== undefined);
}

function troubleIn(container: LiveContainer): string | undefined {
  return container.ready === true ? undefined : (lastEnd(container) ?? waitingIn(container));
}

/** The same while it waits to be started again as while it tries again: a condition that comes and goes tells nothing. */
function lastEnd({ name, state, lastState }: LiveContainer): string | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  return ended === undefined || ended.exitCode === 0 ? undefined : `it keeps ending: ${lastWords(name, ended)}`;
}

function waitingIn({ state }: LiveContainer): string | undefined {
  const { reason = "", message } = state?.waiting ?? {};
  return reason === "" || passing.has(reason) ? undefined : [reason, message].filter(Boolean).join(": ");
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
