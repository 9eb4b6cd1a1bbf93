// Brings the children of one KesServer to what the plan says, by server-side apply, and removes those that must not be there.
// A child that was applied as planned and still says so costs no call: the annotation holds a hash of what was applied, and
// the cache tells whether somebody has changed it since; who had to put something right says so. An object that is not the
// server's own is never touched.
import { annotations, fieldManagers } from "../../api/kinds.ts";
import type { KesServer } from "../../api/generated.ts";
import type { ApplyOptions, KubeApi } from "../../kube/api.ts";
import type { Cache } from "../../kube/cache.ts";
import { ApiError } from "../../kube/errors.ts";
import { keyOf, refOfObject } from "../../kube/object.ts";
import type { KubeObject, Resource } from "../../kube/object.ts";
import { carries } from "../../runtime/carries.ts";
import { requireOwn } from "./own-child.ts";
import type { Plan, PlannedObject } from "./plan.ts";

export interface ChildrenDeps {
  readonly api: KubeApi;
  /** The managed objects of a kind; undefined: the kind is not watched. */
  readonly cacheOf: (resource: Resource) => Cache<KubeObject> | undefined;
  /** Somebody else had changed or deleted `child`, which is put right. */
  readonly onRepair: (server: KesServer, child: KubeObject) => void;
}

export type Applied = "unchanged" | "applied" | "repaired";

/** What our last apply of a child was. */
interface LastApply {
  readonly hash: string | undefined;
  /** The version that it was applied over: a cache that still has it does not know of the apply. undefined: there was none. */
  readonly over: string | undefined;
  /** The version that it left: a value that the API server spells anew is no drift. */
  readonly version: string | undefined;
  readonly uid: string | undefined;
}

/** Of one child. */
interface Known {
  readonly live: KubeObject | undefined;
  readonly left: LastApply | undefined;
}

export class Children {
  readonly #deps: ChildrenDeps;
  /** By kind and key. */
  readonly #left = new Map<string, LastApply>();

  constructor(deps: ChildrenDeps) {
    this.#deps = deps;
  }

  /** @returns how many objects were written or deleted @throws ApiError */
  async bring(server: KesServer, plan: Plan, signal: AbortSignal): Promise<number> {
    let changes = 0;
    for (const planned of plan.objects) {
      const applied = await this.apply(planned, signal);
      if (applied !== "unchanged") changes += 1;
      if (applied === "repaired") this.#deps.onRepair(server, planned.object);
    }
    for (const { resource, ref } of plan.unwanted) {
      const live = this.#deps.cacheOf(resource)?.get(ref);
      if (live === undefined || !isOwnedBy(live, server)) continue;
      const { uid } = live.metadata;
      await this.#deps.api.delete(resource, ref, { signal, ...(uid !== undefined && { uid }) });
      changes += 1;
    }
    return changes;
  }

  /** @throws ApiError */
  async apply({ resource, object }: PlannedObject, signal: AbortSignal): Promise<Applied> {
    const ref = refOfObject(object);
    const live = this.#deps.cacheOf(resource)?.get(ref);
    const id = `${resource.group}/${resource.plural} ${keyOf(ref)}`;
    if (live !== undefined) requireOwn(live, object);
    if (live !== undefined && this.#isInOrder(id, live, object)) return "unchanged";
    const stored = await this.#write({ resource, object }, { live, left: this.#left.get(id) }, signal);
    const { resourceVersion: version, uid } = stored.metadata;
    const isRepair = this.#isRepair(id, live, stored);
    this.#left.set(id, { hash: hashOf(object), over: live?.metadata.resourceVersion, version, uid });
    return isRepair ? "repaired" : "applied";
  }

  async #write({ resource, object }: PlannedObject, known: Known, signal: AbortSignal): Promise<KubeObject> {
    const options = { signal, fieldManager: fieldManagers.objects };
    try {
      if (known.live === undefined) return await this.#writeUnseen({ resource, object }, known.left, options);
      return await this.#deps.api.apply(resource, object, options);
    } catch (error) {
      throw isOwnerOfClaimRefused(error, object) ? new Error(ownerOfClaim(object), { cause: error }) : error;
    }
  }

  /** The cache has only what bears our label. What there is besides is looked at when an apply has met it. */
  async #writeUnseen(
    { resource, object }: PlannedObject,
    left: LastApply | undefined,
    options: ApplyOptions,
  ): Promise<KubeObject> {
    const { api } = this.#deps;
    try {
      return await api.apply(resource, unlessTaken(object, left), options);
    } catch (error) {
      // A uid that is another one is invalid.
      if (!(error instanceof ApiError) || !(error.isConflict || error.isInvalid)) throw error;
    }
    const { namespace, name } = refOfObject(object);
    // A list of one takes no right that the watches do not.
    const one = { namespace, fieldSelector: `metadata.name=${name}`, signal: options.signal };
    const [found] = (await api.list<KubeObject>(resource, one)).items;
    if (found !== undefined) requireOwn(found, object);
    return await api.apply(resource, object, options);
  }

  /** Whether it had been as it is now before, as far as we know. @param live as the cache had it */
  #isRepair(id: string, live: KubeObject | undefined, stored: KubeObject): boolean {
    const left = this.#left.get(id);
    if (live === undefined) return left !== undefined && left.uid !== stored.metadata.uid;
    const isMeant = left === undefined ? hashOf(live) === hashOf(stored) : left.hash === hashOf(stored);
    return isMeant && live.metadata.resourceVersion !== stored.metadata.resourceVersion;
  }

  /** Drops what is remembered of the children of a server that is gone. */
  forget(namespace: string, name: string): void {
    for (const id of this.#left.keys()) {
      const child = id.slice(id.indexOf(" ") + 1);
      if (child === `${namespace}/${name}` || child.startsWith(`${namespace}/${name}-`)) this.#left.delete(id);
    }
  }

  #isInOrder(id: string, live: KubeObject, intent: KubeObject): boolean {
    const hash = hashOf(intent);
    if (hash === undefined) return false;
    const { resourceVersion } = live.metadata;
    const left = this.#left.get(id);
    const isKnown = left !== undefined && resourceVersion !== undefined;
    // The cache is behind, or has just what was left.
    if (isKnown && (resourceVersion === left.over || resourceVersion === left.version)) return left.hash === hash;
    return hashOf(live) === hash && carries(live, intent);
  }
}

/**
 * An apply that the API server refuses when there is an object other than the one that was left. Of what it makes anew it
 * ignores the version, and nothing that is there has version 1: the store was empty then.
 */
function unlessTaken(object: KubeObject, left: LastApply | undefined): KubeObject {
  const expected = left?.uid === undefined ? { resourceVersion: "1" } : { uid: left.uid };
  return { ...object, metadata: { ...object.metadata, ...expected } };
}

/** Where owners are checked, they are changed by those alone who may delete; with a claim go its keys, so we may not. */
function isOwnerOfClaimRefused(error: unknown, { kind }: KubeObject): boolean {
  const isRefused = error instanceof ApiError && error.isForbidden;
  return isRefused && kind === "PersistentVolumeClaim" && error.message.includes("cannot set an ownerRef");
}

function ownerOfClaim({ metadata }: KubeObject): string {
  return (
    `spec.keystore.fs.volumeClaim.reclaimPolicy: this cluster lets nobody say who owns the claim ${metadata.name} who may ` +
    "not delete it, and the operator may not, since with it go the keys; set it as it was, and delete the claim yourself when its keys are no longer needed"
  );
}

function hashOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[annotations.appliedHash];
}

export function isOwnedBy({ metadata }: KubeObject, { metadata: owner }: KubeObject): boolean {
  return metadata.ownerReferences?.some(({ uid }) => uid === owner.uid) ?? false;
}
