// Built-in kinds that the machinery itself uses.
import type { Resource } from "./object.ts";

export const events: Resource = { group: "events.k8s.io", version: "v1", plural: "events", kind: "Event" };
export const leases: Resource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease" };
export const namespaces: Resource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace" };
export const pods: Resource = { group: "", version: "v1", plural: "pods", kind: "Pod" };
