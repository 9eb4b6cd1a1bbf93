// Every metric of the server: names, labels and meaning live here and in metrics/sync-metrics.ts; the rest of metrics/ holds
// the instruments and the wire forms. Two audiences: /v1/metrics carries exactly the families of reference 2.6, one sample each, since the SDK
// refuses anything more; the ops port carries those and ours. Label values come from small fixed sets, never from clients.
// docs/metrics.md describes the families and a test keeps the two alike.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { ErrorCode } from "./errors.ts";
import { expose } from "./metrics/exposition.ts";
import type { Exposition } from "./metrics/exposition.ts";
import { Counter, Histogram, LabelledCounter, StatusCounts, counterOf, gauge, known } from "./metrics/instruments.ts";
import type { Family, Sample } from "./metrics/instruments.ts";
import { SyncMetrics } from "./metrics/sync-metrics.ts";
import type { SystemFigures } from "./metrics/system.ts";

/** Seconds. */
const responseBounds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 3, 5, 10];
const storeBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type StoreOperation = "create" | "get" | "delete" | "list" | "status" | "generate" | "encrypt" | "decrypt";
export type DenialReason = "identity-unknown" | "denied-by-rule" | "no-rule-allows";
export type LogName = "audit" | "error";

/** What the key cache says of itself. */
export interface CacheFigures {
  readonly size: number;
  readonly hits: number;
  readonly misses: number;
  readonly loadErrors: number;
  readonly oldestAgeSeconds: number;
  readonly offline: boolean;
  readonly offlineBudgetSeconds: number;
}

export interface MetricsOptions {
  readonly version: string;
  readonly commit: string;
  /** Milliseconds since start. */
  readonly uptime: () => number;
  readonly system: SystemFigures;
}

export class Metrics {
  readonly sync = new SyncMetrics();
  readonly #responses = new StatusCounts();
  readonly #responseTime = new Histogram(responseBounds);
  #active = 0;
  #connections = 0;
  #certificateExpiry = NaN;
  #cache: (() => CacheFigures) | undefined;
  #eventLoop: ReturnType<typeof monitorEventLoopDelay> | undefined;
  readonly #errorEvents = new Counter({ name: "kes_log_error_events", help: "Lines written to the error log." });
  readonly #auditEvents = new Counter({ name: "kes_log_audit_events", help: "Records written to the audit log." });
  readonly #denials = new LabelledCounter(
    { name: "kes_policy_denials_total", help: "Requests refused for want of permission, by reason." },
    ["reason"],
  );
  readonly #reloads = new LabelledCounter(
    { name: "kes_reloads_total", help: "Reloads of the configuration, by result." },
    ["result"],
  );
  readonly #storeErrors = new LabelledCounter(
    { name: "kes_store_errors_total", help: "Failed key store operations, by operation and error code." },
    ["operation", "code"],
  );
  readonly #logLinesLost = new LabelledCounter(
    { name: "kes_log_lines_lost_total", help: "Log lines that could not be written, by log." },
    ["log"],
  );
  readonly #followersDropped = new LabelledCounter(
    {
      name: "kes_log_followers_dropped_total",
      help: "Clients of a log stream dropped for reading too slowly, by log.",
    },
    ["log"],
  );
  readonly #connectionsRefused = new LabelledCounter(
    { name: "kes_connections_refused_total", help: "Connections refused or cut before a request, by reason." },
    ["reason"],
  );
  readonly #storeTimes = new Map<StoreOperation, Histogram>();
  readonly #api: readonly Family[];
  readonly #ops: readonly Family[];

  constructor(options: MetricsOptions) {
    this.#api = this.#apiFamilies(options);
    this.#ops = [...this.#api, ...this.#ownFamilies(options)];
  }

  requestStarted(): void {
    this.#active++;
  }

  /** `seconds` since the request arrived. */
  requestFinished(status: number, seconds: number): void {
    this.#active--;
    this.#responses.add(status);
    this.#responseTime.observe(seconds);
  }

  /** Ends a started request that is not counted: a scrape of the metrics themselves. */
  requestIgnored(): void {
    this.#active--;
  }

  logged(log: LogName): void {
    (log === "audit" ? this.#auditEvents : this.#errorEvents).add();
  }

  logLinesLost(log: LogName, lines: number): void {
    this.#logLinesLost.add([log], lines);
  }

  followerDropped(log: LogName): void {
    this.#followersDropped.add([log]);
  }

  denied(reason: DenialReason): void {
    this.#denials.add([reason]);
  }

  reloaded(result: "success" | "failure"): void {
    this.#reloads.add([result]);
  }

  connectionOpened(): void {
    this.#connections++;
  }

  connectionClosed(): void {
    this.#connections--;
  }

  /** `reason` is a constant of the server's: `handshake`, `limit`, … */
  connectionRefused(reason: string): void {
    this.#connectionsRefused.add([reason]);
  }

  storeOperation(operation: StoreOperation, seconds: number, code?: ErrorCode): void {
    let times = this.#storeTimes.get(operation);
    if (times === undefined) this.#storeTimes.set(operation, (times = new Histogram(storeBounds)));
    times.observe(seconds);
    if (code !== undefined) this.#storeErrors.add([operation, code]);
  }

  /** Milliseconds since the epoch: when the server certificate in use expires. */
  certificateExpires(at: number): void {
    this.#certificateExpiry = at;
  }

  watchCache(read: () => CacheFigures): void {
    this.#cache = read;
  }

  /** For `/v1/metrics`; `accept` is the request's Accept header, empty when it sent none. */
  exposition(accept: string): Promise<Exposition> {
    return expose(this.#api, accept);
  }

  /** For `/metrics` of the ops port: everything. */
  opsExposition(accept: string): Promise<Exposition> {
    return expose(this.#ops, accept);
  }

  #apiFamilies({ uptime, system }: MetricsOptions): readonly Family[] {
    const responses = this.#responses;
    return [
      responses.family({ name: "kes_http_request_success", help: "Responses with a 2xx status, by code." }, 200, 299),
      responses.family({ name: "kes_http_request_error", help: "Responses with a 4xx status, by code." }, 400, 499),
      responses.family({ name: "kes_http_request_failure", help: "Responses with a 5xx status, by code." }, 500, 599),
      gauge({ name: "kes_http_request_active", help: "Requests running now." }, () => this.#active),
      {
        name: "kes_http_response_time",
        help: "Seconds from the arrival of a request to its answer.",
        type: "histogram",
        samples: () => [{ labels: {}, value: this.#responseTime.read() }],
      },
      this.#errorEvents,
      this.#auditEvents,
      gauge({ name: "kes_system_up_time", help: "Seconds since start." }, () => Math.floor(uptime() / 10) / 100),
      gauge({ name: "kes_system_num_cpu", help: "Logical CPUs." }, () => system.cpus),
      gauge({ name: "kes_system_num_cpu_used", help: "CPUs this process may use." }, () => system.cpusUsed),
      gauge({ name: "kes_system_num_threads", help: "Threads in use." }, () => system.threads),
      gauge({ name: "kes_system_mem_heap_used", help: "Bytes of heap in use." }, () => system.heapUsed),
      gauge(
        { name: "kes_system_mem_heap_objects", help: "Objects on the heap; 0: this runtime does not count them." },
        () => 0,
      ),
      gauge({ name: "kes_system_mem_stack_used", help: "Bytes of stack of the main thread." }, () => system.stackUsed),
    ];
  }

  #ownFamilies({ version, commit, system }: MetricsOptions): readonly Family[] {
    return [
      {
        name: "kes_build_info",
        help: "Always 1; the labels say what runs.",
        type: "gauge",
        samples: () => [{ labels: { version, commit }, value: 1 }],
      },
      gauge({ name: "process_resident_memory_bytes", help: "Resident memory in bytes." }, () => system.resident),
      gauge({ name: "kes_connections", help: "Open API connections." }, () => this.#connections),
      this.#connectionsRefused,
      this.#denials,
      this.#reloads,
      this.#logLinesLost,
      this.#followersDropped,
      this.#storeErrors,
      {
        name: "kes_store_operation_seconds",
        help: "Time of key store operations, failed ones included, by operation.",
        type: "histogram",
        samples: () =>
          [...this.#storeTimes].map(([operation, times]) => ({ labels: { operation }, value: times.read() })),
      },
      known(
        gauge(
          { name: "kes_tls_certificate_expiry_seconds", help: "When the server certificate expires, Unix time." },
          () => this.#certificateExpiry / 1000,
        ),
      ),
      {
        name: "kes_event_loop_delay_seconds",
        help: "Delay of the event loop since the last scrape.",
        type: "gauge",
        samples: () => this.#eventLoopDelay(),
      },
      ...this.#cacheFamilies(),
      ...this.sync.families(),
    ];
  }

  #cacheFamilies(): readonly Family[] {
    const read = (pick: (figures: CacheFigures) => number) => (): number =>
      this.#cache === undefined ? NaN : pick(this.#cache());
    return [
      counterOf(
        { name: "kes_cache_hits_total", help: "Keys taken from the cache." },
        read((c) => c.hits),
      ),
      counterOf(
        { name: "kes_cache_misses_total", help: "Keys that had to be read from the key store." },
        read((c) => c.misses),
      ),
      counterOf(
        { name: "kes_cache_load_errors_total", help: "Reads of a key from the key store that failed." },
        read((c) => c.loadErrors),
      ),
      gauge(
        { name: "kes_cache_keys", help: "Keys in the cache." },
        read((c) => c.size),
      ),
      gauge(
        { name: "kes_cache_oldest_age_seconds", help: "Age of the oldest cached key." },
        read((c) => c.oldestAgeSeconds),
      ),
      gauge(
        { name: "kes_store_offline", help: "1 while the key store counts as unreachable." },
        read((c) => Number(c.offline)),
      ),
      gauge(
        { name: "kes_store_offline_budget_seconds", help: "How long cached keys last if the key store stays away." },
        read((c) => c.offlineBudgetSeconds),
      ),
    ].map(known);
  }

  // The monitor costs a timer, so it runs only once somebody scrapes; the first scrape has nothing to tell.
  #eventLoopDelay(): readonly Sample[] {
    const monitor = this.#eventLoop;
    if (monitor === undefined) {
      this.#eventLoop = monitorEventLoopDelay({ resolution: 20 });
      this.#eventLoop.enable();
      return [];
    }
    const samples = [50, 99, 100].map((percent) => ({
      labels: { quantile: String(percent / 100) },
      value: monitor.percentile(percent) / 1e9,
    }));
    monitor.reset();
    return samples;
  }
}
