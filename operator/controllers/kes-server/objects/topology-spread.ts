// How pods are spread. A constraint without a selector counts no pod at all, and nobody writes ours by hand, so it is filled in.
import type { KesServerSpec } from "../../../api/generated.ts";
import type { Fields } from "./child.ts";

export function spreadOf(spec: KesServerSpec, matchLabels: Readonly<Record<string, string>>): readonly Fields[] {
  const constraints = spec.topologySpreadConstraints ?? defaultsFor(spec);
  return constraints.map((constraint) => Object.assign({ labelSelector: { matchLabels } }, constraint));
}

/** Soft: better two servers on one node than one server. */
function defaultsFor({ workload }: KesServerSpec): readonly Fields[] {
  // Pods of a former template do not count; those of a StatefulSet do not carry that label.
  const matchLabelKeys = workload === "Deployment" ? ["pod-template-hash"] : undefined;
  return ["topology.kubernetes.io/zone", "kubernetes.io/hostname"].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "ScheduleAnyway",
    matchLabelKeys,
  }));
}
