// Our kinds as the API serves them, and the names of the labels and annotations that mean something to us. What the
// objects look like is in generated.ts.
import type { Resource } from "../kube/object.ts";

const group = "kes-operator.io";
const version = "v1alpha1";

/** apiVersion of all our kinds. */
export const apiVersion = `${group}/${version}`;

export const kesServers: Resource = { group, version, plural: "kesservers", kind: "KesServer" };
export const kesPolicies: Resource = { group, version, plural: "kespolicies", kind: "KesPolicy" };
export const kesIdentities: Resource = { group, version, plural: "kesidentities", kind: "KesIdentity" };
export const kesKeys: Resource = { group, version, plural: "keskeys", kind: "KesKey" };

export const labels = {
  /** On every child of a KesServer: its name. */
  server: `${group}/server`,
  /** On every child of a KesIdentity: its name. */
  identity: `${group}/identity`,
  /** On pods that run our server as a sidecar, set by their owner: the name of the KesServer. */
  sidecarOf: `${group}/sidecar-of`,
} as const;

export const annotations = {
  /** On our kinds, "true": the operator writes nothing for this object. */
  paused: `${group}/paused`,
  /** On our kinds: the instance id of the operator that this object is for; others ignore it. */
  instance: `${group}/instance`,
  /** On a KesIdentity: a new value has its certificate renewed now. */
  renew: `${group}/renew`,
  /** On the pod template: hash of what takes a restart to change. */
  configChecksum: `${group}/config-checksum`,
  /** On a child: hash of what was applied last. */
  appliedHash: `${group}/applied-hash`,
} as const;

/** Who we are to server-side apply. */
export const fieldManagers = { objects: "kes-operator", status: "kes-operator-status" } as const;
