// `npm run test:real`: the tests that need real components, in two lanes at the same time. What needs a cluster (operator/)
// and what needs key stores and clients (server/) share nothing, and the second mostly waits for stores that fail on purpose.
// Inside a lane one file follows the other: each measures times of its own. `npm run test:real -- server` is one lane.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, relative } from "node:path";
import process from "node:process";

const lanes = ["operator", "server"];
const named = process.argv.slice(2);
const unknown = named.find((lane) => !lanes.includes(lane));
if (unknown === undefined) process.exitCode = await runAll(named.length === 0 ? lanes : named);
else {
  process.stderr.write(`there is no lane ${unknown}; choose of ${lanes.join(", ")}, or name none for all\n`);
  process.exitCode = 2;
}

/** @returns 0 when all passed */
async function runAll([first = "", ...others]: readonly string[]): Promise<number> {
  const behind = others.map((lane) => ({ lane, ended: run(lane, "pipe") }));
  const all = [await run(first, "inherit")];
  for (const { lane, ended } of behind) {
    const { output, code } = await ended;
    process.stdout.write(`\n-- ${lane}\n${output}`);
    all.push({ output, code });
  }
  return all.every(({ code }) => code === 0) ? 0 : 1;
}

/** @param stdout `pipe`: kept until it ends, so that two lanes can be read one after the other */
async function run(lane: string, stdout: "inherit" | "pipe"): Promise<{ output: string; code: number | null }> {
  const files = join(relative(process.cwd(), import.meta.dirname), lane, "**", "*.test.ts");
  const argv = ["--test", "--test-reporter=spec", "--test-timeout=1800000", "--test-concurrency=1", files];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", stdout, "inherit"] });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { output, code };
}
