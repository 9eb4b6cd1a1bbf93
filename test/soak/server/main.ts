// `npm run soak -- 1h`: the server at full load, and what became of it. Ends with 1 if a request was lost, the server died or
// its memory grew.
import { parseArgs } from "node:util";
import { parseDuration } from "../../../sidecar/contract/duration.ts";
import { soak } from "./soak.ts";
import type { SoakReport } from "./soak.ts";
import type { WorkerKind } from "./worker-job.ts";

const help = `Usage: npm run soak -- [DURATION] [--attack] [--json]

  DURATION   as in 30s, 10m (the default), 1h
  --attack   an attacker too, with one attack after the other
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { attack: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
});
const duration = parseDuration(positionals[0] ?? "10m");
if (duration === undefined || duration <= 0 || positionals.length > 1) {
  process.stderr.write(help);
  process.exitCode = 2;
} else {
  const kinds: WorkerKind[] = ["steady", "cancelling", "slow", "visiting"];
  if (values.attack) kinds.push("attacking");
  const report = await soak({ duration, kinds, ...(process.stderr.isTTY && { onProgress: progress }) });
  if (process.stderr.isTTY) process.stderr.write("\r\u001B[K");
  process.stdout.write(values.json ? `${JSON.stringify(report, undefined, 2)}\n` : textOf(report));
  process.exitCode = report.problems.length === 0 ? 0 : 1;
}

function progress(share: number, megabytes: number): void {
  const bar = "█".repeat(Math.round(share * 30)).padEnd(30, "·");
  process.stderr.write(`\r${bar} ${Math.round(share * 100)} %  ${megabytes.toFixed(0)} MB`);
}

function textOf({ workers, reloads, memory, problems }: SoakReport): string {
  const rows = workers.map(({ kind, right, problems: own }) => {
    return `${kind.padEnd(12)} ${right.toLocaleString("en").padStart(14)} right ${String(own.length).padStart(4)} wrong`;
  });
  const { atRest, most, secondQuarter, lastQuarter } = memory;
  const quarters = `second quarter ${secondQuarter.toFixed(1)}, last quarter ${lastQuarter.toFixed(1)}`;
  rows.push(`${reloads} reloads`, `memory, MB: at rest ${atRest.toFixed(1)}, ${quarters}, most ${most.toFixed(1)}`);
  return `${[...rows, ...problems.map((problem) => `problem: ${problem}`)].join("\n")}\n`;
}
