// What the operator asks of an API server. `client.ts` does it over HTTPS; nothing else in the operator knows how.
// Every call ends: with an answer, an ApiError, the reason of `signal`, or a FencedError when this process may not write.
import type { KubeObject, ObjectRef, Resource } from "./object.ts";

export interface KubeApi {
  /** undefined: there is none (404). @throws ApiError */
  get<T extends KubeObject>(resource: Resource, ref: ObjectRef, options?: CallOptions): Promise<T | undefined>;
  /** One page. `namespace` empty or absent: all namespaces. @throws ApiError */
  list<T extends KubeObject>(resource: Resource, options?: ListOptions): Promise<ListPage<T>>;
  /**
   * Events from `options.resourceVersion` on, until the server ends the watch or `signal` is aborted. Nothing is retried here.
   * @throws ApiError (410 as such), also for an ERROR event
   */
  watch<T extends KubeObject>(resource: Resource, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /**
   * Server-side apply with force: `object` is the complete intent of `fieldManager`. Returns what is stored; of a status,
   * which is one of ten thousand, only the object's metadata.
   * @throws ApiError
   */
  apply<T extends KubeObject>(resource: Resource, object: KubeObject, options: ApplyOptions): Promise<T>;
  /** @throws ApiError (isAlreadyExists) */
  create<T extends KubeObject>(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<T>;
  /** Replaces an object at the resourceVersion it carries; 409 when that is not the newest (leases). */
  update<T extends KubeObject>(resource: Resource, object: KubeObject, options?: WriteOptions): Promise<T>;
  /** Deleting what is not there is no error. `uid`: only that very object. */
  delete(resource: Resource, ref: ObjectRef, options?: CallOptions & { readonly uid?: string }): Promise<void>;
  /** The plurals served under `apiVersion` (`group/version`); undefined when the group or version is not served. */
  discover(apiVersion: string, options?: CallOptions): Promise<ReadonlySet<string> | undefined>;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Absent: the name of this program. */
  readonly fieldManager?: string;
}

export interface ListOptions extends CallOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
}

export interface ListPage<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Present when there is a next page. */
  readonly continue?: string;
}

export interface WatchOptions extends CallOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  readonly timeoutSeconds?: number;
}

/** BOOKMARK carries nothing but a resourceVersion. */
export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: T;
}

export interface ApplyOptions extends CallOptions {
  readonly fieldManager: string;
  /** Applies to `/status` instead. */
  readonly subresource?: "status";
}
