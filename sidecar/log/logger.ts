// The error log: one JSON line per event, a constant lower-case message and named fields, so that it can be searched.
// Faults of clients are `info`, ours are `error`. Fields are chosen by whoever logs; secrets print themselves as redacted
// (secret.ts), and field names that usually hold one are redacted here too. The same lines go to `/v1/log/error`.
import { pino, stdTimeFunctions } from "pino";
import { isKesError, messageOf } from "../errors.ts";
import type { EventStream } from "./event-stream.ts";
import { readableLine } from "./readable.ts";

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface LoggerOptions {
  /** slog's numbers: DEBUG -4, INFO 0, WARN 4, ERROR 8. */
  readonly threshold: number | "off";
  /** Takes one line with its newline. */
  readonly write: (line: string) => void;
  /** Followers of the log over the API. */
  readonly events?: EventStream;
  /** Called for each line. */
  readonly onLine?: () => void;
  /** Lines for people instead of JSON, for a terminal. */
  readonly readable?: boolean;
}

/** A logger whose threshold a reload may change. */
export interface ServerLogger extends Logger {
  setThreshold(threshold: number | "off"): void;
}

const sensitive = ["secret", "plaintext", "password", "token", "apiKey", "privateKey", "body", "seed", "authorization"];
const redacted = "[redacted]";
const maxCauses = 5;

export function createLogger(options: LoggerOptions): ServerLogger {
  const log = pino(
    {
      base: null,
      level: levelOf(options.threshold),
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: sensitive.flatMap((name) => [name, `*.${name}`]), censor: redacted },
    },
    { write: (line: string) => deliver(line, options) },
  );
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    setThreshold: (threshold) => {
      log.level = levelOf(threshold);
    },
  };
}

function deliver(line: string, { write, events, onLine, readable }: LoggerOptions): void {
  onLine?.();
  write(readable === true ? readableLine(line) : line);
  if (events !== undefined && events.size > 0) events.publish(`${JSON.stringify({ message: line.trimEnd() })}\n`);
}

function levelOf(threshold: number | "off"): string {
  if (threshold === "off" || threshold > 8) return "silent";
  if (threshold > 4) return "error";
  if (threshold > 0) return "warn";
  return threshold > -4 ? "info" : "debug";
}

/** What a log line says of an error: the chain of causes, and a stack where the error is a defect of ours. */
export function describeError(error: unknown): object {
  return describeCause(error, maxCauses);
}

function describeCause(error: unknown, depth: number): object {
  if (!(error instanceof Error)) return { message: messageOf(error) };
  const cause = error.cause === undefined || depth === 0 ? undefined : describeCause(error.cause, depth - 1);
  if (isKesError(error)) return { code: error.code, message: error.message, ...error.details, cause };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  // A system error says where it came from by its code; its stack would only be noise.
  return { code, message: error.message, cause, stack: code === undefined ? error.stack : undefined };
}
