// A `kes` process of its own, as a user starts it.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../sidecar/main.ts", import.meta.url));

/** Nothing else of the tests' own environment reaches it; the last is how `npm run coverage` counts in it. */
const passedOn = Object.fromEntries(
  ["PATH", "HOME", "NODE_V8_COVERAGE"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

export interface KesProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when stdout holds `text`; rejects with everything written if the process ends first. */
  readonly shows: (text: string) => Promise<void>;
  /** Sends the signal and waits for the end. @returns the exit code */
  readonly stop: (signal: NodeJS.Signals) => Promise<number | null>;
}

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

export function startKes(argv: readonly string[], { cwd, env = {} }: SpawnOptions = {}): KesProcess {
  const child = spawn(process.execPath, [main, ...argv], {
    ...(cwd !== undefined && { cwd }),
    env: { ...passedOn, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "close");
  const shows = async (text: string): Promise<void> => {
    while (!stdout.includes(text)) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`kes ended with ${child.exitCode} before it showed "${text}":\n${stdout}\n${stderr}`);
      }
      await Promise.race([once(child.stdout, "data"), ended]);
    }
  };
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return {
    child,
    shows,
    stop,
    stdout: () => stdout,
    stderr: () => stderr,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await stop("SIGKILL");
    },
  };
}
