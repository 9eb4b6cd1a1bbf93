// A real Vault or OpenBao server as a process of its own, on a free port, with its data in a folder, so that it can be killed and
// started again, sealed and unsealed, stopped and continued.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { untilStopped } from "../component.ts";
import { fixedPort } from "../fixed-port.ts";
import { obtainOpenBao } from "../openbao/obtain-openbao.ts";
import { obtainVault } from "./obtain-vault.ts";

export interface ListenerTls {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
  /** Whom client certificates come from. */
  readonly clientCa: string;
}

export interface ServerOptions {
  readonly tls?: ListenerTls;
  /** Default vault. */
  readonly product?: "vault" | "openbao";
}

interface Answer {
  readonly status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- what Vault answers differs by path; a test knows what it asked for
  readonly body: any;
}

export class VaultServer implements AsyncDisposable {
  readonly port: number;
  /** A second listener that speaks TLS. */
  readonly tlsPort: number | undefined;
  rootToken = "";
  #unsealKey = "";
  readonly #binary: string;
  readonly #folder: string;
  readonly #configFile: string;
  readonly #certFile: string;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(ports: Ports, folder: string, { tls, product = "vault" }: ServerOptions) {
    [this.port, this.tlsPort] = ports;
    this.#binary = product === "vault" ? obtainVault() : obtainOpenBao();
    this.#folder = folder;
    this.#configFile = join(folder, "vault.json");
    this.#certFile = tls?.cert ?? "";
    const cluster = { cluster_address: `127.0.0.1:${ports[2]}` };
    const plain = { tcp: { address: `127.0.0.1:${this.port}`, tls_disable: true, ...cluster } };
    const secured = tls && {
      tcp: {
        address: `127.0.0.1:${this.tlsPort}`,
        tls_cert_file: tls.cert,
        tls_key_file: tls.key,
        tls_client_ca_file: tls.clientCa,
      },
    };
    const listener = secured ? [plain, secured] : [plain];
    const storage = product === "vault" ? fileStorage(folder) : raftStorage(folder, ports);
    writeFileSync(this.#configFile, JSON.stringify({ ...storage, listener, log_level: "warn" }));
  }

  /** Initialised and unsealed, with nothing mounted. */
  static async start(options: ServerOptions = {}): Promise<VaultServer> {
    const folder = mkdtempSync(join(tmpdir(), "kes-vault-server-"));
    const ports = [await fixedPort(), options.tls && (await fixedPort()), await fixedPort()] as const;
    const server = new VaultServer(ports, folder, options);
    await server.launch();
    const { body } = await server.ask("PUT", "sys/init", { secret_shares: 1, secret_threshold: 1 });
    server.rootToken = body.root_token;
    server.#unsealKey = body.keys_base64[0];
    await server.unseal();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the process; a server that was initialised comes up sealed. */
  async launch(): Promise<void> {
    const child = spawn(this.#binary, ["server", `-config=${this.#configFile}`], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => (this.#output = (this.#output + chunk.toString()).slice(-20_000)));
    }
    for (let waited = 0; waited < 60_000 && child.exitCode === null; waited += 50) {
      if (await this.ask("GET", "sys/seal-status").then(isAnswered, () => false)) return;
      await sleep(50);
    }
    throw new Error(`${this.#binary} did not start:\n${this.#output}`);
  }

  async seal(): Promise<void> {
    await this.must("PUT", "sys/seal");
  }

  async unseal(): Promise<void> {
    await this.must("PUT", "sys/unseal", { key: this.#unsealKey });
    for (let waited = 0; waited < 30_000; waited += 50) {
      const { status } = await this.ask("GET", "sys/health");
      if (status === 200) return;
      await sleep(50);
    }
    throw new Error(`${this.#binary} did not unseal:\n${this.#output}`);
  }

  /** Reads certificates anew. Resolves when the one in its file is shown. */
  async reload(): Promise<void> {
    const { fingerprint256: wanted } = new X509Certificate(readFileSync(this.#certFile));
    this.#child?.kill("SIGHUP");
    for (let waited = 0; waited < 20_000; waited += 50) {
      if ((await shownAt(this.tlsPort)) === wanted) return;
      await sleep(50);
    }
    throw new Error(`${this.#binary} does not show its new certificate:\n${this.#output}`);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  /** Stopped, it takes connections and answers nothing. Resolves when its last thread has stopped. */
  async stop(): Promise<void> {
    const { pid } = this.#child ?? {};
    if (pid === undefined) return;
    process.kill(pid, "SIGSTOP");
    await untilStopped(pid);
  }

  goOn(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Asks as root, or with `token`. */
  async ask(method: string, path: string, body?: object, token = this.rootToken): Promise<Answer> {
    const response = await fetch(`${this.url}/v1/${path}`, {
      method,
      headers: { ...(token !== "" && { "X-Vault-Token": token }), "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  }

  /** As `ask`, and fails unless it succeeded. */
  async must(method: string, path: string, body?: object): Promise<Answer> {
    const answer = await this.ask(method, path, body);
    if (answer.status < 300) return answer;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }

  /** Mounts a K/V engine and waits until it serves. */
  async mountKv(path: string, version: "1" | "2"): Promise<void> {
    await this.must("POST", `sys/mounts/${path}`, { type: "kv", options: { version } });
    for (let waited = 0; waited < 20_000; waited += 50) {
      const { status } = await this.ask("GET", version === "2" ? `${path}/data/none` : `${path}/none`);
      if (status === 404) return;
      await sleep(50);
    }
    throw new Error(`the engine ${path} does not serve`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.goOn();
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Of the listener, of the one that speaks TLS, and of the cluster. */
type Ports = readonly [number, number | undefined, number];

function fileStorage(folder: string): object {
  return { disable_mlock: true, storage: { file: { path: join(folder, "data") } } };
}

/** OpenBao has no storage in files, and its own wants a cluster, if only of one. */
function raftStorage(folder: string, [port, , clusterPort]: Ports): object {
  const path = join(folder, "data");
  mkdirSync(path);
  return {
    storage: { raft: { path, node_id: "one", performance_multiplier: 1 } },
    api_addr: `http://127.0.0.1:${port}`,
    cluster_addr: `http://127.0.0.1:${clusterPort}`,
  };
}

/** The fingerprint of the certificate that a port of this machine shows. */
async function shownAt(port = 0): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.on("error", () => undefined).destroy();
  return fingerprint256;
}

function isAnswered({ status }: Answer): boolean {
  return status === 200;
}
