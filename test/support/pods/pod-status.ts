// The status of a pod as the kubelet reports it, from what its containers do. Pure: the time is a value.
import type { V1Pod } from "@kubernetes/client-node";

export interface ContainerFacts {
  readonly name: string;
  readonly isReady: boolean;
  readonly hasRun: boolean;
  readonly exitCode: number | undefined;
  readonly status: object;
}

export interface PodFacts {
  readonly address: string | undefined;
  readonly startTime: string;
  /** Ordinary init containers have ended well and sidecars have started. */
  readonly isInitialized: boolean;
  /** Ordinary ones and sidecars, in their order. */
  readonly initContainers: readonly ContainerFacts[];
  /** Those of the above that run beside the containers. */
  readonly sidecars: readonly ContainerFacts[];
  readonly containers: readonly ContainerFacts[];
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly lastTransitionTime: string;
  readonly reason?: string;
  readonly message?: string;
}

type Phase = "Pending" | "Running" | "Succeeded" | "Failed";

/** @param before the conditions that were reported last. @param now RFC 3339 */
export function podStatus(pod: V1Pod, facts: PodFacts, before: readonly Condition[], now: string): object {
  const phase = phaseOf(facts, pod.spec?.restartPolicy ?? "Always");
  const { address } = facts;
  return {
    phase,
    startTime: facts.startTime,
    hostIP: "127.0.0.1",
    hostIPs: [{ ip: "127.0.0.1" }],
    ...(address !== undefined && { podIP: address, podIPs: [{ ip: address }] }),
    qosClass: pod.status?.qosClass ?? "BestEffort",
    conditions: conditionsOf(facts, phase, before, now),
    initContainerStatuses: facts.initContainers.map(({ status }) => status),
    containerStatuses: facts.containers.map(({ status }) => status),
  };
}

/** The conditions of what `podStatus` made. */
export function conditionsIn(status: object): readonly Condition[] {
  // It was made above.
  return (status as { conditions: readonly Condition[] }).conditions;
}

function phaseOf({ containers, initContainers, sidecars }: PodFacts, restartPolicy: string): Phase {
  const ordinary = initContainers.filter((init) => !sidecars.includes(init));
  if (ordinary.some(({ exitCode }) => exitCode !== undefined && exitCode !== 0)) return "Failed";
  if (!containers.some(({ hasRun }) => hasRun)) return "Pending";
  if (restartPolicy === "Always" || containers.some(({ exitCode }) => exitCode === undefined)) return "Running";
  return containers.every(({ exitCode }) => exitCode === 0) ? "Succeeded" : "Failed";
}

function conditionsOf(facts: PodFacts, phase: Phase, before: readonly Condition[], now: string): readonly Condition[] {
  const unready = [...facts.sidecars, ...facts.containers].filter(({ isReady }) => !isReady).map(({ name }) => name);
  const isReady = phase === "Running" && facts.isInitialized && unready.length === 0;
  const why =
    phase === "Succeeded"
      ? { reason: "PodCompleted" }
      : { reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` };
  const condition = (type: string, isTrue: boolean, reason: object = {}): Condition => {
    const status = isTrue ? "True" : "False";
    const last = before.find((one) => one.type === type);
    const lastTransitionTime = last?.status === status ? last.lastTransitionTime : now;
    return { type, status, lastTransitionTime, ...(!isTrue && reason) };
  };
  return [
    condition("PodReadyToStartContainers", facts.address !== undefined),
    condition("Initialized", facts.isInitialized, { reason: "ContainersNotInitialized" }),
    condition("Ready", isReady, why),
    condition("ContainersReady", isReady, why),
    condition("PodScheduled", true),
  ];
}
