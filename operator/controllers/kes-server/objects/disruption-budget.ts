// The PodDisruptionBudget of a server with more than one pod. Pods that are not ready never hold up a node's drain.
import { podDisruptionBudgetDefaults } from "../../../api/defaults.ts";
import type { KesServerSpec } from "../../../api/generated.ts";
import { disruptionBudgets } from "./child-kinds.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import { selectorOf } from "./labels.ts";
import type { Observed } from "./observed.ts";
import { mostReplicas } from "./replicas.ts";

export function disruptionBudget(observed: Observed): PlannedObject {
  const { server } = observed;
  const { maxUnavailable } = server.spec.podDisruptionBudget ?? podDisruptionBudgetDefaults;
  const selector = { matchLabels: selectorOf(server) };
  return child(observed, disruptionBudgets, {
    name: server.metadata.name,
    body: { spec: { maxUnavailable, selector, unhealthyPodEvictionPolicy: "AlwaysAllow" } },
  });
}

export function hasDisruptionBudget(spec: KesServerSpec): boolean {
  const { enabled } = spec.podDisruptionBudget ?? podDisruptionBudgetDefaults;
  return enabled && mostReplicas(spec) > 1;
}
