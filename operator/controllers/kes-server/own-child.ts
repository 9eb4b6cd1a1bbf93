// Whether an object of a child's name is the server's own. Names are made from the names of users' objects, or chosen by
// users, so two may meet; and what is taken for a child goes with its server.
import { labels } from "../../api/kinds.ts";
import type { KubeObject } from "../../kube/object.ts";

/** What tells a child that nobody owns: a claim that is to be kept, or what a restored backup has. */
const marks = ["app.kubernetes.io/managed-by", labels.server];

/** @throws Error that says what to do when `live` is somebody else's */
export function requireOwn(live: KubeObject, intent: KubeObject): void {
  const owner = live.metadata.ownerReferences?.find(({ controller }) => controller === true);
  const owners = intent.metadata.ownerReferences;
  if (owner === undefined || owners === undefined) {
    if (marks.every((mark) => live.metadata.labels?.[mark] === intent.metadata.labels?.[mark])) return;
  } else if (owners.some(({ uid }) => uid === owner.uid)) return;
  throw new Error(owner === undefined ? takenText(intent) : ownedText(intent, `${owner.kind} ${owner.name}`));
}

function ownedText({ kind, metadata }: KubeObject, owner: string): string {
  return `${kind} ${metadata.name} belongs to ${owner}; rename one of the two, or delete the object`;
}

function takenText({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name} is there already and was not made for this KesServer; ${remedyFor(kind)}`;
}

function remedyFor(kind: string): string {
  const otherwise = "rename one of the two, or delete the object";
  if (kind === "ServiceAccount") return `to use it as it is, set spec.serviceAccount.create: false; else ${otherwise}`;
  if (kind !== "PersistentVolumeClaim") return otherwise;
  return "to use it, name it in spec.keystore.fs.existingClaim; else give the KesServer another name";
}
