// From what was observed to the objects that a KesServer needs. Pure: no calls, no clock, nothing remembered. Every object is
// the complete intent of the operator's field manager; what it leaves out belongs to somebody else. What must not exist in
// this configuration is named as well, since a feature that is switched off leaves its object behind.
import type { KubeObject, ObjectRef, Resource } from "../../kube/object.ts";
import type { Observed } from "./objects/observed.ts";

export interface Plan {
  /** In the order in which they are to be applied: what pods mount comes before the pods. */
  readonly objects: readonly PlannedObject[];
  /** Children that must not exist in this configuration; to be deleted where they are there and owned by the server. */
  readonly unwanted: readonly { readonly resource: Resource; readonly ref: ObjectRef }[];
  /** True: the bundle does not fit into a ConfigMap and is not among the objects; the former one stays in force. */
  readonly bundleTooLarge: boolean;
}

export interface PlannedObject {
  readonly resource: Resource;
  /** Carries labels, owner and the annotation `kes-operator.io/applied-hash`. */
  readonly object: KubeObject;
}

export declare function planServer(observed: Observed): Plan;
