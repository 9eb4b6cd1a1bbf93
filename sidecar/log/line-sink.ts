// Where log lines end up: stderr, stdout or a file, written in order and off the event loop. What cannot be written is
// counted and dropped: a full disk or a stalled pipe must not stop a key server, nor grow its memory.
import { closeSync, openSync } from "node:fs";
import { once } from "node:events";
import { destination } from "pino";
import { KesError } from "../errors.ts";

export interface SinkOptions {
  /** File descriptor (1 or 2) or path of a file that is appended to. */
  readonly to: number | string;
  /** True: lines are gathered and written at least every 100 ms; false: each line is written at once. */
  readonly gathered: boolean;
  /** Called for every line that is lost. */
  readonly onLost?: () => void;
}

/** Bytes that may wait; with more, lines are lost. */
const maxWaiting = 16 * 1024 * 1024;
const gatherBytes = 16 * 1024;
const gatherMillis = 100;

type Destination = ReturnType<typeof destination>;

export class LineSink implements AsyncDisposable {
  readonly #destination: Destination;
  readonly #file: string | undefined;

  /** @throws KesError FileUnreadable when the file cannot be opened for appending */
  constructor({ to, gathered, onLost }: SinkOptions) {
    this.#file = typeof to === "string" ? to : undefined;
    if (this.#file !== undefined) probe(this.#file);
    this.#destination = destination({
      dest: to,
      sync: false,
      mode: 0o600,
      maxLength: maxWaiting,
      ...(gathered ? { minLength: gatherBytes, periodicFlush: gatherMillis } : { minLength: 0 }),
    });
    const lost = onLost ?? ((): void => undefined);
    this.#destination.on("drop", lost);
    // Without a listener a failed write would end the process.
    this.#destination.on("error", lost);
  }

  /** `line` with its newline. Never blocks, never throws. */
  write(line: string): void {
    this.#destination.write(line);
  }

  /** Opens the file anew, after something moved it away. Nothing to do for a descriptor. */
  reopen(): void {
    if (this.#file !== undefined) this.#destination.reopen();
  }

  /** Writes what waits before it returns: for the last moments of a process. */
  flush(): void {
    try {
      this.#destination.flushSync();
    } catch {
      // Not open yet, or the reader is gone: nobody is left to tell.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#destination, "close");
    this.#destination.end();
    await closed;
  }
}

// The destination opens files later and reports failures as events; a server should not start with a log it cannot write.
function probe(file: string): void {
  try {
    closeSync(openSync(file, "a", 0o600));
  } catch (error) {
    throw new KesError(
      "FileUnreadable",
      `the log file ${file} cannot be opened for writing: check path and permissions`,
      {
        cause: error,
      },
    );
  }
}
