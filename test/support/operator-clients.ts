// Clients of a key service's pods: one connection each, and a load that never pauses for long, so that a request that fails at
// any moment of a test is seen.
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestCertificate } from "./certificates.ts";

export interface PodClientOptions {
  /** Of the pod. */
  readonly name: string;
  readonly address: string;
  /** In the server's certificate. */
  readonly serverName: string;
  readonly caPem: string;
  readonly certificate: TestCertificate;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Milliseconds that an answer may take. */
const patience = 5000;

export class PodClient implements Disposable {
  readonly name: string;
  readonly #options: PodClientOptions;
  readonly #agent: Agent;

  constructor(options: PodClientOptions) {
    const { caPem, certificate } = options;
    this.name = options.name;
    this.#options = options;
    this.#agent = new Agent({
      ca: caPem,
      cert: certificate.certPem,
      key: certificate.keyPem,
      keepAlive: true,
      maxSockets: 2,
    });
  }

  /** @throws Error when there is no answer */
  async ask(method: "GET" | "PUT", path: string, body?: object): Promise<Answer> {
    const { address: host, serverName: servername } = this.#options;
    const signal = AbortSignal.timeout(patience);
    const bytes = body === undefined ? undefined : JSON.stringify(body);
    const headers = { "content-length": Buffer.byteLength(bytes ?? "") };
    const call = request({ host, port: 7373, servername, agent: this.#agent, method, path, headers, signal });
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    call.on("error", reject);
    call.on("response", (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    call.end(bytes);
    return promise;
  }

  /** The status of one call. */
  async status(method: "GET" | "PUT", path: string, body?: object): Promise<number> {
    return (await this.ask(method, path, body)).status;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

export interface LoadResult {
  readonly requests: number;
  /** What went wrong, with the time. */
  readonly failures: readonly string[];
  /** Milliseconds. */
  readonly slowest: number;
}

/** Data keys are made and opened with `key` on every pod, about forty calls a second each, until it is stopped. */
export class Load {
  readonly #key: string;
  readonly #failures: string[] = [];
  readonly #running: Promise<unknown>;
  #isStopped = false;
  #requests = 0;
  #slowest = 0;

  constructor(clients: readonly PodClient[], key: string) {
    this.#key = key;
    this.#running = Promise.all(clients.map((client) => this.#keepBusy(client)));
  }

  /** So far. */
  get result(): LoadResult {
    return { requests: this.#requests, failures: this.#failures, slowest: Math.round(this.#slowest) };
  }

  async stop(): Promise<LoadResult> {
    this.#isStopped = true;
    await this.#running;
    return this.result;
  }

  async #keepBusy(client: PodClient): Promise<void> {
    while (!this.#isStopped) {
      const sealed = await this.#ask(client, `/v1/key/generate/${this.#key}`, {});
      const { ciphertext } = sealed === undefined ? {} : (JSON.parse(sealed) as { ciphertext?: string });
      if (ciphertext !== undefined) await this.#ask(client, `/v1/key/decrypt/${this.#key}`, { ciphertext });
      await sleep(40);
    }
  }

  async #ask(client: PodClient, path: string, body: object): Promise<string | undefined> {
    const began = performance.now();
    this.#requests += 1;
    try {
      const answer = await client.ask("PUT", path, body);
      if (answer.status === 200) return answer.body;
      this.#note(client, `${path}: ${answer.status} ${answer.body}`);
    } catch (error) {
      this.#note(client, `${path}: ${String(error)}`);
    } finally {
      this.#slowest = Math.max(this.#slowest, performance.now() - began);
    }
    return undefined;
  }

  #note({ name }: PodClient, what: string): void {
    this.#failures.push(`${new Date().toISOString()} ${name} ${what}`);
  }
}
