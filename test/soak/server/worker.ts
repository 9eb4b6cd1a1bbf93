// One kind of client of the soak, in a process of its own: reads a WorkerJob as JSON from its argument, works until the
// time is over, and prints a WorkerReport.
import { readFileSync } from "node:fs";
import { attacking } from "./attacking.ts";
import { cancelling } from "./cancelling.ts";
import { slow } from "./slow.ts";
import { steady } from "./steady.ts";
import { visiting } from "./visiting.ts";
import type { WorkerJob, WorkerKind, WorkerReport } from "./worker-job.ts";

export interface Work {
  readonly server: { readonly port: number; readonly key: Buffer; readonly cert: Buffer };
  readonly keyName: string;
  readonly going: () => boolean;
  readonly right: (count?: number) => void;
  readonly problem: (text: string) => void;
}

const kinds: Readonly<Record<WorkerKind, (work: Work) => Promise<void>>> = {
  steady,
  cancelling,
  slow,
  visiting,
  attacking,
};
/** Enough to see what it is. */
const mostProblems = 5;

const { kind, port, keyFile, certFile, duration, keyName } = JSON.parse(process.argv[2] ?? "") as WorkerJob;
const until = performance.now() + duration;
const problems: string[] = [];
let right = 0;
await kinds[kind]({
  server: { port, key: readFileSync(keyFile), cert: readFileSync(certFile) },
  keyName,
  going: () => performance.now() < until && problems.length < mostProblems,
  right: (count = 1) => (right += count),
  problem: (text) => problems.push(text),
});
const report: WorkerReport = { kind, right, problems };
process.stdout.write(JSON.stringify(report));
process.exit();
