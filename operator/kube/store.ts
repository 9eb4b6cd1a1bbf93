// The objects of one kind by namespace and name, and who wants to hear of changes. An object that is put again at the same
// resourceVersion is no change, so a list that repeats what a watch has told causes no events.
import type { Cache, Change } from "./cache.ts";
import { refOfObject } from "./object.ts";
import type { KubeObject, ObjectRef } from "./object.ts";

export class Store<T extends KubeObject> implements Cache<T> {
  synced = false;
  readonly #namespaces = new Map<string, Map<string, T>>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #onDefect: (error: unknown) => void;

  /** @param onDefect told what a listener throws, so that the others are called nevertheless; absent: thrown on */
  constructor(onDefect: (error: unknown) => void = rethrow) {
    this.#onDefect = onDefect;
  }

  get(ref: ObjectRef): T | undefined {
    return this.#namespaces.get(ref.namespace)?.get(ref.name);
  }

  list(namespace?: string): readonly T[] {
    if (namespace !== undefined) return [...(this.#namespaces.get(namespace)?.values() ?? [])];
    const all: T[] = [];
    for (const objects of this.#namespaces.values()) for (const object of objects.values()) all.push(object);
    return all;
  }

  get size(): number {
    let size = 0;
    for (const objects of this.#namespaces.values()) size += objects.size;
    return size;
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    // Whoever subscribes twice is told twice, and may stop either.
    const own = (change: Change<T>): void => listener(change);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  put(object: T): void {
    const ref = refOfObject(object);
    const before = this.get(ref);
    if (before !== undefined && isSame(before, object)) return;
    let objects = this.#namespaces.get(ref.namespace);
    if (objects === undefined) this.#namespaces.set(ref.namespace, (objects = new Map<string, T>()));
    objects.set(ref.name, object);
    this.#tell({ ref, now: object, before });
  }

  /** @param inferred because it is missing in a list, as no event said */
  remove(ref: ObjectRef, inferred: boolean): void {
    const objects = this.#namespaces.get(ref.namespace);
    const before = objects?.get(ref.name);
    if (objects === undefined || before === undefined) return;
    objects.delete(ref.name);
    if (objects.size === 0) this.#namespaces.delete(ref.namespace);
    this.#tell({ ref, now: undefined, before, inferred });
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#onDefect(error);
      }
    }
  }
}

function rethrow(error: unknown): never {
  throw error;
}

function isSame(before: KubeObject, now: KubeObject): boolean {
  const { uid, resourceVersion } = before.metadata;
  return resourceVersion !== undefined && resourceVersion === now.metadata.resourceVersion && uid === now.metadata.uid;
}
