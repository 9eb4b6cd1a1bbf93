// A server of the tests as a process of its own, which a fault test ends and starts again on the same port and data, stops
// and continues. Its output goes to a file. It dies with the process that started it, however that one ends.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readdirSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface ComponentOptions {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** True once it does its work; asked every 50 ms, an exception means no. */
  readonly isReady: () => Promise<boolean>;
}

const patience = 60_000;

export class Component implements AsyncDisposable {
  readonly #options: ComponentOptions;
  #child: ChildProcess | undefined;

  constructor(options: ComponentOptions) {
    this.#options = options;
  }

  static async start(options: ComponentOptions): Promise<Component> {
    const component = new Component(options);
    await component.start();
    return component;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the process and waits until it is ready. @throws Error with the end of its log */
  async start(): Promise<void> {
    if (this.running) return;
    this.#launch();
    const deadline = Date.now() + patience;
    while (this.running && Date.now() < deadline) {
      if (await this.#options.isReady().catch(() => false)) return;
      await sleep(50);
    }
    const state = this.running ? "is not ready" : "ended";
    await this.kill();
    throw new Error(`${basename(this.#options.command[0] ?? "")} ${state}:\n${this.log().slice(-4000)}`);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** SIGSTOP: connections are still taken and nothing is answered. Resolves when its last thread has stopped. */
  async pause(): Promise<void> {
    this.#child?.kill("SIGSTOP");
    if (this.running) await untilStopped(this.pid);
  }

  /** SIGCONT. */
  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Everything it wrote, restarts included. */
  log(): string {
    return readFileSync(this.#options.logFile, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #launch(): void {
    const output = openSync(this.#options.logFile, "a");
    const [program = "", ...args] = boundToUs(this.#options.command);
    this.#child = spawn(program, args, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...this.#options.env },
    });
    this.#child.on("error", () => undefined);
    closeSync(output);
  }
}

/** The kernel ends it with its parent: a test runner that is killed leaves nothing behind. Linux only; elsewhere as it is. */
export function boundToUs(command: readonly string[]): readonly string[] {
  return process.platform === "linux" ? ["setpriv", "--pdeathsig", "KILL", "--", ...command] : command;
}

/** Resolves when the last thread of a process that got SIGSTOP has stopped. */
export async function untilStopped(pid: number): Promise<void> {
  while (!isStopped(pid)) await sleep(5);
}

function isStopped(pid: number): boolean {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.every((task) => /\) T /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, "utf8")));
}
