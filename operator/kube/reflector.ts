// One kind in one namespace (or in all), followed into a store: a paged list, then watches that go on from where the last
// one ended. It never gives up. Only a history that the server has forgotten (410) makes it list again, and the list is
// compared with the store, so nobody hears of a change twice; silence, resets and a server that is away cost a wait and
// another watch from the same place. A kind that is not installed is looked for every few seconds.
import type { KubeApi, ListPage, WatchEvent } from "./api.ts";
import { backoffOf } from "./backoff.ts";
import type { BackoffOptions } from "./backoff.ts";
import { pause } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { ingest } from "./ingest.ts";
import { keyOf, refOfObject } from "./object.ts";
import type { KubeObject, Resource } from "./object.ts";
import type { Store } from "./store.ts";
import { SilenceError } from "./watch-stream.ts";

export interface ReflectorOptions<T extends KubeObject> {
  readonly api: KubeApi;
  readonly resource: Resource;
  /** Empty: all namespaces, or a cluster-scoped kind. */
  readonly namespace: string;
  readonly labelSelector?: string | undefined;
  readonly store: Store<T>;
  /** Whether the operator may have been installed without the right to see it: it then counts as not installed. */
  readonly isOptional: boolean;
  /** Drops what nobody needs before an object is kept; must not throw. */
  readonly trim?: ((object: T) => T) | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly timing?: ReflectorTiming | undefined;
  readonly tell: (event: ReflectorEvent) => void;
}

export interface ReflectorTiming extends BackoffOptions {
  /** Milliseconds: the longest wait, jitter aside, while nobody answers. Asking costs next to nothing then. */
  readonly unanswered: number;
  /** A watch that lived so long was no failure. */
  readonly healthy: number;
  /** How long a kind that was there must be missing to count as uninstalled. */
  readonly missing: number;
  /** The longest wait between looks for a kind that is not installed. */
  readonly look: number;
}

/** What happens to it, for the log and whoever waits. */
export type ReflectorEvent =
  /** A complete list is in the store. */
  | { readonly type: "listed"; readonly objects: number }
  /** A failure after which it waits and goes on; `isFirst`: all was well before. */
  | { readonly type: "failed"; readonly error: unknown; readonly isFirst: boolean }
  /** The history was lost: it lists again. */
  | { readonly type: "expired" }
  /** A watch without a byte for too long was ended; the next one goes on from there. */
  | { readonly type: "silent" }
  /** A watch works again after failures. */
  | { readonly type: "recovered" }
  /** The API server does not serve the kind. */
  | { readonly type: "missing"; readonly error: ApiError };

const defaults: ReflectorTiming = {
  first: 800,
  longest: 15_000,
  jitter: 1,
  unanswered: 2_000,
  healthy: 10_000,
  missing: 60_000,
  look: 5_000,
};
const pageSize = 500;
/** Seconds that a watch may last: at least, and how much more at random, so that not all end together. */
const watchSeconds = { least: 300, more: 300 };
/** Failed watches in a row, answered by the server, after which the place to go on from is no longer trusted. */
const mistrustAfter = 4;

export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #timing: ReflectorTiming;
  /** Where the next watch goes on; undefined: list first. */
  #version: string | undefined;
  #failures = 0;
  /** Of the last failure: `answered`, `unanswered` or `missing`; and how many of its kind there were in a row. */
  #streak = { kind: "", length: 0 };
  #isInstalled: boolean | undefined;
  #missingSince: number | undefined;
  #expiredAt = -Infinity;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#timing = options.timing ?? defaults;
  }

  /** Follows until `signal` is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list(signal);
        await this.#watch(this.#version, signal);
      } catch (error) {
        if (!signal.aborted) await this.#recover(error, signal);
      }
    }
  }

  /** @returns the version to watch from */
  async #list(signal: AbortSignal): Promise<string> {
    const { store, namespace } = this.#options;
    const seen = new Set<string>();
    let version = "";
    for await (const page of this.#pages(signal)) {
      for (const object of page.items) {
        seen.add(keyOf(refOfObject(object)));
        this.#put(object);
      }
      version = page.resourceVersion;
    }
    for (const object of store.list(namespace === "" ? undefined : namespace)) {
      const ref = refOfObject(object);
      if (!seen.has(keyOf(ref))) store.remove(ref, true);
    }
    this.#isInstalled = true;
    this.#missingSince = undefined;
    this.#options.tell({ type: "listed", objects: seen.size });
    return version;
  }

  async *#pages(signal: AbortSignal): AsyncGenerator<ListPage<T>> {
    const { api, resource, namespace, labelSelector } = this.#options;
    const filter = { namespace, signal, ...(labelSelector === undefined ? {} : { labelSelector }) };
    let next: string | undefined;
    do {
      const page: ListPage<T> = await api
        .list<T>(resource, { ...filter, limit: pageSize, ...(next === undefined ? {} : { continue: next }) })
        .catch((error: unknown) => {
          if (next === undefined || !isExpired(error)) throw error;
          // The rest of the pages was lost on the way: one list in one piece cannot lose any.
          return api.list<T>(resource, filter);
        });
      yield page;
      next = page.continue;
    } while (next !== undefined);
  }

  /** Follows one watch to its end. */
  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { api, resource, namespace, labelSelector, clock, random } = this.#options;
    const timeoutSeconds = Math.round(watchSeconds.least + watchSeconds.more * random());
    const filter = { namespace, ...(labelSelector === undefined ? {} : { labelSelector }) };
    const started = clock.monotonic();
    const events = api.watch<T>(resource, { ...filter, resourceVersion: from, timeoutSeconds, signal });
    try {
      for await (const event of events) {
        this.#take(event);
        this.#works();
      }
    } finally {
      if (clock.monotonic() - started >= this.#timing.healthy) this.#works();
    }
    if (clock.monotonic() - started < 1_000) await this.#wait("answered", signal);
  }

  #take({ type, object }: WatchEvent<T>): void {
    if (type === "DELETED") this.#options.store.remove(refOfObject(object), false);
    else if (type !== "BOOKMARK") this.#put(object);
    this.#version = object.metadata.resourceVersion ?? this.#version;
  }

  #put(object: T): void {
    const { store, trim } = this.#options;
    const kept = ingest(object);
    store.put(trim === undefined ? kept : trim(kept));
  }

  #works(): void {
    if (this.#failures > 0) this.#options.tell({ type: "recovered" });
    this.#failures = 0;
    this.#streak = { kind: "", length: 0 };
    this.#missingSince = undefined;
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    if (!(error instanceof ApiError)) return await this.#fail(error, signal);
    if (error.isExpired) return await this.#expire(signal);
    const isOutOfReach = error.isForbidden && this.#options.isOptional;
    if (error.isNotFound || isOutOfReach) return await this.#miss(error, signal);
    // A quiet watch was no failure, and the next one shows whether the server is there.
    if (error.cause instanceof SilenceError) return this.#options.tell({ type: "silent" });
    const isAnswered = error.status !== undefined && error.status !== 429;
    if (isAnswered && this.#lengthOf("answered") + 1 >= mistrustAfter) this.#version = undefined;
    await this.#fail(error, signal, error.retryAfter);
  }

  async #fail(error: unknown, signal: AbortSignal, atLeast = 0): Promise<void> {
    this.#options.tell({ type: "failed", error, isFirst: this.#failures === 0 });
    const isAnswered = error instanceof ApiError && error.status !== undefined;
    await this.#wait(isAnswered ? "answered" : "unanswered", signal, atLeast);
  }

  /** The first loss lists again at once; a server that forgets all the time gets its rest. */
  async #expire(signal: AbortSignal): Promise<void> {
    const now = this.#options.clock.monotonic();
    const isRepeated = now - this.#expiredAt < this.#timing.healthy;
    this.#expiredAt = now;
    this.#version = undefined;
    this.#options.tell({ type: "expired" });
    if (isRepeated) await this.#wait("answered", signal);
  }

  /** A 404 of a kind that was there may be a server that has only just started, so it must last before objects go. */
  async #miss(error: ApiError, signal: AbortSignal): Promise<void> {
    const { clock, store, namespace, tell } = this.#options;
    this.#version = undefined;
    const now = clock.monotonic();
    this.#missingSince ??= now;
    if (this.#isInstalled === true && now - this.#missingSince < this.#timing.missing) {
      return await this.#fail(error, signal);
    }
    const isNews = this.#isInstalled !== false;
    this.#isInstalled = false;
    for (const object of store.list(namespace === "" ? undefined : namespace)) store.remove(refOfObject(object), true);
    if (isNews) tell({ type: "missing", error });
    await this.#wait("missing", signal);
  }

  /** Longer each time for failures of one kind: a server that answers again, if only to refuse, is soon asked again. */
  async #wait(kind: "answered" | "unanswered" | "missing", signal: AbortSignal, atLeast = 0): Promise<void> {
    this.#failures += 1;
    this.#streak = { kind, length: this.#lengthOf(kind) + 1 };
    const { clock, random } = this.#options;
    const { longest, unanswered, look } = this.#timing;
    const timing = { ...this.#timing, longest: { answered: longest, unanswered, missing: look }[kind] };
    await pause(clock, atLeast + backoffOf(timing, this.#streak.length, random()), signal);
  }

  #lengthOf(kind: string): number {
    return this.#streak.kind === kind ? this.#streak.length : 0;
  }
}

function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.isExpired;
}
