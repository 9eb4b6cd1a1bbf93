// The Deployment or StatefulSet of a server, named as it.
import type { Resource } from "../../../kube/object.ts";
import type { KesServerSpec } from "../../../api/generated.ts";
import { deployments, statefulSets } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { Fields, PlannedObject } from "./child.ts";
import { selectorOf } from "./labels.ts";
import type { Observed } from "./observed.ts";
import { podTemplate } from "./pod-template.ts";
import { replicasToApply, runsAlone } from "./replicas.ts";

export function workloadKind({ workload }: KesServerSpec): Resource {
  return workload === "StatefulSet" ? statefulSets : deployments;
}

export function workload(observed: Observed): PlannedObject {
  const { metadata, spec } = observed.server;
  const common = {
    replicas: replicasToApply(observed),
    revisionHistoryLimit: 3,
    selector: { matchLabels: selectorOf(observed.server) },
    template: podTemplate(observed),
  };
  const own = spec.workload === "StatefulSet" ? statefulSetOnly(metadata.name) : { strategy: strategyOf(spec) };
  return child(observed, workloadKind(spec), { name: metadata.name, body: { spec: { ...common, ...own } } });
}

/** A new server has to be ready before an old one goes: what does not start replaces nothing. */
function strategyOf(spec: KesServerSpec): Fields {
  if (runsAlone(spec)) return { type: "Recreate" };
  return { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
}

/** Servers need nothing of each other, so they all start at once; they are replaced one by one. */
function statefulSetOnly(server: string): Fields {
  return {
    serviceName: childNames(server).headless,
    podManagementPolicy: "Parallel",
    updateStrategy: { type: "RollingUpdate" },
  };
}
