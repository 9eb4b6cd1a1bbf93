// The HorizontalPodAutoscaler of a server. From its first decision on `spec.replicas` of the workload is its.
import type { Autoscaling } from "../../../api/generated.ts";
import { apiVersionOf } from "../../../kube/object.ts";
import { autoscalers } from "./child-kinds.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import type { Observed } from "./observed.ts";
import { workloadKind } from "./workload.ts";

export function autoscaler(observed: Observed, autoscaling: Autoscaling): PlannedObject {
  const { metadata, spec } = observed.server;
  const { minReplicas, maxReplicas, targetCPUUtilizationPercentage: averageUtilization, behavior } = autoscaling;
  const cpu = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization } } };
  const workload = workloadKind(spec);
  const scaleTargetRef = { apiVersion: apiVersionOf(workload), kind: workload.kind, name: metadata.name };
  const metrics = autoscaling.metrics ?? [cpu];
  return child(observed, autoscalers, {
    name: metadata.name,
    body: { spec: { scaleTargetRef, minReplicas, maxReplicas, metrics, behavior } },
  });
}
