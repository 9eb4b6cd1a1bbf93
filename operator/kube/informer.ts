// A cache that keeps itself: one reflector for the whole cluster, or one per namespace where the operator may see only
// some, behind one Cache. It is synced when every one of them has listed, and says in words what is still missing.
import type { KubeApi } from "./api.ts";
import type { Change, OptionalCache } from "./cache.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import type { KubeObject, ObjectRef, Resource } from "./object.ts";
import { Reflector } from "./reflector.ts";
import type { ReflectorEvent, ReflectorTiming } from "./reflector.ts";
import { Store } from "./store.ts";
import type { Log } from "../log.ts";

export interface InformerOptions<T extends KubeObject> {
  readonly api: KubeApi;
  readonly resource: Resource;
  /** Empty: all, or a cluster-scoped kind. */
  readonly namespaces: readonly string[];
  readonly labelSelector?: string;
  /** Whether the cluster may do without the kind, or the operator without the right to it: then it is synced all the same. */
  readonly isOptional?: boolean;
  /** Drops what nobody needs before an object is kept; must not throw. */
  readonly trim?: (object: T) => T;
  readonly log: Log;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly timing?: ReflectorTiming;
}

interface Part {
  readonly namespace: string;
  isListed: boolean;
  isInstalled: boolean;
  /** Why it is not listed, in words. */
  problem: string;
}

export class Informer<T extends KubeObject> implements OptionalCache<T>, AsyncDisposable {
  readonly #options: InformerOptions<T>;
  readonly #store: Store<T>;
  readonly #parts: readonly Part[];
  readonly #listeners = new Set<(installed: boolean) => void>();
  readonly #stop = new AbortController();
  readonly #synced = Promise.withResolvers<void>();
  #running: Promise<unknown> = Promise.resolve();
  #isInstalled = false;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    const { log, resource } = options;
    // A listener that cannot cope with an object is a defect; it must not keep others from hearing of it.
    this.#store = new Store((error) => log.error("a change was not handled", { resource: resource.plural, error }));
    const namespaces = options.namespaces.length === 0 ? [""] : options.namespaces;
    const problem = "the first list is not complete";
    this.#parts = namespaces.map((namespace) => ({ namespace, isListed: false, isInstalled: false, problem }));
  }

  /** Begins to list and watch. */
  start(): void {
    this.#running = Promise.all(this.#parts.map((part) => this.#reflectorFor(part).run(this.#stop.signal)));
  }

  get isOptional(): boolean {
    return this.#options.isOptional ?? false;
  }

  get synced(): boolean {
    return this.#store.synced;
  }

  get installed(): boolean {
    return this.#isInstalled;
  }

  /** Resolves when the cache is synced for the first time. */
  get ready(): Promise<void> {
    return this.#synced.promise;
  }

  /** What keeps it from being synced, in words for a person; undefined: nothing. */
  get problem(): string | undefined {
    if (this.synced) return undefined;
    const part = this.#parts.find(({ isListed }) => !isListed);
    const { plural, group } = this.#options.resource;
    const where = part === undefined || part.namespace === "" ? "" : ` of namespace ${part.namespace}`;
    return `${plural}${group === "" ? "" : `.${group}`}${where}: ${part?.problem ?? ""}`;
  }

  get(ref: ObjectRef): T | undefined {
    return this.#store.get(ref);
  }

  list(namespace?: string): readonly T[] {
    return this.#store.list(namespace);
  }

  get size(): number {
    return this.#store.size;
  }

  subscribe(listener: (change: Change<T>) => void): () => void {
    return this.#store.subscribe(listener);
  }

  onInstalled(listener: (installed: boolean) => void): () => void {
    const own = (installed: boolean): void => listener(installed);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  #reflectorFor(part: Part): Reflector<T> {
    const { isOptional = false, clock = systemClock, random = Math.random, ...options } = this.#options;
    const tell = (event: ReflectorEvent): void => this.#heard(part, event);
    const { namespace } = part;
    return new Reflector({ ...options, namespace, store: this.#store, isOptional, clock, random, tell });
  }

  #heard(part: Part, event: ReflectorEvent): void {
    const { log, resource } = this.#options;
    const fields = { resource: resource.plural, ...(part.namespace === "" ? {} : { namespace: part.namespace }) };
    switch (event.type) {
      case "listed":
        log.debug("listed", { ...fields, objects: event.objects });
        return this.#settle(part, { isListed: true, isInstalled: true });
      case "failed":
        part.problem = event.error instanceof Error ? event.error.message : String(event.error);
        // An outage is one line, and one more when it is over; each further attempt is for those who look closely.
        log[event.isFirst ? "warn" : "debug"]("watch failed", { ...fields, error: event.error });
        return;
      case "silent":
        log.debug("watch was silent, watching again", fields);
        return;
      case "expired":
        log.info("watch history lost, listing again", fields);
        return;
      case "recovered":
        log.info("watch works again", fields);
        return;
      case "missing":
        part.problem = event.error.message;
        this.#missing(part, fields, event.error);
    }
  }

  #missing(part: Part, fields: object, error: Error): void {
    const { log, isOptional = false } = this.#options;
    if (isOptional) log.debug("kind not installed", { ...fields, error });
    else log.error("kind not installed", { ...fields, remedy: "apply the CRDs of this release" });
    this.#settle(part, { isListed: isOptional, isInstalled: false });
  }

  #settle(part: Part, state: Pick<Part, "isListed" | "isInstalled">): void {
    part.isListed ||= state.isListed;
    part.isInstalled = state.isInstalled;
    if (!this.#store.synced && this.#parts.every(({ isListed }) => isListed)) {
      this.#store.synced = true;
      this.#synced.resolve();
    }
    const installed = this.#parts.some(({ isInstalled }) => isInstalled);
    if (installed === this.#isInstalled) return;
    this.#isInstalled = installed;
    for (const listener of this.#listeners) listener(installed);
  }
}
