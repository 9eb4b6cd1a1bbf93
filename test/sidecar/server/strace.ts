// Follows the system calls of a running process, each with the instant it began and the instant it was over, so that a
// test can say "this was over before that began" across threads.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";

export interface SystemCall {
  readonly name: string;
  /** As strace writes them, descriptors with their paths. */
  readonly args: string;
  /** Places in the trace, not times. */
  readonly began: number;
  readonly ended: number;
}

export interface Trace {
  /** Stops following. */
  end(): Promise<readonly SystemCall[]>;
}

export function hasStrace(): boolean {
  return spawnSync("strace", ["-V"]).status === 0;
}

/** Resolves when every call of `pid` is seen. @param calls names, comma-separated; `?` before those a system may lack */
export async function trace(pid: number, calls: string, file: string): Promise<Trace> {
  const args = ["-f", "-y", "-s", "0", "-e", `trace=${calls}`, "-o", file, "-p", String(pid)];
  const child = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
  const exited = once(child, "exit");
  while (!said.includes("attached")) {
    if (child.exitCode !== null) throw new Error(`strace ended: ${said}`);
    await Promise.race([once(child.stderr, "data"), exited]);
  }
  return {
    async end() {
      child.kill("SIGINT");
      await exited;
      return parseTrace(readFileSync(file, "utf8"));
    },
  };
}

interface MutableCall {
  name: string;
  args: string;
  began: number;
  ended: number;
}

function parseTrace(text: string): readonly SystemCall[] {
  const calls: MutableCall[] = [];
  const unfinished = new Map<string, MutableCall>();
  for (const [place, line] of text.split("\n").entries()) {
    const [, thread, name, args] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
    if (thread === undefined || name === undefined || args === undefined) resume(line, place, unfinished);
    else {
      const call = { name, args, began: place, ended: place };
      calls.push(call);
      if (args.includes("<unfinished ...>")) unfinished.set(thread, call);
    }
  }
  return calls;
}

function resume(line: string, place: number, unfinished: ReadonlyMap<string, MutableCall>): void {
  const [, thread = "", rest = ""] = /^(\d+) +<\.\.\. (.*)$/.exec(line) ?? [];
  const call = unfinished.get(thread);
  if (call === undefined || rest === "") return;
  call.ended = place;
  call.args += rest;
}
