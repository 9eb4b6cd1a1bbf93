// Where log lines end up: stderr, stdout or a file, written in order and off the event loop. Lines gather for a moment and
// go out in one write. What cannot be written is counted and dropped: a full disk or a stalled pipe must neither stop a key
// server nor grow its memory. Whoever makes a sink disposes of it; that writes what still waits.
import { closeSync, openSync, write, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { KesError } from "../errors.ts";

export interface SinkOptions {
  /** File descriptor (1 or 2), which stays open, or the path of a file that is appended to. */
  readonly to: number | string;
  /** Milliseconds a line may wait for others. */
  readonly gather?: number;
  /** UTF-16 units that may wait; with more, lines are lost. */
  readonly limit?: number;
  /** Called with the number of lines that were lost. */
  readonly onLost?: (lines: number) => void;
}

/** UTF-16 units that make a write worth while before the time is up. */
const batch = 16 * 1024;
const retryAfter = 50;
const newline = 0x0a;
/** Milliseconds that a stalled reader may hold up the end. */
const closePatience = 2_000;

const writeBytes = promisify(write);

export class LineSink implements AsyncDisposable {
  #fd: number;
  readonly #file: string | undefined;
  readonly #gather: number;
  readonly #limit: number;
  readonly #onLost: (lines: number) => void;
  #waiting = "";
  #timer: NodeJS.Timeout | undefined;
  /** The write under way and its size; lines that come meanwhile wait. */
  #writing: Promise<void> | undefined;
  #written = 0;
  /** Opened by reopen() while a write was under way. */
  #next: number | undefined;
  #giveUpAt = Infinity;
  /** The file ends in a part of a line: the rest of it could not be written. */
  #isTorn = false;

  /** @throws KesError FileUnreadable when the file cannot be opened for appending */
  constructor({ to, gather = 100, limit = 16 * 1024 * 1024, onLost }: SinkOptions) {
    this.#file = typeof to === "string" ? to : undefined;
    this.#fd = typeof to === "string" ? open(to) : to;
    this.#gather = gather;
    this.#limit = limit;
    this.#onLost = onLost ?? ((): void => undefined);
  }

  /** `line` with its newline. Never blocks, never throws. @param share of the limit that it must not exceed */
  write(line: string, share = 1): void {
    if (this.#waiting.length + this.#written + line.length > this.#limit * share) return this.#onLost(1);
    this.#waiting += line;
    if (this.#writing !== undefined) return;
    if (this.#waiting.length >= batch) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), this.#gather);
  }

  /**
   * Opens the file anew, after something moved it away; nothing to do for a descriptor.
   * @throws KesError FileUnreadable; the old file stays in use
   */
  reopen(): void {
    if (this.#file === undefined) return;
    const fd = open(this.#file);
    if (this.#next !== undefined) close(this.#next);
    this.#next = fd;
    if (this.#writing === undefined) this.#changeFile();
  }

  /** Writes what waits before it returns, blocking: for the last moments of a process. */
  flush(): void {
    const text = this.#take();
    try {
      writeFileSync(this.#fd, this.#tornEnd() + text);
      this.#isTorn = false;
    } catch {
      this.#onLost(lines(text));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#giveUpAt = performance.now() + closePatience;
    // A write that can be given up gets the time to say what it lost; one that blocks for good is left behind.
    const end = this.#giveUpAt + 4 * retryAfter;
    while (this.#writing !== undefined || this.#waiting !== "") {
      if (this.#writing === undefined) this.#start();
      await Promise.race([this.#writing, waitUntil(end)]);
      if (performance.now() >= end) break;
    }
    if (this.#waiting !== "") this.#onLost(lines(this.#take()));
    if (this.#file !== undefined && this.#writing === undefined) close(this.#fd);
  }

  #start(): void {
    const text = this.#take();
    if (text === "") return;
    this.#written = text.length;
    this.#writing = this.#writeAll(text).then(() => this.#finish());
  }

  #take(): string {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#waiting;
    this.#waiting = "";
    return text;
  }

  #finish(): void {
    this.#writing = undefined;
    this.#written = 0;
    if (this.#next !== undefined) this.#changeFile();
    if (this.#waiting !== "")
      this.#timer ??= setTimeout(() => this.#start(), this.#waiting.length >= batch ? 0 : this.#gather);
  }

  // Never rejects: what cannot be written is lost, and said so.
  async #writeAll(text: string): Promise<void> {
    const end = this.#tornEnd();
    const bytes = Buffer.from(end + text);
    let at = 0;
    while (at < bytes.length) {
      try {
        at += (await writeBytes(this.#fd, bytes, at, bytes.length - at, null)).bytesWritten;
        this.#isTorn = bytes[at - 1] !== newline;
      } catch (error) {
        if (!isBusy(error) || performance.now() >= this.#giveUpAt)
          return this.#onLost(lines(bytes.toString("latin1", Math.max(at, end.length))));
        await new Promise((resolve) => setTimeout(resolve, retryAfter));
      }
    }
  }

  /** What ends the part of a line that a full disk took. */
  #tornEnd(): string {
    return this.#isTorn ? "\n" : "";
  }

  #changeFile(): void {
    if (this.#next === undefined) return;
    close(this.#fd);
    this.#fd = this.#next;
    this.#next = undefined;
    this.#isTorn = false;
  }
}

async function waitUntil(end: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(1, end - performance.now())).unref());
}

function open(file: string): number {
  try {
    return openSync(file, "a", 0o600);
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

// A file server may say only now that its disk is full: what was lost then was lost before, and the descriptor is gone.
function close(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Nothing is left to be done about it.
  }
}

// A pipe whose reader is slow; anything else will not get better by waiting.
function isBusy(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

function lines(text: string): number {
  return text.split("\n").length - 1;
}
