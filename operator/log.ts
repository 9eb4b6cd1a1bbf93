// The operator's log: one JSON line per event on stdout, a constant lower-case message and named fields, so that it can
// be searched. An error is logged once, where it is handled, with its chain of causes. Secrets never come here: the
// operator holds none but generated API keys, which print themselves as redacted.
import { pino, stdTimeFunctions } from "pino";

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** A field named `error` may hold anything thrown. */
export type LogFields = Readonly<Record<string, unknown>>;

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** Takes one line with its newline. */
  readonly write: (line: string) => void;
}

const maxCauses = 5;

export function createLog({ level, write }: LogOptions): Log {
  const log = pino(
    {
      base: null,
      level,
      timestamp: stdTimeFunctions.isoTime,
      messageKey: "message",
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    { write },
  );
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
}

/** What a line says of an error: its message, the messages of its causes, and a stack where it is a defect of ours. */
export function describeError(error: unknown): string | object {
  return describe(error, maxCauses);
}

function describe(error: unknown, depth: number): string | object {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined || depth === 0 ? undefined : describe(error.cause, depth - 1);
  return { message: error.message, cause, stack: isDefect(error) ? error.stack : undefined };
}

// The language throws these for mistakes in the program; whatever the world does to us has a class or a code of its own.
function isDefect(error: Error): boolean {
  return error.name === "TypeError" || error.name === "RangeError" || error.name === "ReferenceError";
}
