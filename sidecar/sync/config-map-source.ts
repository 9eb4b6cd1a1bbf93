// The bundle as one ConfigMap of the cluster, followed by name: a list, then watches that go on from where the last one
// ended. It never gives up. A version that the API has forgotten (410), silence and every failure lead to a new list, which
// alone says for certain what is there; a watch that ends by the clock just goes on. The rights it needs are get, list and
// watch of that one name.
import type { IncomingMessage } from "node:http";
import { bundleKey } from "../contract/bundle.ts";
import type { ClusterConfig } from "../contract/config.ts";
import { messageOf } from "../errors.ts";
import type { BundleSource, SourceListener } from "./bundle-source.ts";
import { ApiFailure, bytesOf, ClusterApi } from "./cluster-api.ts";
import { configMapOf, findConfigMap, statusOf } from "./config-map.ts";
import { Pauses } from "./pauses.ts";
import { Silence, watchEvents } from "./watch-stream.ts";
import type { WatchEvent } from "./watch-stream.ts";

export interface ConfigMapSourceOptions {
  readonly cluster: ClusterConfig;
  readonly name: string;
  /** Undefined: the pod's own. */
  readonly namespace: string | undefined;
  /** Milliseconds; tests hurry. */
  readonly timing?: Partial<WatchTiming>;
}

export interface WatchTiming {
  /** Until an answer begins. */
  readonly answer: number;
  /** A watch that says nothing for so long is dead; the API sends bookmarks about once a minute. */
  readonly silence: number;
  /** The first and the longest wait after a failure. */
  readonly firstPause: number;
  readonly longestPause: number;
}

const defaults: WatchTiming = { answer: 15_000, silence: 120_000, firstPause: 200, longestPause: 10_000 };

/** Bytes: several times what a ConfigMap can be. */
const maxList = 16 * 1024 * 1024;
/** Seconds: how long the API is asked to keep a watch, at least; up to twice as long. */
const watchSeconds = 240;
/** Milliseconds: a watch that lived so long was no failure. */
const healthy = 5_000;

export class ConfigMapSource implements BundleSource {
  readonly name = "watch";
  readonly #options: ConfigMapSourceOptions;
  readonly #timing: WatchTiming;
  readonly #api: ClusterApi;
  readonly #pauses: Pauses;
  readonly #stop = new AbortController();
  readonly #looked = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();
  /** Where the next watch goes on; undefined: list first. */
  #version: string | undefined;
  /** Whether the ConfigMap was there, with a bundle, when it was last heard of. */
  #isThere = false;

  constructor(options: ConfigMapSourceOptions) {
    this.#options = options;
    this.#timing = { ...defaults, ...options.timing };
    this.#api = new ClusterApi(options.cluster, this.#timing.answer);
    this.#pauses = new Pauses({ first: this.#timing.firstPause, longest: this.#timing.longestPause });
  }

  start(listener: SourceListener): Promise<void> {
    this.#running = this.#run(listener);
    return this.#looked.promise;
  }

  async #run(listener: SourceListener): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list(listener, signal);
        this.#looked.resolve();
        if (!(await this.#watch(this.#version, listener))) await this.#pauses.wait(signal);
      } catch (error) {
        if (signal.aborted) break;
        await this.#recover(error, listener);
      }
    }
    this.#looked.resolve();
  }

  async #recover(error: unknown, listener: SourceListener): Promise<void> {
    this.#version = undefined;
    const failure = error instanceof ApiFailure ? error : undefined;
    // The list that follows shows whether the API is there; a watch that was quiet all its time was no failure.
    if (error instanceof Silence) this.#pauses.reset();
    else if (failure?.status !== 410) listener.failed(messageOf(error));
    this.#looked.resolve();
    await this.#pauses.wait(this.#stop.signal, failure?.retryAfter);
  }

  /** @returns the version to watch from */
  async #list(listener: SourceListener, signal: AbortSignal): Promise<string> {
    const { version, found } = findConfigMap(JSON.parse(await this.#wholeList(signal)), this.#options.name);
    if (found === undefined) this.#missing(`there is no ConfigMap ${this.#options.name}`, listener);
    else this.#offer(found.bundle, listener);
    return version;
  }

  async #wholeList(signal: AbortSignal): Promise<string> {
    const patience = 2 * this.#timing.answer;
    const tooLate = AbortSignal.timeout(patience);
    const response = await this.#api.get(await this.#path(""), AbortSignal.any([signal, tooLate]));
    try {
      return await textOf(response);
    } catch (error) {
      if (!tooLate.aborted) throw error;
      throw new Error(`the Kubernetes API began a list and did not end it in ${patience} ms`, { cause: error });
    }
  }

  /** Follows one watch to its end. @returns whether it may be continued at once */
  async #watch(version: string, listener: SourceListener): Promise<boolean> {
    const started = performance.now();
    const seconds = Math.round(watchSeconds * (1 + Math.random()));
    const query = `&watch=true&allowWatchBookmarks=true&timeoutSeconds=${seconds}&resourceVersion=${version}`;
    const response = await this.#api.get(await this.#path(query), this.#stop.signal);
    try {
      for await (const event of watchEvents(response, this.#timing.silence)) {
        this.#version = this.#take(event, listener);
        this.#pauses.reset();
      }
    } catch (error) {
      // A cut connection says nothing about the API; the next watch will.
      if (!isReset(error)) throw error;
      return false;
    }
    const isHealthy = performance.now() - started >= healthy;
    if (isHealthy) this.#pauses.reset();
    return isHealthy;
  }

  /** @returns the version that the event carries. @throws ApiFailure for an ERROR */
  #take({ type, object }: WatchEvent, listener: SourceListener): string {
    if (type === "ERROR") {
      const { code, message } = statusOf(object);
      throw new ApiFailure(`the Kubernetes API ended the watch with ${code}: ${message}`, { status: code });
    }
    const seen = configMapOf(object);
    if (type === "BOOKMARK") this.#bookmark(listener);
    else if (seen.name !== this.#options.name) throw new Error("the Kubernetes API sent another object than asked for");
    else if (type === "DELETED") this.#missing(`the ConfigMap ${this.#options.name} was deleted`, listener);
    else this.#offer(seen.bundle, listener);
    return seen.resourceVersion;
  }

  #offer(bundle: Buffer | undefined, listener: SourceListener): void {
    if (bundle === undefined) return this.#missing(`the ConfigMap ${this.#options.name} has no ${bundleKey}`, listener);
    this.#isThere = true;
    listener.offered(bundle);
  }

  #missing(reason: string, listener: SourceListener): void {
    this.#isThere = false;
    listener.failed(reason);
  }

  #bookmark(listener: SourceListener): void {
    if (this.#isThere) listener.confirmed();
  }

  async #path(query: string): Promise<string> {
    const namespace = this.#options.namespace ?? (await this.#api.namespace());
    const selector = encodeURIComponent(`metadata.name=${this.#options.name}`);
    return `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps?fieldSelector=${selector}${query}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytesOf(response)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxList) throw new Error(`the Kubernetes API sent a list of more than ${maxList} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNRESET";
}
