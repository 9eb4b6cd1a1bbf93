// The operator as a process of its own, connected as a pod is: address and port of the API server in the environment, and a
// folder with its ServiceAccount's token; started again, it is another container of the same pod. It has the rights and the arguments of the installed chart and nothing else. Tests
// end it with SIGKILL, stop and continue it, start it again, and read what it logged and measured.
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Component } from "../env/component.ts";
import { fixedPort } from "../env/fixed-port.ts";
import type { Kubernetes } from "../env/kubernetes/kubernetes.ts";
import type { InstalledChart } from "./operator-chart.ts";

const main = join(import.meta.dirname, "..", "..", "operator", "main.ts");

export interface OperatorOptions {
  /** Of a proxy in front of the API server, which has the server's certificate. Default: the API server itself. */
  readonly port?: number;
  /** More flags; the last one of a name counts. */
  readonly flags?: readonly string[];
  /** The file that Node runs. Default: the sources. */
  readonly program?: string;
  /** Of Node: as the image has them, for instance. */
  readonly nodeFlags?: readonly string[];
}

export interface LogLine {
  readonly level: string;
  /** RFC 3339. */
  readonly time: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** Resolves when it leads and its controllers run. */
export async function startOperator(
  cluster: Kubernetes,
  chart: InstalledChart,
  options: OperatorOptions = {},
): Promise<OperatorProcess> {
  const operator = await prepareOperator(cluster, chart, options);
  await operator.start();
  try {
    await operator.untilLogged("controllers run");
  } catch (error) {
    await operator.kill();
    throw error;
  }
  return operator;
}

/** It does not run yet. */
export async function prepareOperator(
  cluster: Kubernetes,
  chart: InstalledChart,
  { port = cluster.port, flags = [], program = main, nodeFlags = [] }: OperatorOptions = {},
): Promise<OperatorProcess> {
  const folder = mkdtempSync(join(cluster.folder, "operator-"));
  await writeAccount(join(folder, "account"), cluster, chart);
  const opsPort = await fixedPort();
  const own = ["--server-image=kes:test", `--ops-address=127.0.0.1:${opsPort}`, "--log-level=debug"];
  const ops = `http://127.0.0.1:${opsPort}`;
  const component = new Component({
    command: [process.execPath, ...nodeFlags, program, ...chart.args, ...own, ...flags],
    logFile: join(folder, "operator.log"),
    env: {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: String(port),
      KES_OPERATOR_SERVICE_ACCOUNT: join(folder, "account"),
      KES_OPERATOR_POD_UID: randomUUID(),
    },
    isReady: async () => (await fetch(`${ops}/livez`)).ok,
  });
  return new OperatorProcess(component, ops);
}

/** As the kubelet mounts it. */
async function writeAccount(
  folder: string,
  cluster: Kubernetes,
  { namespace, account }: InstalledChart,
): Promise<void> {
  mkdirSync(folder);
  const token = await cluster.tokenFor(namespace, account, { seconds: 7200 });
  for (const [name, text] of Object.entries({ token, namespace, "ca.crt": cluster.caPem })) {
    writeFileSync(join(folder, name), text);
  }
}

export class OperatorProcess implements AsyncDisposable {
  readonly #component: Component;
  readonly #ops: string;

  constructor(component: Component, ops: string) {
    this.#component = component;
    this.#ops = ops;
  }

  get pid(): number {
    return this.#component.pid;
  }

  get running(): boolean {
    return this.#component.running;
  }

  /** Starts it, for the first time or again; resolves when its probes answer. */
  async start(): Promise<void> {
    await this.#component.start();
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#component.kill();
  }

  /** SIGTERM; resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.running) process.kill(this.pid, "SIGTERM");
    await this.untilEnded(30_000);
  }

  /** SIGSTOP; resolves when its last thread has stopped. */
  async pause(): Promise<void> {
    await this.#component.pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#component.resume();
  }

  /** @throws Error when it still runs after `patience` milliseconds */
  async untilEnded(patience: number): Promise<void> {
    const deadline = Date.now() + patience;
    while (this.running) {
      if (Date.now() > deadline) throw new Error(`the operator still runs after ${patience} ms:\n${this.#tail()}`);
      await sleep(10);
    }
  }

  /** Everything it logged, in earlier lives too. @param since milliseconds since 1970 */
  lines(since = 0): readonly LogLine[] {
    const whole = this.#component.log().split("\n").slice(0, -1);
    return whole
      .filter((line) => line.startsWith("{"))
      .map((line): LogLine => JSON.parse(line))
      .filter(({ time }) => Date.parse(time) >= since);
  }

  /** Resolves when it has logged `message` in this life. @throws Error when it ends before or does not within a minute */
  async untilLogged(message: string, patience = 60_000): Promise<LogLine> {
    const deadline = Date.now() + patience;
    for (;;) {
      const lines = this.lines();
      const life = lines.slice(lines.findLastIndex((line) => line.message === "started"));
      const found = life.find((line) => line.message === message);
      if (found !== undefined) return found;
      if (!this.running || Date.now() > deadline) {
        const state = this.running ? "runs" : "ended";
        throw new Error(`the operator ${state} and did not log "${message}":\n${this.#tail()}`);
      }
      await sleep(20);
    }
  }

  /** @param path /livez, /readyz or /metrics */
  async ops(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const response = await fetch(`${this.#ops}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** The sum of a metric's series that have all of `labels`; 0 when there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const { body } = await this.ops("/metrics");
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return body
      .split("\n")
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      .filter((line) => wanted.every((pair) => line.includes(pair)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #tail(): string {
    return this.#component.log().slice(-4000);
  }
}
