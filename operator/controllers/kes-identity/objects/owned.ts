// What the children of a KesIdentity have in common: its namespace, labels by which they are watched, and the owner whose
// deletion takes them along.
import { apiVersion, kesIdentities, labels } from "../../../api/kinds.ts";
import type { KesIdentity } from "../../../api/generated.ts";
import type { ObjectMeta, OwnerReference } from "../../../kube/object.ts";

export function childMetadata(
  identity: KesIdentity,
  name: string,
  annotations?: Readonly<Record<string, string>>,
): ObjectMeta {
  const { metadata } = identity;
  return {
    name,
    ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
    labels: {
      "app.kubernetes.io/name": "kes",
      "app.kubernetes.io/instance": metadata.name,
      "app.kubernetes.io/component": "client",
      "app.kubernetes.io/part-of": "kes",
      "app.kubernetes.io/managed-by": "kes-operator",
      [labels.identity]: metadata.name,
    },
    ...(annotations !== undefined && Object.keys(annotations).length > 0 && { annotations }),
    ownerReferences: [ownerReference(identity)],
  };
}

function ownerReference({ metadata }: KesIdentity): OwnerReference {
  return {
    apiVersion,
    kind: kesIdentities.kind,
    name: metadata.name,
    uid: metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Whether `child` belongs to this very identity, not to a former one of the same name. */
export function isChildOf(child: { readonly metadata: ObjectMeta }, identity: KesIdentity): boolean {
  const owner = child.metadata.ownerReferences?.find(({ controller }) => controller === true);
  return owner !== undefined && owner.uid === identity.metadata.uid;
}
