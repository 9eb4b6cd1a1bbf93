// Makes and keeps the children of identities, by server-side apply. A child that was applied as wanted and still says so
// costs no call. An object of the wanted name that is not this identity's own is never touched: it may be somebody's.
import { hash } from "node:crypto";
import { annotations, fieldManagers } from "../../api/kinds.ts";
import type { KesIdentity } from "../../api/generated.ts";
import type { KubeApi } from "../../kube/api.ts";
import type { Cache } from "../../kube/cache.ts";
import { refOfObject } from "../../kube/object.ts";
import type { KubeObject, ObjectRef, Resource } from "../../kube/object.ts";
import { carries } from "../../runtime/carries.ts";
import { isChildOf } from "./objects/owned.ts";

/** The kind of a child and where those that exist are found. */
export interface ChildKind {
  readonly resource: Resource;
  readonly cache: Cache<KubeObject>;
}

/** What a child is called is taken by an object that is somebody else's. */
export class NameTaken extends Error {
  override readonly name = "NameTaken";
  readonly resource: Resource;
  readonly object: string;

  constructor(resource: Resource, object: string) {
    super(`${resource.kind} ${object} is there already and was not made for this KesIdentity`);
    this.resource = resource;
    this.object = object;
  }
}

/** @returns the child as it is now @throws NameTaken | ApiError */
export async function keepChild(
  api: KubeApi,
  { resource, cache }: ChildKind,
  {
    identity,
    wanted,
    signal,
  }: { readonly identity: KesIdentity; readonly wanted: KubeObject; readonly signal: AbortSignal },
): Promise<KubeObject> {
  const ref = refOfObject(wanted);
  const intent = withHash(wanted);
  const known = cache.get(ref);
  // The cache has only what bears our label: before anything is made, the API is asked.
  const live = known ?? (await api.get(resource, ref, { signal }));
  if (live !== undefined && !isChildOf(live, identity)) throw new NameTaken(resource, ref.name);
  if (live !== undefined && hashOf(live) === hashOf(intent) && carries(live, intent)) return live;
  return api.apply(resource, intent, { signal, fieldManager: fieldManagers.objects });
}

/** Deletes the child if there is one, and if it is this identity's own. @throws ApiError */
export async function dropChild(
  api: KubeApi,
  { resource, cache }: ChildKind,
  { identity, ref, signal }: { readonly identity: KesIdentity; readonly ref: ObjectRef; readonly signal: AbortSignal },
): Promise<void> {
  const live = cache.get(ref);
  if (live === undefined || !isChildOf(live, identity)) return;
  const { uid } = live.metadata;
  await api.delete(resource, ref, { signal, ...(uid !== undefined && { uid }) });
}

function withHash(wanted: KubeObject): KubeObject {
  const { metadata } = wanted;
  const appliedHash = hash("sha256", JSON.stringify(wanted), "hex");
  const marked = { ...metadata.annotations, [annotations.appliedHash]: appliedHash };
  return { ...wanted, metadata: { ...metadata, annotations: marked } };
}

function hashOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[annotations.appliedHash];
}
