// Test files run in a working copy until the first of their tests fails: a process group of its own, so that whatever
// they started ends with them.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

import type { WorkingCopy } from "./working-copy.ts";

export type Verdict =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly test: string }
  /** No test failed, yet the run did: a file that cannot be loaded, a run that does not end. */
  | { readonly kind: "broken"; readonly why: string };

/** Milliseconds for one test, and for a run as a whole. */
const testTimeout = 60_000;
const runTimeout = 120_000;

export interface TestSelection {
  readonly tests: readonly string[];
  readonly only?: string;
}

const failedTest = /^\s*not ok \d+ - (.*?)(?: # .*)?$/;

export async function runTests(copy: WorkingCopy, selection: TestSelection, signal: AbortSignal): Promise<Verdict> {
  const { NODE_TEST_CONTEXT: _, NODE_V8_COVERAGE: __, ...env } = process.env;
  const { tests, only } = selection;
  const options = ["--test-reporter=tap", `--test-timeout=${testTimeout}`];
  if (only !== undefined) options.push(`--test-name-pattern=${only}`);
  const child = spawn(process.execPath, ["--test", ...options, ...tests], {
    cwd: copy.path,
    env: { ...env, TMPDIR: copy.scratch },
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  const end = (): void => killGroup(child.pid);
  const limit = setTimeout(end, runTimeout);
  signal.addEventListener("abort", end);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const test = failedTest.exec(line)?.[1];
      if (test === undefined) continue;
      // Of a file that ends before its tests do, the runner says no more than its name.
      return test.endsWith(".test.ts") ? { kind: "broken", why: `${test} cannot be run` } : { kind: "failed", test };
    }
    return (await exited) === 0 ? { kind: "passed" } : { kind: "broken", why: "the tests came to no end" };
  } finally {
    clearTimeout(limit);
    signal.removeEventListener("abort", end);
    end();
    await exited;
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
