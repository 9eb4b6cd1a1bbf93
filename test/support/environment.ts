// An Environment a test controls: what the command reads, and everything it wrote.
import { PassThrough, Readable, Writable } from "node:stream";
import type { Environment } from "../../sidecar/commands/environment.ts";
import { run } from "../../sidecar/commands/program.ts";

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string | Environment["stdin"];
  /** True: stdout is a terminal. */
  readonly terminal?: boolean;
  readonly onStart?: (world: World) => void;
}

export interface World {
  readonly environment: Environment;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Delivers a signal; true if the command had taken it over. */
  readonly signal: (name: string) => boolean;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function makeWorld(options: RunOptions = {}): World {
  const out = collector(options.terminal === true);
  const err = collector(options.terminal === true);
  const listeners = new Map<string, Set<() => void>>();
  const stdin = typeof options.stdin === "string" ? Readable.from([Buffer.from(options.stdin)]) : options.stdin;
  const environment: Environment = {
    env: options.env ?? {},
    cwd: options.cwd ?? "/",
    started: ["/opt/node", "/opt/kes/sidecar/main.ts"],
    versions: { node: "26.1.0", v8: "14.0" },
    stdin: stdin ?? new PassThrough().end(),
    stdout: out.stream,
    stderr: err.stream,
    outliveReaders: () => undefined,
    onSignal(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
      return () => void set.delete(listener);
    },
  };
  const signal = (name: string): boolean => {
    const set = [...(listeners.get(name) ?? [])];
    for (const listener of set) listener();
    return set.length > 0;
  };
  return { environment, stdout: out.text, stderr: err.text, signal };
}

/** Runs one command line to its end. */
export async function kes(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const world = makeWorld(options);
  const running = run(argv, world.environment);
  options.onStart?.(world);
  const code = await running;
  return { code, stdout: world.stdout(), stderr: world.stderr() };
}

function collector(isTTY: boolean): { stream: Writable & { isTTY: boolean; columns: number }; text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 100 }), text: () => chunks.join("") };
}
