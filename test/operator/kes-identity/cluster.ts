// As much of an API server as one identity needs, in memory: objects with versions, server-side apply by one manager, status
// apart from the rest, refusal of what was derived from an older version; and caches that lag until they are told to catch
// up. What a real server does is tested with one (test/real/operator/identity.test.ts); here it is time and order that
// matter, and those a test must be able to choose.
import type { KubeApi, ListPage } from "../../../operator/kube/api.ts";
import type { Change, OptionalCache } from "../../../operator/kube/cache.ts";
import { ApiError } from "../../../operator/kube/errors.ts";
import { keyOf, refOfObject } from "../../../operator/kube/object.ts";
import type { KubeObject, ObjectRef, Resource } from "../../../operator/kube/object.ts";

export type Stored = KubeObject & Readonly<Record<string, unknown>>;

interface WithConditions {
  readonly conditions?: readonly { readonly type: string }[];
}

export class Cluster {
  readonly #kinds = new Map<string, Map<string, Stored>>();
  readonly #caches = new Map<string, LaggingCache<KubeObject>>();
  /** Every write that was made, as `apply certificates prod/minio-kes`. */
  readonly writes: string[] = [];
  /** Called after each write; what it throws is what the writer gets, as when it dies before the answer comes. */
  afterWrite: (write: string) => void = () => undefined;
  #version = 0;

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks for a kind knows its shape
  get<T extends KubeObject>(resource: Resource, ref: ObjectRef): T | undefined {
    return this.#objects(resource).get(keyOf(ref)) as T | undefined;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- who asks for a kind knows its shape
  list<T extends KubeObject>(resource: Resource): readonly T[] {
    return [...this.#objects(resource).values()] as unknown as readonly T[];
  }

  /** Puts an object in, as somebody else than the operator. */
  put<T extends KubeObject>(resource: Resource, object: T): T {
    const ref = refOfObject(object);
    const uid = object.metadata.uid ?? this.get(resource, ref)?.metadata.uid ?? `uid-${(this.#version += 1)}`;
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, uid, resourceVersion: String(this.#version) } };
    this.#objects(resource).set(keyOf(ref), stored as unknown as Stored);
    return stored;
  }

  remove(resource: Resource, ref: ObjectRef): void {
    this.#objects(resource).delete(keyOf(ref));
  }

  /** A cache that knows nothing until it catches up. */
  cache<T extends KubeObject>(resource: Resource): LaggingCache<T> {
    const known = this.#caches.get(resource.plural);
    if (known !== undefined) return known as unknown as LaggingCache<T>;
    const cache = new LaggingCache<KubeObject>(() => this.list(resource));
    this.#caches.set(resource.plural, cache);
    return cache as unknown as LaggingCache<T>;
  }

  catchUp(): void {
    for (const cache of this.#caches.values()) cache.catchUp();
  }

  readonly api: KubeApi = {
    get: async <T extends KubeObject>(resource: Resource, ref: ObjectRef) => this.get<T>(resource, ref),
    list: async <T extends KubeObject>(resource: Resource): Promise<ListPage<T>> => {
      return { items: this.list<T>(resource), resourceVersion: String(this.#version) };
    },
    watch: () => {
      throw new Error("the caches do that");
    },
    apply: async <T extends KubeObject>(
      resource: Resource,
      object: KubeObject,
      options: { subresource?: "status" },
    ) => {
      const stored =
        options.subresource === "status" ? this.#applyStatus(resource, object) : this.#apply(resource, object);
      this.#wrote(`apply ${resource.plural}${options.subresource === "status" ? "/status" : ""}`, object);
      return stored as unknown as T;
    },
    create: async () => Promise.reject(new Error("everything is applied")),
    update: async () => Promise.reject(new Error("everything is applied")),
    delete: async (resource, ref) => {
      this.remove(resource, ref);
      this.#wrote(`delete ${resource.plural}`, { apiVersion: "", kind: "", metadata: ref });
    },
    discover: async () => undefined,
  };

  #wrote(verb: string, object: KubeObject): void {
    const write = `${verb} ${keyOf(refOfObject(object))}`;
    this.writes.push(write);
    this.afterWrite(write);
  }

  #apply(resource: Resource, object: KubeObject): Stored {
    const before = this.get<Stored>(resource, refOfObject(object));
    const { uid, creationTimestamp, generation = 0 } = before?.metadata ?? {};
    const metadata = {
      ...object.metadata,
      generation: generation + 1,
      ...(uid !== undefined && { uid }),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    };
    const status = before?.["status"];
    return this.put(resource, { ...object, metadata, ...(status !== undefined && { status }) });
  }

  #applyStatus(resource: Resource, object: KubeObject): Stored {
    const before = this.get<Stored>(resource, refOfObject(object));
    if (before === undefined) throw refusal(resource, object, 404, "NotFound");
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) {
      throw refusal(resource, object, 409, "Conflict");
    }
    const status = (object as Stored)["status"] as object;
    const isOurKind = resource.group === "kes-operator.io";
    return this.put(resource, { ...before, status: isOurKind ? status : merged(before["status"] as object, status) });
  }

  #objects(resource: Resource): Map<string, Stored> {
    const known = this.#kinds.get(resource.plural) ?? new Map<string, Stored>();
    this.#kinds.set(resource.plural, known);
    return known;
  }
}

/** Of another manager's status only our conditions are ours. */
function merged(before: WithConditions = {}, intent: WithConditions): object {
  const ours = intent.conditions ?? [];
  const others = (before.conditions ?? []).filter(({ type }) => ours.every((each) => each.type !== type));
  return { ...before, ...intent, conditions: [...others, ...ours] };
}

function refusal(resource: Resource, object: KubeObject, status: number, reason: string): ApiError {
  const attempt = { verb: "patch", resource: resource.plural, object: keyOf(refOfObject(object)) };
  return new ApiError(attempt, { status, reason, detail: reason, causes: [] } as never);
}

export class LaggingCache<T extends KubeObject> implements OptionalCache<T> {
  readonly synced = true;
  installed = true;
  readonly #source: () => readonly T[];
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #installListeners = new Set<(installed: boolean) => void>();
  #objects = new Map<string, T>();

  constructor(source: () => readonly T[]) {
    this.#source = source;
  }

  isBehind(): boolean {
    const now = this.#source();
    return now.length !== this.#objects.size || now.some((object) => this.get(refOfObject(object)) !== object);
  }

  catchUp(): void {
    const before = this.#objects;
    this.#objects = new Map(this.#source().map((object) => [keyOf(refOfObject(object)), object]));
    const keys = new Set([...before.keys(), ...this.#objects.keys()]);
    const changed = [...keys].filter((key) => before.get(key) !== this.#objects.get(key));
    for (const key of changed) {
      const [was, now] = [before.get(key), this.#objects.get(key)];
      const object = now ?? was;
      if (object === undefined) continue;
      for (const listener of this.#listeners) listener({ ref: refOfObject(object), now, before: was });
    }
  }

  install(installed: boolean): void {
    this.installed = installed;
    for (const listener of this.#installListeners) listener(installed);
  }

  get(ref: ObjectRef): T | undefined {
    return this.#objects.get(keyOf(ref));
  }

  list(namespace?: string): readonly T[] {
    return [...this.#objects.values()].filter((object) => {
      return namespace === undefined || object.metadata.namespace === namespace;
    });
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onInstalled(listener: (installed: boolean) => void): () => void {
    this.#installListeners.add(listener);
    return () => void this.#installListeners.delete(listener);
  }
}
