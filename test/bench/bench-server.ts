// The servers under test, each in a process and a folder of its own. Pinned to the first processor where taskset exists,
// the load generator to the second: figures of one machine are then comparable with each other.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, startServerProcess } from "../env/server-process.ts";
import type { ServerProcess } from "../env/server-process.ts";
import { makeServerFolder } from "../env/server-folder.ts";
import type { FolderOptions, ServerFolder } from "../env/server-folder.ts";
import type { ServerName } from "./measure.ts";

export interface BenchServer extends ServerProcess {
  readonly name: ServerName;
  readonly folder: ServerFolder;
  /** Milliseconds from the start of the process to its first answer. */
  readonly startTime: number;
}

export interface BenchOptions {
  readonly goBinary: string | undefined;
  readonly pin: boolean;
  /** Folder for everything the benchmark writes. */
  readonly workFolder: string;
  /** Which HTTP/2 implementation of our server; absent = its default. */
  readonly http2: "own" | "node" | undefined;
}

const root = join(import.meta.dirname, "../..");

/** The compiled program where there is one, else the source. */
export function ownProgram(): string {
  const compiled = join(root, "dist/sidecar/main.js");
  return existsSync(compiled) ? compiled : join(root, "sidecar/main.ts");
}

export function pinned(processor: number, pin: boolean, command: readonly string[]): string[] {
  return pin && process.platform === "linux" ? ["taskset", "-c", String(processor), ...command] : [...command];
}

/** Starts a server in a fresh folder and waits for its first answer. */
export async function startBenchServer(
  name: ServerName,
  options: BenchOptions,
  settings: Omit<FolderOptions, "port"> = {},
): Promise<BenchServer> {
  const port = await freePort();
  const path = join(options.workFolder, `${name}-${port}`);
  mkdirSync(path, { recursive: true });
  const folder = await makeServerFolder(path, {
    ...settings,
    port,
    ...(options.http2 === undefined || name !== "ours" ? {} : { http2: options.http2 }),
  });
  const started = performance.now();
  const command = pinned(0, options.pin, commandOf(name, folder, options));
  const server = await startServerProcess(command, { outputFile: join(path, "output.log") });
  await firstAnswer(folder, server);
  return { ...server, name, folder, startTime: performance.now() - started };
}

function commandOf(name: ServerName, folder: ServerFolder, options: BenchOptions): string[] {
  const program = { ours: [process.execPath, ownProgram()], go: [options.goBinary ?? ""], bare: [] }[name];
  if (name !== "bare") return [...program, "server", "--config", folder.configFile];
  const [key, cert] = [join(folder.path, "server.key"), join(folder.path, "server.crt")];
  return [process.execPath, join(import.meta.dirname, "bare-http2/main.ts"), String(folder.port), key, cert];
}

async function firstAnswer(folder: ServerFolder, server: ServerProcess): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline && server.running()) {
    if ((await request(folder, "GET /version HTTP/1.1")).includes(" 200 OK\r\n")) return;
    await sleep(1);
  }
  await server.stop();
  throw new Error(`the server did not answer: ${readFileSync(join(folder.path, "output.log"), "utf8")}`);
}

/** One request of the admin over HTTP/1.1; the whole answer, empty when the server is not there. */
export function request(folder: ServerFolder, line: string): Promise<string> {
  return new Promise((resolve) => {
    const { key, cert } = folder.admin;
    const socket = connect({ host: "127.0.0.1", port: folder.port, key, cert, rejectUnauthorized: false });
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.write(`${line}\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
}

/** Runs the load generator with a job and returns its result. */
export function runLoad(job: object, pin: boolean): unknown {
  const main = join(import.meta.dirname, "load/main.ts");
  const [program = "", ...args] = pinned(1, pin, [process.execPath, main, JSON.stringify(job)]);
  return JSON.parse(execFileSync(program, args, { encoding: "utf8", maxBuffer: 1 << 24 }));
}
