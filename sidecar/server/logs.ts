// The two logs of a running server and their live streams, wired to the configured places. A reload changes thresholds
// and files; SIGHUP also opens files anew, so that they can be rotated.
import type { LogConfig, LogThreshold } from "../contract/config.ts";
import { AuditLog } from "../log/audit.ts";
import { EventStream } from "../log/event-stream.ts";
import { LineSink } from "../log/line-sink.ts";
import { createLogger } from "../log/logger.ts";
import type { ServerLogger } from "../log/logger.ts";
import type { LogName, Metrics } from "../metrics.ts";

export interface LogPlaces {
  /** File descriptors, or undefined to be silent there. */
  readonly stdout: number | undefined;
  readonly stderr: number | undefined;
  /** Lines for people on stderr. */
  readonly readable: boolean;
}

export class Logs implements AsyncDisposable {
  readonly #places: LogPlaces;
  readonly #metrics: Metrics;
  readonly log: ServerLogger;
  readonly audit: AuditLog;
  readonly auditEvents: EventStream;
  readonly errorEvents: EventStream;
  #config: LogConfig;
  #errorSink: LineSink | undefined;
  #auditSink: LineSink | undefined;

  constructor(config: LogConfig, places: LogPlaces, metrics: Metrics) {
    this.#config = config;
    this.#places = places;
    this.#metrics = metrics;
    this.auditEvents = new EventStream({ onDrop: () => metrics.followerDropped("audit") });
    this.errorEvents = new EventStream({ onDrop: () => metrics.followerDropped("error") });
    this.#errorSink = this.#sinkFor("error", config);
    this.#auditSink = this.#sinkFor("audit", config);
    this.log = createLogger({
      threshold: config.error,
      write: (line) => this.#errorSink?.write(line),
      events: this.errorEvents,
      onLine: () => metrics.logged("error"),
      readable: places.readable && config.errorFile === undefined,
    });
    this.audit = new AuditLog({
      sink: this.#auditSink,
      events: this.auditEvents,
      onRecord: () => metrics.logged("audit"),
    });
  }

  /** Takes over a new configuration. @throws KesError FileUnreadable, and then nothing has changed */
  apply(config: LogConfig): void {
    const auditSink = sameAudit(config, this.#config) ? this.#auditSink : this.#sinkFor("audit", config);
    const errorSink = this.#errorSinkFor(config, auditSink);
    const old = [this.#errorSink, this.#auditSink].filter((sink) => sink !== errorSink && sink !== auditSink);
    this.#config = config;
    this.#errorSink = errorSink;
    this.#auditSink = auditSink;
    this.log.setThreshold(config.error);
    this.audit.writeTo(auditSink);
    for (const sink of old) void sink?.[Symbol.asyncDispose]();
  }

  /** The sink of the error log for `config`; if it cannot be made, what was opened just before is closed again. */
  #errorSinkFor(config: LogConfig, opened: LineSink | undefined): LineSink | undefined {
    if (config.errorFile === this.#config.errorFile) return this.#errorSink;
    try {
      return this.#sinkFor("error", config);
    } catch (error) {
      if (opened !== this.#auditSink) void opened?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens log files anew: something may have moved them away. */
  reopen(): void {
    this.#errorSink?.reopen();
    this.#auditSink?.reopen();
  }

  flush(): void {
    this.#errorSink?.flush();
    this.#auditSink?.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.auditEvents.close();
    this.errorEvents.close();
    this.flush();
    await this.#errorSink?.[Symbol.asyncDispose]();
    await this.#auditSink?.[Symbol.asyncDispose]();
  }

  #sinkFor(name: LogName, config: LogConfig): LineSink | undefined {
    if (name === "audit" && isOff(config.audit)) return undefined;
    const file = name === "error" ? config.errorFile : config.auditFile;
    const to = file ?? (name === "error" ? this.#places.stderr : this.#places.stdout);
    if (to === undefined) return undefined;
    return new LineSink({ to, onLost: (lines) => this.#metrics.logLinesLost(name, lines) });
  }
}

// Audit records are level INFO: a higher threshold switches them off (reference 5.2).
function isOff(threshold: LogThreshold): boolean {
  return threshold === "off" || threshold > 0;
}

function sameAudit(a: LogConfig, b: LogConfig): boolean {
  return a.auditFile === b.auditFile && isOff(a.audit) === isOff(b.audit);
}
