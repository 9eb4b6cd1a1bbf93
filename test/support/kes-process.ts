// A real KES server as a process of its own: `node sidecar/main.ts server --config …` with files in a folder of its own,
// on a free loopback port. The front door of every test over the wire.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatWrappingKey, generateWrappingKey } from "../../sidecar/keystore/fs/wrapping-key.ts";
import { initStore } from "../../sidecar/keystore/fs/init-store.ts";
import { makeLeaf, makeServerCertificate } from "./certificates.ts";
import type { TestCertificate } from "./certificates.ts";

export const mainFile = join(import.meta.dirname, "../../sidecar/main.ts");

export interface KesOptions {
  /** YAML lines appended to the generated file; `policy:`, `cache:` … */
  readonly extra?: string;
  /** Lines below `tls:`; key and cert are there. */
  readonly tls?: string;
  readonly server?: TestCertificate;
  /** Replaces the `keystore:` section; default: an encrypted directory in the folder. */
  readonly keystore?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Puts files into the folder before the start. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface Kes extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  readonly configFile: string;
  readonly child: ChildProcess;
  readonly admin: TestCertificate;
  readonly server: TestCertificate;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Writes another configuration file: the same head, other extras. */
  rewrite(options: KesOptions): void;
  /** Waits until what the server wrote satisfies the test, however busy the machine is with other tests. */
  until(what: string, test: (stdout: string, stderr: string) => boolean, milliseconds?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Stops it with SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts a server and waits until it answers. The caller disposes of it. */
export async function startKes(options: KesOptions = {}): Promise<Kes> {
  const folder = mkdtempSync(join(tmpdir(), "kes-test-"));
  const admin = await makeLeaf({ cn: "admin" });
  const server = options.server ?? (await makeServerCertificate());
  writePrivate(join(folder, "server.key"), server.keyPem);
  writeFileSync(join(folder, "server.crt"), server.certPem);
  for (const [name, text] of Object.entries(options.files ?? {})) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writePrivate(join(folder, name), text);
  }
  if (options.keystore === undefined) await makeStore(folder);
  const configFile = join(folder, "server.yaml");
  writeFileSync(configFile, configOf(folder, admin.identity, options));
  return launch({ folder, configFile, admin, server, options });
}

/** Starts another process on the folder of a former one. */
export function restartKes(former: Kes, options: KesOptions = {}): Promise<Kes> {
  const { folder, configFile, admin, server } = former;
  return launch({ folder, configFile, admin, server, options });
}

interface Launch {
  readonly folder: string;
  readonly configFile: string;
  readonly admin: TestCertificate;
  readonly server: TestCertificate;
  readonly options: KesOptions;
}

async function launch({ folder, configFile, admin, server, options }: Launch): Promise<Kes> {
  const args = [mainFile, "server", "--config", configFile, "--addr", "127.0.0.1:0", ...(options.args ?? [])];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const until: Kes["until"] = async (what, test, milliseconds = 60_000) => {
    const deadline = Date.now() + milliseconds;
    while (!test(stdout, stderr)) {
      const state = `\nstdout: ${stdout}\nstderr: ${stderr}`;
      if (child.exitCode !== null && !test(stdout, stderr)) assert.fail(`the server ended before ${what}${state}`);
      if (Date.now() > deadline) assert.fail(`waited in vain for ${what}${state}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  try {
    await until("the server is up", (out) => out.includes("Server is up and running"));
  } catch (error) {
    // Nobody else would end it, and the test would wait for it.
    child.kill("SIGKILL");
    throw error;
  }
  const port = Number(/· https:\/\/127\.0\.0\.1:(\d+)/.exec(stdout)?.[1]);
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    return exited;
  };
  return {
    url: `https://127.0.0.1:${port}`,
    host: "127.0.0.1",
    port,
    folder,
    configFile,
    child,
    admin,
    server,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    rewrite: (next) => writeFileSync(configFile, configOf(folder, admin.identity, next)),
    until,
    signal: (name) => void child.kill(name),
    stop,
    async [Symbol.asyncDispose]() {
      const code = await stop();
      rmSync(folder, { recursive: true, force: true });
      if (code !== 0 && child.signalCode === null) assert.fail(`the server ended with ${code}: ${stderr}`);
    },
  };
}

async function makeStore(folder: string): Promise<void> {
  using wrapping = generateWrappingKey();
  writePrivate(join(folder, "wrapping.key"), formatWrappingKey(wrapping));
  await initStore(join(folder, "keys"), { keys: [wrapping] });
}

function configOf(folder: string, admin: string, options: KesOptions): string {
  const encrypted = ["keystore:", "  fs:", `    path: ${folder}/keys`, "    encryption:", "      keys:"];
  const keystore = options.keystore ?? [...encrypted, `        - file: ${folder}/wrapping.key`].join("\n");
  return [
    "version: v1",
    "address: 127.0.0.1:0",
    `admin: { identity: ${admin} }`,
    "tls:",
    `  key: ${folder}/server.key`,
    `  cert: ${folder}/server.crt`,
    ...(options.tls === undefined ? [] : [options.tls]),
    keystore.replaceAll("$FOLDER", folder),
    ...(options.extra === undefined ? [] : [options.extra.replaceAll("$FOLDER", folder)]),
    "",
  ].join("\n");
}

function writePrivate(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o600);
}
