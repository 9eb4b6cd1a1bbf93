// An operator on a large landscape, step by step: it starts on what was declared before, is left alone, sees one edit, and is
// started again when everything is in order. What it takes is read from the kernel, what it writes from the API server.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuTime } from "../bench/process-figures.ts";
import { installCertManagerCrds } from "../env/cert-manager/cert-manager.ts";
import { startKubernetes } from "../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../env/kubernetes/kubernetes.ts";
import { installChart } from "../support/operator-chart.ts";
import { prepareOperator } from "../support/operator-process.ts";
import type { OperatorProcess } from "../support/operator-process.ts";
import { difference, readBundles, shortcomings, writesSeen } from "./findings.ts";
import { declareLandscape, editPolicy } from "./landscape.ts";
import type { ExpectedBundle, Size } from "./landscape.ts";
import { Progress } from "./progress.ts";
import { Strain } from "./strain.ts";
import type { Strained } from "./strain.ts";

export interface Start {
  /** Seconds until everything was observed and in the bundles. */
  readonly observed: number;
  /** Seconds until nothing more was written. */
  readonly settled: number;
  /** CPU seconds of the operator. */
  readonly cpu: number;
  /** CPU seconds of the API server. */
  readonly serverCpu: number;
  readonly strain: Strained;
  /** By what was written: `APPLY configmaps`. */
  readonly writes: ReadonlyMap<string, number>;
}

export interface Edit {
  /** Names of the servers whose bundle is another one now. */
  readonly bundles: readonly string[];
  readonly writes: ReadonlyMap<string, number>;
}

export interface Rest {
  /** Of one core. */
  readonly percent: number;
  readonly strain: Strained;
  readonly writes: ReadonlyMap<string, number>;
}

export interface ScaleOptions {
  /** Of the operator; absent: the sources. */
  readonly program?: string;
  /** Whether kube-controller-manager runs. */
  readonly controllers?: boolean;
}

/** Milliseconds: between two looks, and how long it does nothing when all is done. */
const look = 500;
const quiet = 5_000;
/** Of a core: with less it does nothing. On a machine where everybody waits it gets little more when it is at work. */
const idle = 0.03;
/** Its collector takes a fifth of the two processors that it shares here with what is measured. */
export const apiServerEnv = { GOGC: "400" };
/** Of Node, as the operator's image has them. */
const nodeFlags = ["--min-semi-space-size=8", "--max-semi-space-size=8"];
/** Seconds between scrapes of the operator's metrics, as usual. */
const scrapeInterval = 30;

export class ScaleRun implements AsyncDisposable {
  readonly #cluster: Kubernetes;
  readonly #operator: OperatorProcess;
  readonly #expected: readonly ExpectedBundle[];

  private constructor(cluster: Kubernetes, operator: OperatorProcess, expected: readonly ExpectedBundle[]) {
    this.#cluster = cluster;
    this.#operator = operator;
    this.#expected = expected;
  }

  static async prepare(size: Size, { program, ...options }: ScaleOptions = {}): Promise<ScaleRun> {
    const cluster = await startKubernetes({ ...options, apiServerEnv });
    try {
      await installCertManagerCrds(cluster);
      const chart = await installChart(cluster);
      const expected = await declareLandscape(cluster.api, size);
      const delivered = { flags: ["--log-level=info"], nodeFlags, ...(program !== undefined && { program }) };
      return new ScaleRun(cluster, await prepareOperator(cluster, chart, delivered), expected);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** @throws Error when it takes longer than `patience` seconds */
  async start(patience: number): Promise<Start> {
    const before = await this.#written();
    await using progress = await Progress.open(this.#cluster.api, this.#expected);
    const [strain, serverCpu] = [new Strain(), this.#serverCpu];
    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1000;
    await this.#operator.start();
    let [settled, cpu] = [0, this.#cpu];
    while (progress.doneAt === undefined || seconds() - settled < quiet / 1000) {
      await sleep(look);
      if ((this.#cpu - cpu) / (look / 1000) > idle) settled = seconds();
      cpu = this.#cpu;
      if (seconds() > patience) throw new Error(await this.#reproach(patience));
    }
    // What the watch has seen is confirmed by a look at everything.
    const found = await this.shortcomings();
    if (found.length > 0) throw new Error(found.join(", "));
    const observed = Math.max(0, (progress.doneAt - began) / 1000);
    const used = { cpu: this.#cpu, serverCpu: this.#serverCpu - serverCpu, strain: strain.sinceThen() };
    return { observed, settled, ...used, writes: difference(before, await this.#written()) };
  }

  /** Ends the operator and starts it again. */
  async restart(patience: number): Promise<Start> {
    await this.#operator.stop();
    return await this.start(patience);
  }

  /** Changes one policy, and waits until nothing is written any more. */
  async editOnePolicy(path: string): Promise<Edit> {
    const { api } = this.#cluster;
    const [first] = this.#expected;
    if (first === undefined) throw new Error("there is no server");
    const [versions, before] = [await readBundles(api), await this.#written()];
    await editPolicy(api, first, path);
    for (let [last, cpu] = [performance.now(), this.#cpu]; performance.now() - last < quiet; await sleep(look)) {
      if ((this.#cpu - cpu) / (look / 1000) > idle) last = performance.now();
      cpu = this.#cpu;
    }
    const now = await readBundles(api);
    const changed = [...now].filter(([server, { version }]) => versions.get(server)?.version !== version);
    return { bundles: changed.map(([server]) => server), writes: difference(before, await this.#written()) };
  }

  /** Leaves it alone, but for what scrapes its metrics. */
  async rest(seconds: number): Promise<Rest> {
    const [before, strain, cpu, began] = [await this.#written(), new Strain(), this.#cpu, performance.now()];
    for (let left = seconds; left > 0; left -= scrapeInterval) {
      await sleep(Math.min(left, scrapeInterval) * 1000);
      await this.#operator.ops("/metrics");
    }
    const lasted = (performance.now() - began) / 1000;
    const percent = ((this.#cpu - cpu) / lasted) * 100;
    return { percent, strain: strain.sinceThen(), writes: difference(before, await this.#written()) };
  }

  /** MiB that the operator's process has had at most, since it was started. */
  get peakMemory(): number {
    const status = readFileSync(`/proc/${this.#operator.pid}/status`, "latin1");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** CPU seconds of the API server. */
  get #serverCpu(): number {
    return cpuTime(this.#cluster.apiServer.pid) / 1e6;
  }

  /** What is not as it has to be. */
  shortcomings(): Promise<readonly string[]> {
    return shortcomings(this.#cluster.api, this.#expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#operator.kill();
    await this.#cluster.stop();
  }

  /** CPU seconds of the operator. */
  get #cpu(): number {
    return cpuTime(this.#operator.pid) / 1e6;
  }

  async #reproach(patience: number): Promise<string> {
    const found = await this.shortcomings();
    return `not within ${patience} s: ${found.length === 0 ? "it is never at rest" : found.join(", ")}`;
  }

  #written(): Promise<ReadonlyMap<string, number>> {
    return writesSeen(this.#cluster.api);
  }
}
