// The audit log: one line per request, in the form of reference 2.5, to a sink and to whoever follows `/v1/log/audit`.
// The line is put together by hand because every request makes one; a field that could need escaping is checked first.
import { rfc3339Nano } from "../contract/timestamp.ts";
import type { EventStream } from "./event-stream.ts";

export interface AuditRecord {
  /** Arrival of the request, milliseconds since the epoch. */
  readonly time: number;
  /** Empty = left out. */
  readonly ip: string;
  readonly path: string;
  /** Empty = left out. */
  readonly identity: string;
  readonly status: number;
  /** Nanoseconds from arrival to answer. */
  readonly duration: number;
}

/** Takes lines with their newline; line-sink.ts is one. */
export interface AuditSink {
  /** @param share of the room for lines that wait, which this one must not exceed */
  write(line: string, share: number): void;
}

/** The longest path of the API is shorter. A client can ask for longer ones with a few bytes each. */
const longestPath = 256;
/** A flood of requests that were refused leaves room for the records of those that were not. */
const shareOfRefused = 0.5;

export interface AuditOptions {
  /** Absent = the audit log is off; followers still get every record. */
  readonly sink: AuditSink | undefined;
  readonly events: EventStream;
  /** Called for each record that was written or published. */
  readonly onRecord?: () => void;
}

export class AuditLog {
  #sink: AuditSink | undefined;
  readonly #events: EventStream;
  readonly #onRecord: () => void;
  readonly #lines = new AuditLines();

  constructor({ sink, events, onRecord }: AuditOptions) {
    this.#sink = sink;
    this.#events = events;
    this.#onRecord = onRecord ?? ((): void => undefined);
  }

  /** Changes the sink; the caller closes the old one. */
  writeTo(sink: AuditSink | undefined): void {
    this.#sink = sink;
  }

  write(record: AuditRecord): void {
    const followed = this.#events.size > 0;
    if (this.#sink === undefined && !followed) return;
    const line = this.#lines.of(record);
    this.#onRecord();
    this.#sink?.write(line, record.status < 400 ? 1 : shareOfRefused);
    if (followed) this.#events.publish(line);
  }
}

/** Makes the lines. A date costs more than all the rest, so the text of the current second is kept. */
export class AuditLines {
  #second = NaN;
  /** `2025-03-12T09:35:18` */
  #prefix = "";

  /** The line with its newline. */
  of({ time, ip, path, identity, status, duration }: AuditRecord): string {
    const from = ip === "" ? "" : `"ip":${jsonString(ip)},`;
    const who = identity === "" ? "" : `,"identity":${jsonString(identity)}`;
    const shown = path.length > longestPath ? `${path.slice(0, longestPath)}…` : path;
    const request = `{${from}"path":${jsonString(shown)}${who}}`;
    const response = `{"code":${status},"time":${Math.round(duration)}}`;
    return `{"time":"${this.#timestamp(time)}","request":${request},"response":${response}}\n`;
  }

  // As rfc3339Nano has it: the trailing zeros of the fraction are cut.
  #timestamp(time: number): string {
    const second = Math.floor(time / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = rfc3339Nano(second * 1000).slice(0, -1);
    }
    const millis = Math.floor(time) - second * 1000;
    if (millis === 0) return `${this.#prefix}Z`;
    const digits = String(millis).padStart(3, "0");
    if (millis % 100 === 0) return `${this.#prefix}.${digits.slice(0, 1)}Z`;
    return `${this.#prefix}.${millis % 10 === 0 ? digits.slice(0, 2) : digits}Z`;
  }
}

// Printable ASCII but for the quote, the backslash and what Go escapes in JSON.
const plain = /^[\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\x5b\x5d-\x7e]*$/;

function jsonString(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
