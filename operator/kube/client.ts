// The operator's way to an API server: KubeApi over HTTPS and JSON. This folder holds the mechanics of Kubernetes and
// knows none of our kinds: connection.ts says where and as whom, calls.ts and transport.ts send, this file speaks the
// API's grammar, reflector.ts and store.ts keep local copies, lease.ts elects a leader, events.ts tells users. Objects
// stay the plain JSON they came as; what fails says what, why and what to do (errors.ts).
import { fieldsOf, refusalOf } from "./answer.ts";
import type {
  ApplyOptions,
  CallOptions,
  KubeApi,
  ListOptions,
  ListPage,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./api.ts";
import { Calls } from "./calls.ts";
import type { CallSeen } from "./calls.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { ApiError } from "./errors.ts";
import type { Attempt } from "./errors.ts";
import { eventOf, objectOf, pageOf } from "./json-object.ts";
import { keyOf, refOfObject } from "./object.ts";
import type { KubeObject, ObjectRef, Resource } from "./object.ts";
import { collectionPath, groupPath, objectPath, queryOf } from "./request-path.ts";
import { watchEvents } from "./watch-stream.ts";

export interface ClientOptions {
  readonly connection: Connection;
  /** How this program calls itself. */
  readonly userAgent: string;
  /** Calls at the same time; watches do not count. */
  readonly sockets?: number;
  /** Milliseconds: `call` for a whole call, `silence` for a watch without a byte (bookmarks come each minute). */
  readonly patience?: { readonly call: number; readonly silence: number };
  /** Asked before each write leaves. @throws FencedError when this process must not write any more */
  readonly fence?: () => void;
  readonly clock?: Clock;
  readonly onCall?: (call: CallSeen) => void;
  /** Told what the server warns of: deprecated versions, fields that it does not know. */
  readonly onWarning?: (warning: string) => void;
}

/** Milliseconds. Bookmarks come each minute, so a watch that misses two of them is dead. */
export const defaultPatience = { call: 30_000, silence: 150_000 };

/** In place of the whole object (Kubernetes API concepts, "Metadata-only fetches"). */
const metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

export class Client implements KubeApi, Disposable {
  readonly #calls: Calls;
  readonly #silence: number;

  constructor({ patience = defaultPatience, sockets = 16, clock = systemClock, ...rest }: ClientOptions) {
    this.#calls = new Calls({ ...rest, sockets, clock, patience: patience.call });
    this.#silence = patience.silence;
  }

  async get<T extends KubeObject>(resource: Resource, ref: ObjectRef, options?: CallOptions): Promise<T | undefined> {
    const call = {
      attempt: attemptOf("get", resource, keyOf(ref)),
      method: "GET",
      path: objectPath(resource, ref),
    } as const;
    const found = await unlessNotFound(this.#calls.call(call, options));
    return found === undefined ? undefined : objectOf<T>(found);
  }

  async list<T extends KubeObject>(resource: Resource, options: ListOptions = {}): Promise<ListPage<T>> {
    const { namespace = "", labelSelector, fieldSelector, limit } = options;
    const query = queryOf({ labelSelector, fieldSelector, limit, continue: options.continue });
    const path = `${collectionPath(resource, namespace)}${query}`;
    const attempt = attemptOf("list", resource, namespace);
    return pageOf<T>(resource, await this.#calls.call({ attempt, method: "GET", path }, options));
  }

  async *watch<T extends KubeObject>(resource: Resource, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const { namespace = "", labelSelector, fieldSelector, resourceVersion, timeoutSeconds, signal } = options;
    const filter = { labelSelector, fieldSelector, resourceVersion, timeoutSeconds };
    const query = queryOf({ watch: true, allowWatchBookmarks: true, ...filter });
    const path = `${collectionPath(resource, namespace)}${query}`;
    const attempt = attemptOf("watch", resource, namespace);
    const response = await this.#calls.open({ attempt, method: "GET", path, isWatch: true }, signal);
    const events = watchEvents(response, this.#silence);
    try {
      // What the consumer throws inside its loop never comes this way: it ends the generator at the yield.
      for await (const { type, object } of events) {
        if (type === "ERROR") throw this.#calls.heeded(new ApiError(attempt, refusalOf(object)));
        yield eventOf<T>(type, object);
      }
    } catch (error) {
      throw this.#calls.explained(error, attempt, signal);
    }
  }

  async apply<T extends KubeObject>(resource: Resource, object: KubeObject, options: ApplyOptions): Promise<T> {
    const { fieldManager, subresource } = options;
    const ref = refOfObject(object);
    const isStatus = subresource === "status";
    const query = queryOf({ fieldManager, force: true, ...(isStatus && { fieldValidation: "Ignore" }) });
    const call = {
      attempt: attemptOf("patch", resource, keyOf(ref), subresource),
      method: "PATCH",
      path: `${objectPath(resource, ref, subresource)}${query}`,
      ...(isStatus && { accept: metadataOnly }),
      // JSON is YAML.
      contentType: "application/apply-patch+yaml",
      body: JSON.stringify(object),
    } as const;
    return objectOf<T>(await this.#calls.call(call, options));
  }

  async create<T extends KubeObject>(resource: Resource, object: KubeObject, options: WriteOptions = {}): Promise<T> {
    const ref = refOfObject(object);
    const path = `${collectionPath(resource, ref.namespace)}${queryOf({ fieldManager: options.fieldManager })}`;
    const attempt = attemptOf("create", resource, keyOf(ref));
    return objectOf<T>(await this.#calls.call({ attempt, method: "POST", path, ...json(object) }, options));
  }

  async update<T extends KubeObject>(resource: Resource, object: KubeObject, options: WriteOptions = {}): Promise<T> {
    const ref = refOfObject(object);
    const path = `${objectPath(resource, ref)}${queryOf({ fieldManager: options.fieldManager })}`;
    const attempt = attemptOf("update", resource, keyOf(ref));
    return objectOf<T>(await this.#calls.call({ attempt, method: "PUT", path, ...json(object) }, options));
  }

  async delete(resource: Resource, ref: ObjectRef, options: CallOptions & { uid?: string } = {}): Promise<void> {
    const { uid } = options;
    const attempt = attemptOf("delete", resource, keyOf(ref));
    const body = uid === undefined ? {} : json({ preconditions: { uid } });
    const call = { attempt, method: "DELETE", path: objectPath(resource, ref), ...body } as const;
    try {
      await unlessNotFound(this.#calls.call(call, options));
    } catch (error) {
      // Another object has the name by now: the one that was meant is gone.
      if (!(uid !== undefined && error instanceof ApiError && error.isConflict)) throw error;
    }
  }

  async discover(apiVersion: string, options?: CallOptions): Promise<ReadonlySet<string> | undefined> {
    const attempt = { verb: "get", resource: "the API group", object: apiVersion };
    const call = { attempt, method: "GET", path: groupPath(apiVersion) } as const;
    const found = await unlessNotFound(this.#calls.call(call, options));
    if (found === undefined) return undefined;
    const { resources } = fieldsOf(found);
    return new Set(Array.isArray(resources) ? resources.map((resource) => String(fieldsOf(resource)["name"])) : []);
  }

  /** Closes all connections: calls and watches under way fail. */
  [Symbol.dispose](): void {
    this.#calls[Symbol.dispose]();
  }
}

function attemptOf(verb: string, { group, plural }: Resource, object: string, subresource?: string): Attempt {
  const name = group === "" ? plural : `${plural}.${group}`;
  return { verb, resource: subresource === undefined ? name : `${name}/${subresource}`, object };
}

async function unlessNotFound(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return undefined;
    throw error;
  }
}

function json(body: object): { contentType: string; body: string } {
  return { contentType: "application/json", body: JSON.stringify(body) };
}
