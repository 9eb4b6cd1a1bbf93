// One process of a container: started with its mounts, ended as a runtime ends it. Its output is appended to a file.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { boundToUs } from "../../env/component.ts";
import type { Variables } from "./container-environment.ts";
import { withMounts } from "./private-mounts.ts";
import type { Mount } from "./private-mounts.ts";

export interface ProcessPlan {
  readonly command: readonly string[];
  readonly variables: Variables;
  readonly mounts: readonly Mount[];
  readonly workingDirectory: string;
  readonly logFile: string;
}

export class ContainerProcess {
  readonly #child: ChildProcess;
  readonly #variables: Variables;
  readonly #logFile: string;
  /** Where its own output begins in the file. */
  readonly #logStart: number;
  /** Resolves with its exit code, or 128 and the signal's number as shells have it. */
  readonly ended: Promise<number>;

  constructor(plan: ProcessPlan) {
    this.#logFile = plan.logFile;
    this.#logStart = existsSync(plan.logFile) ? statSync(plan.logFile).size : 0;
    const output = openSync(plan.logFile, "a");
    const [program = "", ...args] = boundToUs(withMounts(plan.mounts, plan.command));
    this.#variables = plan.variables;
    this.#child = spawn(program, args, {
      cwd: plan.workingDirectory,
      env: plan.variables,
      stdio: ["ignore", output, output],
      // A group of its own, so that SIGKILL reaches its children too.
      detached: true,
    });
    closeSync(output);
    this.ended = endOf(this.#child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of what it wrote, as much as the kubelet takes for a termination message. */
  lastOutput(): string {
    const own = readFileSync(this.#logFile).subarray(this.#logStart).toString();
    return own.slice(-2048).split("\n").slice(-81).join("\n");
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** SIGTERM, and SIGKILL when that does not end it in time. @param grace milliseconds */
  async end(grace: number): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), grace);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) process.kill(-this.pid, "SIGKILL");
  }

  /** Runs a command that sees what the container sees. */
  async execute(command: readonly string[], signal?: AbortSignal): Promise<{ code: number; output: string }> {
    const child = spawn("nsenter", ["--mount", `--target=${this.pid}`, "--", ...command], {
      env: this.#variables,
      stdio: ["ignore", "pipe", "pipe"],
      ...(signal !== undefined && { signal }),
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    }
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? 1, output };
  }
}

const signals: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGTERM: 15 };

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signals[signal ?? ""] ?? 0)));
  });
}
