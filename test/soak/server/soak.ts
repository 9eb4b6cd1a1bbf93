// A server at full load for as long as is asked: beside steady clients some that give up, read slowly, come and go, or attack,
// while the configuration is read anew every few seconds. Nothing may be lost, and memory may not grow.
import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { wireClient } from "../../contract/wire/client.ts";
import { ownProgram } from "../../bench/bench-server.ts";
import { spread } from "../../bench/measure.ts";
import { residentMemory } from "../../bench/process-figures.ts";
import { freePort, startServerProcess } from "../../env/server-process.ts";
import type { ServerProcess } from "../../env/server-process.ts";
import { makeServerFolder } from "../../env/server-folder.ts";
import type { ServerFolder } from "../../env/server-folder.ts";
import type { WorkerJob, WorkerKind, WorkerReport } from "./worker-job.ts";

export interface SoakOptions {
  /** Milliseconds. */
  readonly duration: number;
  readonly kinds: readonly WorkerKind[];
  readonly onProgress?: (share: number, megabytes: number) => void;
}

export interface SoakReport {
  readonly workers: readonly WorkerReport[];
  readonly reloads: number;
  /** Resident memory: megabytes at rest, at most, and the medians of the second and the last quarter. */
  readonly memory: Readonly<Record<"atRest" | "most" | "secondQuarter" | "lastQuarter", number>>;
  readonly problems: readonly string[];
}

const keyName = "wire-soak";
/** Names in the store: a listing is then many times a window. */
const names = 8000;
const reloadPause = 5000;
const samplePause = 500;
/** Megabytes: a soak's second half may differ so much. */
const mostGrowth = 6;
/** Megabytes: 120 MiB. */
const mostMemory = 125.8;
const run = promisify(execFile);

export async function soak({ duration, kinds, onProgress }: SoakOptions): Promise<SoakReport> {
  const path = mkdtempSync(join(tmpdir(), "kes-soak-"));
  const folder = await makeServerFolder(path, { port: await freePort(), keysFolder: storeOf(join(path, "keys")) });
  const server = await start(folder);
  try {
    await makeKey(folder);
    const atRest = residentMemory(server.pid) / 1e6;
    const working = Promise.all(kinds.map((kind) => work(jobOf(kind, folder, duration))));
    const watched = await watch(server, folder, { duration, ...(onProgress !== undefined && { onProgress }) });
    return reportOf({ workers: await working, atRest, ...watched });
  } finally {
    await server.stop();
    rmSync(path, { recursive: true, force: true });
  }
}

function storeOf(folder: string): string {
  mkdirSync(folder, { mode: 0o700 });
  for (let n = 0; n < names; n += 1) writeFileSync(join(folder, `soak-${String(n).padStart(5, "0")}`), "");
  return folder;
}

async function start(folder: ServerFolder): Promise<ServerProcess> {
  // As the image starts it.
  const command = [process.execPath, ownProgram(), "server", "--config", folder.configFile];
  const server = await startServerProcess(command, { outputFile: join(folder.path, "output.log") });
  const deadline = Date.now() + 30_000;
  while (!readFileSync(join(folder.path, "output.log"), "utf8").includes("Server is up and running")) {
    if (!server.running() || Date.now() > deadline) {
      throw new Error(`the server did not start: ${readFileSync(join(folder.path, "output.log"), "utf8")}`);
    }
    await sleep(50);
  }
  return server;
}

async function makeKey(folder: ServerFolder): Promise<void> {
  await using admin = wireClient("h1", new URL(`https://127.0.0.1:${folder.port}`), folder.admin);
  const { status } = await admin.send("PUT", `/v1/key/create/${keyName}`);
  if (status !== 200) throw new Error(`the key was not created: ${status}`);
}

function jobOf(kind: WorkerKind, { port, admin, reader }: ServerFolder, duration: number): WorkerJob {
  const { keyFile, certFile } = kind === "slow" ? admin : reader;
  return { kind, port, keyFile, certFile, duration, keyName };
}

async function work(job: WorkerJob): Promise<WorkerReport> {
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, "worker.ts"), JSON.stringify(job)]);
  return JSON.parse(stdout) as WorkerReport;
}

interface Watched {
  readonly reloads: number;
  readonly samples: readonly number[];
  readonly died: boolean;
}

async function watch(
  server: ServerProcess,
  folder: ServerFolder,
  { duration, onProgress }: Pick<SoakOptions, "duration" | "onProgress">,
): Promise<Watched> {
  const began = performance.now();
  const samples: number[] = [];
  let reloads = 0;
  for (let now = 0; now < duration && server.running(); now = performance.now() - began) {
    samples.push(residentMemory(server.pid) / 1e6);
    onProgress?.(now / duration, samples.at(-1) ?? 0);
    if (now > (reloads + 1) * reloadPause) {
      // The server takes a changed file up by itself; the signal as well must not disturb anybody.
      appendFileSync(folder.configFile, `# ${reloads}\n`);
      process.kill(server.pid, "SIGHUP");
      reloads += 1;
    }
    await sleep(samplePause);
  }
  return { reloads, samples, died: !server.running() };
}

function reportOf({
  workers,
  reloads,
  samples,
  died,
  atRest,
}: Watched & { readonly workers: readonly WorkerReport[]; readonly atRest: number }): SoakReport {
  const quarter = Math.floor(samples.length / 4);
  const medianOf = (from: number): number => spread(samples.slice(from * quarter, (from + 1) * quarter)).median;
  const most = Math.max(...samples);
  const memory = { atRest, most, secondQuarter: medianOf(1), lastQuarter: medianOf(3) };
  const problems = workers.flatMap((worker) => worker.problems);
  if (died) problems.push("the server died");
  if (workers.some(({ right }) => right === 0)) problems.push("a worker did nothing");
  if (memory.lastQuarter - memory.secondQuarter > mostGrowth) problems.push("memory grows");
  if (most > mostMemory) problems.push(`memory reached ${most.toFixed(1)} MB`);
  return { workers, reloads, memory, problems };
}
