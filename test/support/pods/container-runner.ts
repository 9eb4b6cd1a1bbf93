// One container of a pod: its process is started, watched, restarted as the pod's policy says, and described as the API has it.
import type { V1Container } from "@kubernetes/client-node";
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerProcess } from "./container-process.ts";
import { watchHealth } from "./health.ts";
import { httpGet } from "./probe.ts";
import type { ProbeTarget } from "./probe.ts";

export interface ContainerOptions {
  readonly container: V1Container;
  readonly restart: "Always" | "OnFailure" | "Never";
  readonly address: string;
  /** @throws WaitingError while it cannot start */
  readonly launch: () => Promise<ContainerProcess>;
  readonly onChange: () => void;
  /** How long an ended or ending container is given, in milliseconds. */
  readonly grace: number;
  /** The first wait before a restart, in milliseconds; it doubles up to twenty times that. */
  readonly backOff: number;
  /** What it waits for before it is started first, in the kubelet's words. */
  readonly waitsFor: "PodInitializing" | "ContainerCreating";
}

/** A container cannot start for now; the reason is one of the kubelet's, as `ErrImagePull`. */
export class WaitingError extends Error {
  override readonly name = "WaitingError";
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** One of waiting, running, terminated, as `status.containerStatuses[].state` has it. */
export type ContainerState = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export class ContainerRunner {
  readonly name: string;
  readonly #options: ContainerOptions;
  readonly #ending = new AbortController();
  #process: ContainerProcess | undefined;
  #state: ContainerState;
  /** How the process before this one ended. */
  #lastState: ContainerState = {};
  #isStarted = false;
  #isReady = false;
  #restarts = 0;
  #exitCode: number | undefined;
  #running: Promise<void> | undefined;
  readonly #started = Promise.withResolvers<undefined>();

  constructor(options: ContainerOptions) {
    this.#options = options;
    this.name = options.container.name;
    this.#state = { waiting: { reason: options.waitsFor } };
  }

  get process(): ContainerProcess | undefined {
    return this.#process;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** The exit code once it ended for good. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  get hasRun(): boolean {
    return this.#process !== undefined || this.#restarts > 0 || this.#exitCode !== undefined;
  }

  /** As in `status.containerStatuses`. */
  get status(): object {
    const { image } = this.#options.container;
    return {
      name: this.name,
      image,
      imageID: "",
      ready: this.#isReady,
      started: this.#isStarted,
      restartCount: this.#restarts,
      state: this.#state,
      lastState: this.#lastState,
      ...(this.#process !== undefined && { containerID: `process://${this.#process.pid}` }),
    };
  }

  /** Resolves when it ended for good. */
  run(): Promise<void> {
    this.#running ??= this.#supervise();
    return this.#running;
  }

  /** Resolves when it ran and its startup probe succeeded. */
  started(): Promise<undefined> {
    return this.#started.promise;
  }

  /** @param grace milliseconds for its preStop hook and its end */
  async end(grace: number): Promise<void> {
    this.#ending.abort();
    await this.#stopProcess(grace);
    await this.#running;
  }

  async #supervise(): Promise<void> {
    let wait = this.#options.backOff;
    while (!this.#ending.signal.aborted) {
      const code = await this.#runOnce();
      if (code !== undefined && !this.#isToRestart(code)) {
        this.#exitCode = code;
        break;
      }
      if (code !== undefined) this.#wait("CrashLoopBackOff", `back-off ${wait} ms`);
      await sleep(wait, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      wait = Math.min(wait * 2, this.#options.backOff * 20);
      if (code !== undefined) this.#restarts += 1;
    }
    this.#options.onChange();
  }

  #isToRestart(code: number): boolean {
    if (this.#ending.signal.aborted) return false;
    const { restart } = this.#options;
    return restart === "Always" || (restart === "OnFailure" && code !== 0);
  }

  /** @returns its exit code; undefined when it could not start */
  async #runOnce(): Promise<number | undefined> {
    const process = await this.#launch();
    if (process === undefined) return undefined;
    const startedAt = now();
    const gone = new AbortController();
    this.#process = process;
    this.#change({ running: { startedAt } });
    // An end that was asked for meanwhile found no process.
    if (this.#ending.signal.aborted) void process.end(this.#options.grace);
    void watchHealth(this.#target(process), this.#report(process), gone.signal);
    const exitCode = await process.ended;
    gone.abort();
    this.#isStarted = false;
    this.#isReady = false;
    const reason = exitCode === 0 ? "Completed" : "Error";
    const message = this.#terminationMessage(process, exitCode);
    const containerID = `process://${process.pid}`;
    this.#change({ terminated: { exitCode, reason, ...message, startedAt, finishedAt: now(), containerID } });
    return exitCode;
  }

  #terminationMessage(process: ContainerProcess, exitCode: number): { readonly message?: string } {
    const isAsked = this.#options.container.terminationMessagePolicy === "FallbackToLogsOnError";
    return isAsked && exitCode !== 0 ? { message: process.lastOutput() } : {};
  }

  async #launch(): Promise<ContainerProcess | undefined> {
    try {
      return await this.#options.launch();
    } catch (error) {
      const reason = error instanceof WaitingError ? error.reason : "CreateContainerError";
      this.#wait(reason, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #report(process: ContainerProcess): Parameters<typeof watchHealth>[1] {
    return {
      onStarted: () => {
        this.#isStarted = true;
        this.#started.resolve(undefined);
        this.#options.onChange();
      },
      onReady: (isReady) => {
        this.#isReady = isReady;
        this.#options.onChange();
      },
      onUnhealthy: () => void process.end(this.#options.grace),
    };
  }

  #target(process: ContainerProcess): ProbeTarget {
    const { address, container } = this.#options;
    const execute: ProbeTarget["execute"] = async (command, signal) => (await process.execute(command, signal)).code;
    return { address, container, execute };
  }

  async #stopProcess(grace: number): Promise<void> {
    const process = this.#process;
    if (process === undefined || this.#state["running"] === undefined) return;
    const deadline = Date.now() + grace;
    await this.#preStop(process, grace);
    await process.end(Math.max(deadline - Date.now(), 0));
  }

  async #preStop(process: ContainerProcess, grace: number): Promise<void> {
    const hook = this.#options.container.lifecycle?.preStop;
    const signal = AbortSignal.timeout(grace);
    const done: Promise<unknown>[] = [];
    if (hook?.sleep) done.push(sleep(hook.sleep.seconds * 1000, undefined, { signal }));
    if (hook?.exec) done.push(process.execute(hook.exec.command ?? [], signal));
    if (hook?.httpGet) done.push(httpGet(hook.httpGet, this.#target(process), signal));
    // A hook that fails, and a process that ends by itself, end the wait.
    await Promise.race([Promise.allSettled(done), process.ended]);
  }

  #wait(reason: string, message: string): void {
    this.#change({ waiting: { reason, message } });
  }

  #change(state: ContainerState): void {
    if (this.#state["terminated"] !== undefined) this.#lastState = this.#state;
    this.#state = state;
    this.#options.onChange();
  }
}

/** RFC 3339 to the second, as the API stores times. */
export function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}
