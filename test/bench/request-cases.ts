// Processor time, rate and latency of requests under load, and of new connections.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { wireClient } from "../contract/wire/client.ts";
import { pinned, runLoad, startBenchServer } from "./bench-server.ts";
import type { BenchOptions, BenchServer } from "./bench-server.ts";
import type { HandshakeResult, RequestResult } from "./load/job.ts";
import type { Measure, ServerName } from "./measure.ts";
import { residentMemory } from "./process-figures.ts";

export interface LoadSettings extends BenchOptions {
  readonly servers: readonly ServerName[];
  readonly seconds: number;
  readonly runs: number;
}

const shapes = [
  [1, 32],
  [4, 32],
  [1, 1],
  [16, 4],
] as const;
const context = Buffer.from('{"bucket":"b/o"}').toString("base64");
const keyName = "wire-bench";

/** A running server with the key of the load. */
interface Subject {
  readonly server: BenchServer;
  /** Base64, of that key in that context; empty for the bare handler. */
  readonly ciphertext: string;
}

interface Load {
  readonly action: "generate" | "decrypt";
  readonly shape: readonly [connections: number, streams: number];
}

/** `generate` or `decrypt` by an ordinary identity with a cached key, at every shape. */
export async function requestMeasures(action: Load["action"], settings: LoadSettings): Promise<Measure[]> {
  return withServers(settings, {}, (subjects) => {
    const measures: Measure[] = [];
    for (const shape of shapes) measures.push(...shapeMeasures({ action, shape }, subjects, settings));
    return measures;
  });
}

/** The same with the audit log of both servers on and written to a file. */
export async function auditMeasures(settings: LoadSettings): Promise<Measure[]> {
  return withServers(settings, { audit: "on" }, (subjects) => {
    const [{ unit, runs } = { unit: "", runs: {} }] = shapeMeasures(
      { action: "generate", shape: [4, 32] },
      subjects,
      settings,
    );
    return [{ name: "generate with audit log, 4 × 32", unit, target: "≤ 0.50 × Go", runs }];
  });
}

/** New connections: the handshake alone, and with one request. */
export async function connectMeasures(settings: LoadSettings): Promise<Measure[]> {
  return withServers(settings, {}, (subjects) =>
    [false, true].map((request) => {
      const runs = interleaved(subjects, settings.runs, ({ server }) => {
        const job = { ...jobBase(server, settings), kind: "handshakes", parallel: 4, request };
        const result = runLoad(job, settings.pin) as HandshakeResult;
        if (result.failures > 0) throw new Error(`${server.name}: ${result.failures} connections failed`);
        return result.cpuPerConnection;
      });
      const name = request ? "new mTLS connection and one request" : "new mTLS connection";
      return { name, unit: "µs CPU", target: request ? "" : "≤ 0.85 × Go", runs };
    }),
  );
}

/** Resident memory after start and a few requests, and after so many requests. */
export async function memoryMeasures(settings: LoadSettings, requests: number): Promise<Measure[]> {
  return withServers(settings, {}, (subjects) => {
    const rest = interleaved(subjects, 1, megabytes);
    const loaded = interleaved(subjects, 1, (subject) => {
      let done = 0;
      while (done < requests)
        done += load({ action: "generate", shape: [4, 32] }, subject, { ...settings, seconds: 5 }).answered;
      return megabytes(subject);
    });
    return [
      { name: "resident memory at rest", unit: "MB", target: "≤ 90 MB", runs: rest },
      {
        name: `resident memory after ${requests.toLocaleString("en")} requests`,
        unit: "MB",
        target: "≤ 120 MB",
        runs: loaded,
      },
    ];
  });
}

function shapeMeasures(what: Load, subjects: readonly Subject[], settings: LoadSettings): Measure[] {
  const results = interleaved(subjects, settings.runs, (subject) => load(what, subject, settings));
  const name = `${what.action} ${what.shape.join(" × ")}`;
  const [connections, streams] = what.shape;
  const pick = (field: (result: RequestResult) => number) => mapRuns(results, field);
  const single = connections * streams === 1;
  const measures: Measure[] = [
    { name, unit: "µs CPU", target: single ? "≤ 0.75 × Go" : "≤ 0.40 × Go", runs: pick((r) => r.cpuPerRequest) },
    { name, unit: "requests/s", target: "", runs: pick((r) => r.answered / r.seconds) },
  ];
  if (connections === 1) {
    measures.push({ name, unit: "µs p99", target: single ? "" : "≤ 0.75 × Go", runs: pick((r) => r.p99) });
  }
  return measures;
}

/** What a good client at full load notices of an attacker that comes back at once whenever it is thrown out. Ours only. */
export async function attackMeasures(settings: LoadSettings): Promise<Measure[]> {
  const busy = { action: "generate", shape: [1, 32] } as const;
  return withServers({ ...settings, servers: ["ours"] }, {}, (subjects) => {
    const calm = interleaved(subjects, settings.runs, (subject) => load(busy, subject, settings));
    const attacked = interleaved(subjects, settings.runs, (subject) => {
      const attacker = attack(subject, settings);
      try {
        return load(busy, subject, settings);
      } finally {
        attacker.kill();
      }
    });
    const ratios = (attacked.ours ?? []).map((result, at) => result.p99 / (calm.ours?.[at]?.p99 ?? Number.NaN));
    return [
      { name: "generate 1 × 32, no attacker", unit: "µs p99", target: "", runs: mapRuns(calm, ({ p99 }) => p99) },
      {
        name: "generate 1 × 32 beside an attacker",
        unit: "µs p99",
        target: "",
        runs: mapRuns(attacked, ({ p99 }) => p99),
      },
      { name: "beside an attacker : without", unit: "× p99", target: "≤ 3", runs: { ours: ratios } },
      { name: "resident memory after the attacks", unit: "MB", target: "", runs: interleaved(subjects, 1, megabytes) },
    ];
  });
}

function attack({ server }: Subject, settings: LoadSettings): ChildProcess {
  const { keyFile, certFile } = server.folder.reader;
  const job = { kind: "attacking", port: server.folder.port, keyFile, certFile, duration: 3_600_000, keyName };
  const worker = join(import.meta.dirname, "../soak/server/worker.ts");
  const command = pinned(1, settings.pin, [process.execPath, worker, JSON.stringify(job)]);
  // Gives way to the load generator, whose processor it would not share in the world.
  return spawn("nice", ["-n", "19", ...command], { stdio: "ignore" });
}

function load(what: Load, subject: Subject, settings: LoadSettings): RequestResult {
  const { server, ciphertext } = subject;
  const [connections, streams] = what.shape;
  const body = what.action === "generate" ? { context } : { ciphertext, context };
  const job = {
    ...jobBase(server, settings),
    kind: "requests",
    method: "POST",
    path: `/v1/key/${what.action}/${keyName}`,
    body: JSON.stringify(body),
    connections,
    streams,
    warmup: 1,
  };
  const result = runLoad(job, settings.pin) as RequestResult;
  if (result.wrong > 0 || result.failures.length > 0 || result.answered === 0) {
    throw new Error(`${server.name}: ${result.wrong} wrong answers; ${result.failures.join("; ")}`);
  }
  return result;
}

function jobBase(server: BenchServer, settings: LoadSettings) {
  const { keyFile, certFile } = server.folder.reader;
  return { port: server.folder.port, serverPid: server.pid, keyFile, certFile, seconds: settings.seconds };
}

/** Starts the servers in folders of their own, prepares the key, and stops them at the end. */
async function withServers<T>(
  settings: LoadSettings,
  folder: { readonly audit?: "on" },
  use: (subjects: readonly Subject[]) => T,
): Promise<T> {
  const subjects: Subject[] = [];
  try {
    for (const name of settings.servers) {
      const server = await startBenchServer(name, settings, folder);
      subjects.push({ server, ciphertext: name === "bare" ? "" : await prepareKey(server) });
    }
    return use(subjects);
  } finally {
    await Promise.all(subjects.map(({ server }) => server.stop()));
  }
}

async function prepareKey(server: BenchServer): Promise<string> {
  await using client = wireClient("h1", new URL(`https://127.0.0.1:${server.folder.port}`), server.folder.admin);
  await client.send("PUT", `/v1/key/create/${keyName}`);
  const answer = await client.send("PUT", `/v1/key/generate/${keyName}`, { body: JSON.stringify({ context }) });
  return (JSON.parse(answer.text) as { ciphertext: string }).ciphertext;
}

function megabytes({ server }: Subject): number {
  return residentMemory(server.pid) / 1e6;
}

/** Runs each server in turn, so often: what disturbs the machine disturbs all of them. */
function interleaved<T>(subjects: readonly Subject[], runs: number, run: (subject: Subject) => T) {
  const results: Partial<Record<ServerName, T[]>> = {};
  for (let n = 0; n < runs; n++) {
    for (const subject of subjects) (results[subject.server.name] ??= []).push(run(subject));
  }
  return results;
}

function mapRuns(results: Partial<Record<ServerName, RequestResult[]>>, field: (result: RequestResult) => number) {
  const runs: Partial<Record<ServerName, number[]>> = {};
  for (const name of ["ours", "go", "bare"] as const) {
    const own = results[name];
    if (own !== undefined) runs[name] = own.map(field);
  }
  return runs;
}
