// How many servers there are, and who decides it (decisions O8).
import type { KesServerSpec } from "../../../api/generated.ts";
import type { Observed } from "./observed.ts";

/** The count to apply; undefined: `spec.replicas` is the autoscaler's by now and left out. */
export function replicasToApply({ server, workload }: Observed): number | undefined {
  const { autoscaling } = server.spec;
  if (autoscaling === undefined) return fixedReplicas(server.spec);
  if (workload === undefined) return autoscaling.minReplicas;
  if (workload.replicasOwnedElsewhere) return undefined;
  // Left out while it is only ours, the field would fall back to 1. An autoscaler does nothing about a count of 0.
  return workload.replicas === 0 ? autoscaling.minReplicas : workload.replicas;
}

/** The most servers that there may be. */
export function mostReplicas(spec: KesServerSpec): number {
  return spec.autoscaling?.maxReplicas ?? fixedReplicas(spec);
}

/** Whether two servers must never run at once, so that the old one has to end before the new one starts. */
export function runsAlone(spec: KesServerSpec): boolean {
  const { memory, fs } = spec.keystore;
  if (memory !== undefined) return true;
  if (fs === undefined) return false;
  // Nobody knows how a claim of the user's may be mounted; who asks for several servers says that it may be by all.
  if (fs.volumeClaim === undefined) return mostReplicas(spec) <= 1;
  return !fs.volumeClaim.accessModes.includes("ReadWriteMany");
}

function fixedReplicas({ replicas, keystore }: KesServerSpec): number {
  if (replicas !== undefined) return replicas;
  const { memory, fs } = keystore;
  const shared = fs?.volumeClaim?.accessModes.includes("ReadWriteMany") ?? false;
  return memory !== undefined || (fs !== undefined && !shared) ? 1 : 2;
}

/**
 * Whether somebody but `fieldManager` owns `spec.replicas`, after `metadata.managedFields` of the workload as the API gives it.
 * Only then may the field be left out without being reset.
 */
export function replicasOwnedElsewhere(managedFields: unknown, fieldManager: string): boolean {
  if (!Array.isArray(managedFields)) return false;
  return managedFields.some((entry: unknown) => {
    if (memberOf(entry, "manager") === fieldManager) return false;
    return memberOf(memberOf(memberOf(entry, "fieldsV1"), "f:spec"), "f:replicas") !== undefined;
  });
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([member]) => member === name)?.[1];
}
