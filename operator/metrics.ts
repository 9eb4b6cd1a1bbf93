// Every metric that the operator counts: names, labels and meaning. Those of the machinery bear the names that
// controller-runtime and client-go gave them, so dashboards and alerts made for those work; those of our domain begin with
// kes_operator. What can be read off the objects themselves is in state-metrics.ts. docs/metrics.md describes all.
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Seconds. controller-runtime's. */
const visitBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** client-go's: 1 ms to about 1000 s by tens, where it begins at 10 ns. */
const queueBounds = [0.001, 0.01, 0.1, 1, 10, 100, 1000];
const callBounds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const propagationBounds = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

export interface MetricsOptions {
  readonly version: string;
  readonly commit: string;
  /** Of this process, asked for by each scrape. */
  readonly process: () => { readonly residentBytes: number; readonly cpuSeconds: number; readonly startedAt: number };
}

/** What the machinery says of one controller (runtime/controller.ts asks for this shape). */
export interface ControllerGauges {
  readonly workers: number;
  readonly busy: number;
  readonly depth: number;
  readonly unfinished: { readonly total: number; readonly longest: number };
}

type CallLabels = { readonly code: string; readonly method: string; readonly host: string; readonly seconds: number };

export class Metrics {
  readonly #registry = new Registry();
  readonly #states = new Map<string, () => ControllerGauges>();
  readonly #visits = this.#counter("controller_runtime_reconcile_total", "Visits, by how they ended.", [
    "controller",
    "result",
  ]);
  readonly #visitErrors = this.#counter("controller_runtime_reconcile_errors_total", "Visits that failed.", [
    "controller",
  ]);
  readonly #terminalErrors = this.#counter(
    "controller_runtime_terminal_reconcile_errors_total",
    "Visits that failed and are not repeated before something changes.",
    ["controller"],
  );
  readonly #visitTime = this.#histogram("controller_runtime_reconcile_time_seconds", "Length of visits.", {
    labels: ["controller"],
    bounds: visitBounds,
  });
  readonly #adds = this.#counter("workqueue_adds_total", "Keys added to the queue.", ["name", "controller"]);
  readonly #retries = this.#counter("workqueue_retries_total", "Keys added again after a failure.", [
    "name",
    "controller",
  ]);
  readonly #queueTime = this.#histogram("workqueue_queue_duration_seconds", "How long keys waited for a worker.", {
    labels: ["name", "controller"],
    bounds: queueBounds,
  });
  readonly #workTime = this.#histogram("workqueue_work_duration_seconds", "How long a worker had a key.", {
    labels: ["name", "controller"],
    bounds: queueBounds,
  });
  readonly #calls = this.#counter("rest_client_requests_total", "Requests to the API server, by status.", [
    "code",
    "method",
    "host",
  ]);
  readonly #callTime = this.#histogram(
    "rest_client_request_duration_seconds",
    "Time until the API server began to answer.",
    { labels: ["verb", "host"], bounds: callBounds },
  );
  readonly #leader = this.#gauge("leader_election_master_status", "1 while this process leads.", ["name"]);
  readonly #bundleWrites = this.#counter("kes_operator_bundle_writes_total", "Policy bundles written, by server.", [
    "namespace",
    "name",
  ]);
  readonly #repairs = this.#counter(
    "kes_operator_repairs_total",
    "Children that somebody else had changed or deleted, put right, by server.",
    ["namespace", "name"],
  );
  readonly #propagation = this.#histogram(
    "kes_operator_bundle_propagation_seconds",
    "From the write of a policy bundle until every ready pod of its server has it.",
    { labels: [], bounds: propagationBounds },
  );

  constructor({ version, commit, process }: MetricsOptions) {
    this.#gauge("kes_operator_build_info", "Always 1; the labels say what runs.", ["version", "commit"]).set(
      { version, commit },
      1,
    );
    this.#gauge("process_resident_memory_bytes", "Resident memory.", [], (gauge) => gauge.set(process().residentBytes));
    this.#gauge("process_start_time_seconds", "When the process started, Unix time.", [], (gauge) =>
      gauge.set(process().startedAt),
    );
    this.#counter("process_cpu_seconds_total", "Processor time used.", [], (counter) => {
      counter.reset();
      counter.inc(process().cpuSeconds);
    });
    this.#queueGauges();
  }

  /** The ear of one controller's machinery. */
  controller(name: string): {
    readonly added: () => void;
    readonly retried: () => void;
    readonly taken: (waited: number) => void;
    readonly finished: (worked: number) => void;
    readonly visited: (result: "success" | "requeue_after" | "error", seconds: number, terminal: boolean) => void;
    readonly observe: (state: () => ControllerGauges) => void;
  } {
    const controller = { controller: name };
    const queue = { name, controller: name };
    for (const result of ["success", "requeue_after", "error"]) this.#visits.inc({ ...controller, result }, 0);
    for (const counter of [this.#visitErrors, this.#terminalErrors]) counter.inc(controller, 0);
    for (const counter of [this.#adds, this.#retries]) counter.inc(queue, 0);
    return {
      added: () => this.#adds.inc(queue),
      retried: () => this.#retries.inc(queue),
      taken: (waited) => this.#queueTime.observe(queue, waited),
      finished: (worked) => this.#workTime.observe(queue, worked),
      visited: (result, seconds, terminal) => {
        this.#visits.inc({ ...controller, result });
        this.#visitTime.observe(controller, seconds);
        if (result === "error") this.#visitErrors.inc(controller);
        if (terminal) this.#terminalErrors.inc(controller);
      },
      observe: (state) => void this.#states.set(name, state),
    };
  }

  called({ code, method, host, seconds }: CallLabels): void {
    this.#calls.inc({ code, method, host });
    this.#callTime.observe({ verb: method, host }, seconds);
  }

  /** @param lease its name */
  leads(lease: string, isLeader: boolean): void {
    this.#leader.set({ name: lease }, isLeader ? 1 : 0);
  }

  /** @param server `namespace/name` */
  bundlePublished(server: string): void {
    this.#bundleWrites.inc(labelsOf(server));
  }

  bundlePropagated(_server: string, seconds: number): void {
    this.#propagation.observe(seconds);
  }

  /** Somebody else had changed one of its children. */
  childRepaired(server: string): void {
    this.#repairs.inc(labelsOf(server));
  }

  /** The server is gone, and its series with it. */
  forget(server: string): void {
    for (const counter of [this.#bundleWrites, this.#repairs]) counter.remove(labelsOf(server));
  }

  /** For a scrape. @param more families that are ready as text */
  async exposition(more: string): Promise<{ readonly type: string; readonly body: string }> {
    return { type: this.#registry.contentType, body: `${await this.#registry.metrics()}\n${more}` };
  }

  #queueGauges(): void {
    const gauges: readonly [name: string, help: string, read: (state: ControllerGauges) => number][] = [
      ["workqueue_depth", "Keys that wait for a worker.", ({ depth }) => depth],
      ["workqueue_unfinished_work_seconds", "What visits under way have taken so far.", (s) => s.unfinished.total],
      ["workqueue_longest_running_processor_seconds", "The longest visit under way.", (s) => s.unfinished.longest],
    ];
    for (const [metric, help, read] of gauges) {
      this.#gauge(metric, help, ["name", "controller"], (gauge) => {
        for (const [name, state] of this.#states) gauge.set({ name, controller: name }, read(state()));
      });
    }
    this.#gauge("controller_runtime_active_workers", "Workers on a visit.", ["controller"], (gauge) => {
      for (const [controller, state] of this.#states) gauge.set({ controller }, state().busy);
    });
    this.#gauge("controller_runtime_max_concurrent_reconciles", "Workers.", ["controller"], (gauge) => {
      for (const [controller, state] of this.#states) gauge.set({ controller }, state().workers);
    });
  }

  #counter<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (counter: Counter<L>) => void = () => undefined,
  ): Counter<L> {
    const counter: Counter<L> = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect: () => read(counter),
    });
    return counter;
  }

  #gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (gauge: Gauge<L>) => void = () => undefined,
  ): Gauge<L> {
    const gauge: Gauge<L> = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect: () => read(gauge),
    });
    return gauge;
  }

  #histogram<L extends string>(
    name: string,
    help: string,
    { labels, bounds }: { readonly labels: readonly L[]; readonly bounds: readonly number[] },
  ): Histogram<L> {
    const registers = [this.#registry];
    return new Histogram({ name, help, labelNames: [...labels], buckets: [...bounds], registers });
  }
}

function labelsOf(server: string): { namespace: string; name: string } {
  const [namespace = "", name = ""] = server.split("/");
  return { namespace, name };
}
