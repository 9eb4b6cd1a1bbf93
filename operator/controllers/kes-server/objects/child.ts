// The objects that a KesServer is made of, one file per kind, each a pure function of what was observed. What they share is
// here: every child carries the same labels, is owned by its server so that it goes with it, and says by a hash what was
// applied, so that nothing is written that is there already. Objects are plain JSON in the API's own words; what the API
// server thinks of them is tested on a real one.
import { hash } from "node:crypto";
import { annotations as annotationNames, kesServers } from "../../../api/kinds.ts";
import { apiVersionOf, refOfObject } from "../../../kube/object.ts";
import type { KubeObject, OwnerReference, Resource } from "../../../kube/object.ts";
import { byBytes } from "../../../../sidecar/contract/names.ts";
import { labelsOf } from "./labels.ts";
import type { Observed } from "./observed.ts";

export interface PlannedObject {
  readonly resource: Resource;
  /** Carries labels, owner and the annotation `kes-operator.io/applied-hash`. */
  readonly object: KubeObject;
}

/** Members of an object of the API; those that are undefined are left out. */
export type Fields = Readonly<Record<string, unknown>>;

export interface ChildContent {
  readonly name: string;
  /** Besides those of every child, which win. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** False: it stays when the server is deleted. Default: true. */
  readonly owned?: boolean;
  /** Everything but apiVersion, kind and metadata. */
  readonly body: Fields;
}

export function child(observed: Observed, resource: Resource, content: ChildContent): PlannedObject {
  const { name, labels, annotations, owned = true, body } = content;
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const common = {
    name,
    namespace: refOfObject(observed.server).namespace,
    labels: { ...labels, ...labelsOf(observed) },
    ...(owned ? { ownerReferences: [ownerOf(observed)] } : {}),
  };
  const intent = settled({ ...body, ...type, metadata: { ...common, annotations } });
  const appliedHash = hashOf(intent);
  const metadata = { ...common, annotations: { ...annotations, [annotationNames.appliedHash]: appliedHash } };
  return { resource, object: { ...intent, ...type, metadata } };
}

/** SHA-256, hex, of `fields`, in whatever order its members stand. */
export function checksumOf(fields: Fields): string {
  return hashOf(settled(fields));
}

function hashOf(fields: Fields): string {
  return hash("sha256", JSON.stringify(fields), "hex");
}

function ownerOf({ server }: Observed): OwnerReference {
  const { name, uid = "" } = server.metadata;
  const { kind } = kesServers;
  return { apiVersion: apiVersionOf(kesServers), kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Without the members that are undefined, and with the others in order: equal content is equal bytes. */
function settled(fields: Fields): Fields {
  const members = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(members.toSorted(([a], [b]) => byBytes(a, b)).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  return isFields(value) ? settled(value) : value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
