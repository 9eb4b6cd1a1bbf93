// The body of an answer, which ends where its head says: after so many bytes, with the last chunk, or with the connection.

export interface AnswerBody {
  /** Whether the end of the connection is the end of the body. */
  readonly endsWithConnection: boolean;
  /** @returns what follows the body; undefined while it is not complete @throws Error */
  push(bytes: Buffer): Buffer | undefined;
  /** What has come so far. */
  bytes(): Buffer;
}

/** @throws Error when `length` is above `limit` */
export function lengthBody(length: number, limit: number): AnswerBody {
  if (length > limit) throw tooLarge(limit);
  const store = new Store(limit);
  const push = (bytes: Buffer): Buffer | undefined => {
    const missing = length - store.size;
    store.add(bytes.subarray(0, missing));
    return store.size < length ? undefined : bytes.subarray(missing);
  };
  return { endsWithConnection: false, push, bytes: () => store.all() };
}

/** The body goes on until the connection ends. */
export function remainingBody(limit: number): AnswerBody {
  const store = new Store(limit);
  const push = (bytes: Buffer): undefined => {
    store.add(bytes);
  };
  return { endsWithConnection: true, push, bytes: () => store.all() };
}

/** RFC 9112 section 7.1. Extensions and trailers are skipped. */
export function chunkedBody(limit: number): AnswerBody {
  const store = new Store(limit);
  const lines = new Lines();
  /** Bytes of the chunk that are missing. */
  let missing = 0;
  let state: "size" | "data" | "end of data" | "trailer" | "done" = "size";
  const onLine = (line: string): void => {
    if (state === "size") {
      missing = sizeOf(line);
      state = missing === 0 ? "trailer" : "data";
    } else if (state === "end of data") {
      if (line !== "") throw new Error("a chunk of the answer is longer than it says");
      state = "size";
    } else if (line === "") state = "done";
  };
  const push = (bytes: Buffer): Buffer | undefined => {
    let rest = bytes;
    while (state !== "done" && rest.length > 0) {
      if (state === "data") {
        store.add(rest.subarray(0, missing));
        const taken = Math.min(missing, rest.length);
        missing -= taken;
        rest = rest.subarray(taken);
        if (missing === 0) state = "end of data";
      } else rest = lines.push(rest, onLine);
    }
    return state === "done" ? rest : undefined;
  };
  return { endsWithConnection: false, push, bytes: () => store.all() };
}

function sizeOf(line: string): number {
  const size = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(line)?.[1];
  if (size === undefined) throw new Error("a chunk of the answer does not say how long it is");
  return Number.parseInt(size, 16);
}

/** Longest line in bytes. */
const lineLimit = 16 * 1024;

/** Puts lines together. */
class Lines {
  #pending = "";

  /** Takes one line at most. @returns what is left of `bytes` */
  push(bytes: Buffer, onLine: (line: string) => void): Buffer {
    const end = bytes.indexOf("\n");
    const text = bytes.toString("latin1", 0, end < 0 ? bytes.length : end + 1);
    this.#pending += text;
    if (this.#pending.length > lineLimit) throw new Error("a line of the answer is too long");
    if (end < 0) return bytes.subarray(bytes.length);
    const line = this.#pending;
    this.#pending = "";
    if (!line.endsWith("\r\n")) throw new Error("a line of the answer does not end as it should");
    onLine(line.slice(0, -2));
    return bytes.subarray(end + 1);
  }
}

class Store {
  readonly #limit: number;
  readonly #parts: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  add(bytes: Buffer): void {
    this.#size += bytes.length;
    if (this.#size > this.#limit) throw tooLarge(this.#limit);
    this.#parts.push(bytes);
  }

  all(): Buffer {
    const [first] = this.#parts;
    return this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts);
  }
}

function tooLarge(limit: number): Error {
  return new Error(`the answer is larger than ${limit} bytes`);
}
