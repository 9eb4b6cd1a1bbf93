// The condition Available: whether somebody serves, and if nobody does, why not. Pure.
import type { Judgement } from "../../bundle/verdict.ts";
import { conditionOf } from "./live-objects.ts";
import type { LiveWorkload } from "./live-objects.ts";
import { withSource } from "./mounted-from.ts";
import { troubleOf } from "./pod-view.ts";
import type { PodReport } from "./pod-reports.ts";
import type { ServerView } from "./view.ts";

export function judgeAvailability({ server, workload, pods, reports }: ServerView): Judgement {
  if (server.spec.mode === "Sidecar") return judgeSidecars(server.metadata.name, reports);
  const words = troubleOf(pods, reports);
  const trouble = words === undefined ? undefined : withSource(server, words);
  const { readyReplicas: ready = 0, conditions } = workload?.status ?? {};
  if (conditionOf(conditions, "Progressing")?.reason === "ProgressDeadlineExceeded") return stuck(trouble, ready);
  if (ready > 0)
    return {
      status: "True",
      reason: "MinimumReplicasAvailable",
      message: `${ready} ${ready === 1 ? "replica" : "replicas"} ready`,
    };
  const message = reasonForNone(workload, trouble);
  return { status: "False", reason: "NoReadyReplicas", message };
}

function stuck(trouble: string | undefined, ready: number): Judgement {
  const serving = ready > 0 ? `; ${ready} older ones go on serving` : "";
  const message = `new pods do not become ready: ${trouble ?? "kubectl describe pod says why"}${serving}`;
  return { status: "False", reason: "ProgressDeadlineExceeded", message };
}

function reasonForNone(workload: LiveWorkload | undefined, trouble: string | undefined): string {
  if (workload?.spec?.replicas === 0) return "scaled to zero; set spec.replicas";
  const refused = conditionOf(workload?.status?.conditions, "ReplicaFailure");
  if (refused?.status === "True") return `pods are refused: ${refused.message ?? ""}`;
  return trouble ?? "waiting for the first pod to become ready";
}

function judgeSidecars(name: string, reports: readonly PodReport[]): Judgement {
  const ready = reports.filter(({ target }) => target.ready).length;
  if (ready > 0) {
    return { status: "True", reason: "SidecarsReady", message: `${ready} pods with the sidecar are ready` };
  }
  const message = `no pod runs the sidecar yet: add what ConfigMap ${name}-sidecar holds to your pods`;
  return { status: "True", reason: "NoSidecars", message };
}
