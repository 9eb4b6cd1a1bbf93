// Events of the cluster, for whoever runs `kubectl describe`: written beside the work, one after the other, and never in its
// way: when a thousand objects change at once, their events follow slowly, warnings first. What cannot be written is logged
// and forgotten, since an event is only a remark; conditions carry the truth.
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeApi } from "./api.ts";
import { pause, systemClock } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { EventSeries } from "./event-series.ts";
import type { EventDetails, Series } from "./event-series.ts";
import { microTime } from "./micro-time.ts";
import type { KubeObject } from "./object.ts";
import { events } from "./resources.ts";
import { TokenBucket } from "./token-bucket.ts";
import type { TokenBucketOptions } from "./token-bucket.ts";
import type { Log } from "../log.ts";

export interface EventRecorder {
  /** Never throws and never waits. The message must hold nothing secret and no name of another tenant's object. */
  record(event: EventDetails): void;
}

export interface EventsOptions {
  readonly api: KubeApi;
  readonly log: Log;
  /** Names this program: `kes-operator.io/operator`. */
  readonly controller: string;
  /** Names this process; at most 128 characters. */
  readonly instance: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds: how often counts are brought up to date, and the wait before an event is tried once more. */
  readonly timing?: { readonly refresh: number; readonly retry: number };
  /** How fast they are written. */
  readonly speed?: TokenBucketOptions;
}

/** Events that may wait to be written. */
const maxWaiting = 1_000;
/** Bytes of a note that the API accepts. */
const maxNote = 1_024;
const defaults = { refresh: 60_000, retry: 5_000 };
/** A tenth of what API servers on small machines do in a second; the burst is a day of most clusters. */
const moderate: TokenBucketOptions = { burst: 100, perSecond: 10 };

export class Events implements EventRecorder, AsyncDisposable {
  readonly #options: EventsOptions;
  readonly #series = new EventSeries();
  readonly #waiting = new Set<Series>();
  readonly #refresh: NodeJS.Timeout;
  readonly #retry: number;
  readonly #bucket: TokenBucket;
  readonly #stop = new AbortController();
  #writing: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: EventsOptions) {
    const { refresh, retry } = options.timing ?? defaults;
    this.#options = options;
    this.#bucket = new TokenBucket(options.speed ?? moderate, systemClock);
    this.#retry = retry;
    this.#refresh = setInterval(() => this.#bringUpToDate(), refresh).unref();
  }

  record(event: EventDetails): void {
    const series = this.#series.add(event, this.#options.now());
    // From the third time on, the count waits for the next refresh.
    if (series !== undefined && series.count <= 2) this.#send(series);
  }

  /** Writes what waits, counts included. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#refresh);
    this.#bringUpToDate();
    this.#isStopped = true;
    // Nothing is waited for any more.
    this.#stop.abort();
    await this.#writing;
  }

  #bringUpToDate(): void {
    for (const series of this.#series.sweep(this.#options.now())) this.#send(series);
  }

  #send(series: Series): void {
    if (this.#isStopped || this.#waiting.size >= maxWaiting) return;
    this.#waiting.add(series);
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      await pause(systemClock, this.#bucket.take(), this.#stop.signal);
      const series = this.#next();
      if (series === undefined) break;
      this.#waiting.delete(series);
      const { count } = series;
      series.sentCount = count;
      await this.#write(series, count);
    }
    this.#writing = undefined;
  }

  #next(): Series | undefined {
    const [first] = this.#waiting;
    return this.#waiting.values().find(({ event }) => event.type === "Warning") ?? first;
  }

  async #write(series: Series, count: number): Promise<void> {
    const { api, log } = this.#options;
    const fields = { reason: series.event.reason, regarding: series.event.regarding.metadata.name };
    for (const isLast of [false, true]) {
      try {
        await api.apply(events, this.#objectOf(series, count), { fieldManager: "kes-operator" });
        return;
      } catch (error) {
        const isWorthIt = error instanceof ApiError && (error.status === undefined || error.status >= 500);
        if (isLast || !isWorthIt || this.#isStopped) return log.debug("event not written", { ...fields, error });
        await sleep(this.#retry, undefined, { ref: false });
      }
    }
  }

  #objectOf({ event, firstAt, lastAt, serial }: Series, count: number): KubeObject {
    const { regarding, type, reason, action, message } = event;
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    // Two names that begin alike for 200 characters still differ in their serial.
    const own = `${name.slice(0, 200)}.${firstAt.toString(16)}${serial.toString(16).padStart(5, "0")}`;
    const details = {
      eventTime: microTime(firstAt),
      type,
      reason,
      action,
      note: shortened(message),
      regarding: { apiVersion: regarding.apiVersion, kind: regarding.kind, name, namespace, uid, resourceVersion },
      reportingController: this.#options.controller,
      reportingInstance: this.#options.instance,
      ...(count > 1 ? { series: { count, lastObservedTime: microTime(lastAt) } } : {}),
    };
    // Events about cluster-scoped objects live in `default`.
    const metadata = { name: own, namespace: namespace ?? "default" };
    return { apiVersion: "events.k8s.io/v1", kind: "Event", metadata, ...details };
  }
}

function shortened(message: string): string {
  if (Buffer.byteLength(message) <= maxNote) return message;
  // A character that is cut in two becomes one replacement character of three bytes.
  return `${Buffer.from(message)
    .subarray(0, maxNote - 6)
    .toString("utf8")}…`;
}
