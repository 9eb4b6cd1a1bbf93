// The machinery around a reconcile: this folder knows no kind of ours. A controller names whom to visit; a visit gets a key,
// looks at everything anew and ends in one of three ways: an outcome (perhaps with a time for the next visit), an error
// (again, later and later), or a TerminalError (not before something changes). Several workers visit at the same time,
// never two the same object.
import type { Clock } from "../kube/clock.ts";
import { ApiError, FencedError } from "../kube/errors.ts";
import type { Log } from "../log.ts";
import { TerminalError } from "./outcome.ts";
import type { Reconcile } from "./outcome.ts";
import { Queue } from "./queue.ts";
import type { QueueMetrics } from "./queue.ts";

/** @param afterMs milliseconds from now; absent: as soon as possible */
export type Enqueue = (key: string, afterMs?: number) => void;

export interface Controller {
  /** `kesserver`: the label of its metrics and log lines. */
  readonly name: string;
  readonly reconcile: Reconcile;
  /** Subscribes to caches and says whom to visit; returns how to stop. Called once, when all caches are synced. */
  readonly watch: (enqueue: Enqueue) => () => void;
}

export type VisitResult = "success" | "requeue_after" | "error";

export interface ControllerMetrics extends QueueMetrics {
  /** A visit ended. `terminal`: it will not be repeated by itself. */
  visited(result: VisitResult, seconds: number, terminal: boolean): void;
  /** How busy it is, asked for by a scrape. */
  observe(state: () => ControllerState): void;
}

export interface ControllerState {
  readonly workers: number;
  readonly busy: number;
  readonly depth: number;
  /** Seconds. */
  readonly unfinished: { readonly total: number; readonly longest: number };
}

export interface RunOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  readonly workers?: number;
}

/** Milliseconds until a visit is tried again that failed because a namespace is going away. */
const namespaceGone = 300_000;
/** At most, while the API server does not answer: what it was asked for may be the first thing to do when it is back. */
const unanswered = 10_000;

/** Runs a controller until it is stopped. */
export class ControllerRun {
  readonly #controller: Controller;
  readonly #log: Log;
  readonly #metrics: ControllerMetrics;
  readonly #queue: Queue;
  readonly #abort = new AbortController();
  readonly #unwatch: () => void;
  readonly #workers: readonly Promise<void>[];
  #busy = 0;

  constructor(controller: Controller, { clock, log, metrics, workers = 4 }: RunOptions) {
    this.#controller = controller;
    this.#log = log;
    this.#metrics = metrics;
    this.#queue = new Queue({ clock, metrics });
    metrics.observe(() => this.#state(workers));
    this.#unwatch = controller.watch((key, afterMs = 0) => this.#queue.addAfter(key, afterMs));
    this.#workers = Array.from({ length: workers }, () => this.#work());
  }

  /** Takes nothing new and waits for the visits under way; after `patience` milliseconds their signal is aborted. */
  async stop(patience: number): Promise<void> {
    this.#unwatch();
    this.#queue.close();
    const timer = setTimeout(() => this.#abort.abort(new Error("the operator is stopping")), patience);
    await Promise.all(this.#workers);
    clearTimeout(timer);
  }

  #state(workers: number): ControllerState {
    return { workers, busy: this.#busy, depth: this.#queue.depth, unfinished: this.#queue.unfinished };
  }

  async #work(): Promise<void> {
    for (let key = await this.#queue.take(); key !== undefined; key = await this.#queue.take()) {
      this.#busy += 1;
      await this.#visit(key);
      this.#queue.done(key);
      this.#busy -= 1;
    }
  }

  async #visit(key: string): Promise<void> {
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    try {
      const isCalm = this.#queue.wasPatient(key);
      const { after, isPatient } = await this.#controller.reconcile(key, this.#abort.signal, isCalm);
      this.#queue.forget(key);
      if (isPatient === true) this.#queue.addPatient(key);
      if (after !== undefined) this.#queue.addAfter(key, after);
      this.#metrics.visited(after === undefined ? "success" : "requeue_after", seconds(), false);
      this.#log.debug("visited", { controller: this.#controller.name, key, seconds: seconds(), after });
    } catch (error) {
      this.#metrics.visited("error", seconds(), error instanceof TerminalError);
      this.#failed(key, error);
    }
  }

  #failed(key: string, error: unknown): void {
    const fields = { controller: this.#controller.name, key, error };
    // Whoever lost the lease is about to end, and whoever stops need not hear what that cut off.
    if (error instanceof FencedError || this.#abort.signal.aborted) return this.#log.debug("visit cut off", fields);
    if (error instanceof TerminalError) {
      this.#queue.forget(key);
      return this.#log.error("visit failed, waiting for a change", fields);
    }
    if (error instanceof ApiError && error.isTerminatingNamespace) {
      this.#queue.forget(key);
      this.#queue.addAfter(key, namespaceGone);
      return this.#log.info("namespace is being deleted", fields);
    }
    const { retryAfter, status } = error instanceof ApiError ? error : { retryAfter: undefined, status: 0 };
    const wait = this.#queue.retry(key, retryAfter, status === undefined ? unanswered : undefined);
    // A conflict is the usual way of hearing that somebody was faster.
    const level = error instanceof ApiError && error.isConflict ? "info" : "error";
    this.#log[level]("visit failed", { ...fields, failures: this.#queue.failuresOf(key), retryInMs: Math.round(wait) });
  }
}
