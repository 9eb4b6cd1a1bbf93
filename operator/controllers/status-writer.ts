// Writes the status of objects of one kind, as the only one who does (decisions O1): only of those that are this operator's,
// only when it says something new, never while the object is paused, and never over a status that it has not seen.
import { annotations, fieldManagers } from "../api/kinds.ts";
import type { KubeApi } from "../kube/api.ts";
import { ApiError } from "../kube/errors.ts";
import type { EventRecorder } from "../kube/events.ts";
import { keyOf, refOfObject } from "../kube/object.ts";
import type { KubeObject, Resource } from "../kube/object.ts";
import { carries } from "../runtime/carries.ts";

export interface StatusWriterOptions {
  readonly api: KubeApi;
  readonly events: EventRecorder;
  readonly resource: Resource;
  /** Of this operator; objects that name another one are not ours. */
  readonly instanceId: string;
}

interface WithStatus extends KubeObject {
  readonly status?: object | undefined;
}

/** `stale`: the cache does not have the object's last state yet; its change brings the next visit. */
export type Written = "written" | "unchanged" | "paused" | "stale";

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** Objects of which it was told that they are paused. */
  readonly #paused = new Set<string>();
  /** Versions that are known not to be the last ones, by object: no status can be written on top of them. */
  readonly #outdated = new Map<string, string>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  isOurs<T extends KubeObject>(object: T | undefined): object is T {
    return object !== undefined && isOfInstance(object, this.#options.instanceId);
  }

  /** @param object as the cache has it, status included @param status the complete new one @throws ApiError */
  async write(object: WithStatus, status: object, signal: AbortSignal): Promise<Written> {
    if (this.#isPaused(object)) return "paused";
    const before = object.status ?? {};
    if (carries(before, status) && carries(status, before)) return "unchanged";
    return await this.#writeOnTop(object, status, signal);
  }

  /** The object is gone. @param key `namespace/name` */
  forget(key: string): void {
    this.#paused.delete(key);
    this.#outdated.delete(key);
  }

  async #writeOnTop(object: KubeObject, status: object, signal: AbortSignal): Promise<Written> {
    const { resourceVersion = "" } = object.metadata;
    const key = keyOf(refOfObject(object));
    if (this.#outdated.get(key) === resourceVersion) return "stale";
    try {
      const stored = await this.#apply(object, status, signal);
      if (stored.metadata.resourceVersion !== resourceVersion) this.#outdated.set(key, resourceVersion);
      return "written";
    } catch (error) {
      // Deleted meanwhile: there is nobody left to tell.
      if (error instanceof ApiError && error.isNotFound) return "unchanged";
      if (!(error instanceof ApiError) || !error.isConflict) throw error;
      this.#outdated.set(key, resourceVersion);
      return "stale";
    }
  }

  async #apply({ apiVersion, kind, metadata }: KubeObject, status: object, signal: AbortSignal): Promise<KubeObject> {
    const { name, namespace = "", resourceVersion } = metadata;
    const seen = resourceVersion === undefined ? {} : { resourceVersion };
    const intent = { apiVersion, kind, metadata: { name, namespace, ...seen }, status };
    const options = { signal, fieldManager: fieldManagers.status, subresource: "status" } as const;
    return await this.#options.api.apply(this.#options.resource, intent, options);
  }

  #isPaused(object: KubeObject): boolean {
    const key = keyOf(refOfObject(object));
    if (object.metadata.annotations?.[annotations.paused] !== "true") {
      this.#paused.delete(key);
      return false;
    }
    if (!this.#paused.has(key)) {
      const message = `nothing is written until the annotation ${annotations.paused} is gone`;
      this.#options.events.record({
        regarding: object,
        type: "Normal",
        reason: "Paused",
        action: "Reconcile",
        message,
      });
    }
    this.#paused.add(key);
    return true;
  }
}

/** @param instanceId of an operator */
export function isOfInstance({ metadata }: KubeObject, instanceId: string): boolean {
  return (metadata.annotations?.[annotations.instance] ?? "") === instanceId;
}
