// A local copy of all objects of one kind, kept by a watch. Reading it costs no call.
import type { KubeObject, ObjectRef } from "./object.ts";

export interface Cache<T extends KubeObject> {
  /** Whether the first complete list has arrived. What is read before may be partial: never derive a removal from it. */
  readonly synced: boolean;
  get(ref: ObjectRef): T | undefined;
  /** `namespace` absent: all. In no particular order. */
  list(namespace?: string): readonly T[];
  /** Called after each change with the object's new and old state (undefined: gone, or new). Returns how to stop it. */
  subscribe(listener: (change: Change<T>) => void): () => void;
}

export interface Change<T extends KubeObject> {
  readonly ref: ObjectRef;
  readonly now: T | undefined;
  readonly before: T | undefined;
  /** True: a list no longer has the object, and nobody saw it being deleted. */
  readonly inferred?: boolean;
}

/** A cache of a kind that a cluster may do without (cert-manager's, ServiceMonitors) and may get or lose at any time. */
export interface OptionalCache<T extends KubeObject> extends Cache<T> {
  /** Whether the API server serves the kind; looked at every few seconds while it does not. False: the cache is empty. */
  readonly installed: boolean;
  /** Called when `installed` has changed. Returns how to stop it. */
  onInstalled(listener: (installed: boolean) => void): () => void;
}
