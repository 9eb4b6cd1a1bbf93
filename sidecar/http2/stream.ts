// One request and its answer (RFC 9113, 5.1). A stream object exists from the end of the request's header block until
// both sides are done, so the states are those of an open stream: each side has ended or not. The connection feeds it
// and sends for it; whoever serves the request sees RequestStream.
import { Body } from "./body.ts";
import { errorCode } from "./frame.ts";
import { streamWindow } from "./limits.ts";
import type { RequestHead } from "./request-head.ts";

/** At most the bytes asked for; `exceeded` says that there were more. */
export interface RequestBody {
  readonly bytes: Buffer;
  readonly exceeded: boolean;
}

/** What the server of a request sees. Nothing here throws when the stream is closed already. */
export interface RequestStream {
  readonly head: RequestHead;
  /** True when the request ended with its headers. */
  readonly bodyless: boolean;
  /** The body up to `limit` bytes; at once when it is here. Called at most once. Rejects when the stream closes. */
  read(limit: number): RequestBody | Promise<RequestBody>;
  /** Sends the whole answer. `date` and `content-length` are added. */
  respond(status: number, headers: Readonly<Record<string, string>>, body: Buffer | undefined): void;
  /** Begins an answer of unknown length. */
  start(status: number, headers: Readonly<Record<string, string>>): void;
  /** A further part of it; false when too much waits for the client. */
  write(chunk: Buffer): boolean;
  end(): void;
  reset(code: number): void;
  /** Called once when the stream closes, for whatever reason; at most one listener per stream. */
  onClose: (() => void) | undefined;
}

/** How an answer begins. Header names are lower-case. */
export interface ReplyStart {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  respond(stream: Http2Stream, start: ReplyStart, body: Buffer | undefined): void;
  start(stream: Http2Stream, start: ReplyStart): void;
  write(stream: Http2Stream, chunk: Buffer | undefined): boolean;
  /** The peer may send the body of which it asked whether it is wanted. */
  invite(stream: Http2Stream): void;
  reset(stream: Http2Stream, code: number): void;
  /** So many bytes of the stream left the memory: the peer may send as many again. */
  credit(stream: Http2Stream, bytes: number): void;
}

interface Reader {
  readonly limit: number;
  resolve(body: RequestBody): void;
  reject(error: Error): void;
}

const empty = Buffer.alloc(0);

export class Http2Stream implements RequestStream {
  readonly #owner: StreamOwner;
  readonly id: number;
  readonly head: RequestHead;
  readonly bodyless: boolean;
  onClose: (() => void) | undefined;

  // What the peer sends.
  remoteEnded: boolean;
  /** How much it may send before it is told more. */
  receiveWindow = streamWindow;
  /** Used up since the peer was last told. */
  consumed = 0;
  #received = 0;
  #uncredited = 0;
  #whole: Buffer = empty;
  #parts: Body | undefined;
  #reader: Reader | undefined;
  #discards = false;
  /** Handed to the server of requests. */
  served = false;
  /** Was there when the timer for unfinished bodies last fired. */
  waited = false;

  // What this side sends.
  /** How much the peer takes; negative after it made its windows smaller (6.9.2). */
  sendWindow: number;
  readonly queue: Buffer[] = [];
  queued = 0;
  /** Headers are sent. */
  answered = false;
  /** Nothing follows what is queued. */
  ended = false;
  /** Bytes sent, for the sweep that looks for stalled answers; what it last counted as progress, -1: nothing waited. */
  sent = 0;
  sentAtSweep = -1;
  stalledSince = 0;
  closed = false;

  constructor(owner: StreamOwner, id: number, head: RequestHead, start: { bodyless: boolean; sendWindow: number }) {
    this.#owner = owner;
    this.id = id;
    this.head = head;
    this.bodyless = start.bodyless;
    this.remoteEnded = start.bodyless;
    this.sendWindow = start.sendWindow;
  }

  /**
   * DATA: bytes[start, end) of the body, which the windows allowed.
   * @returns false when the length is not what was declared (8.1.1)
   */
  receive(bytes: Buffer, start: number, end: number, last: boolean): boolean {
    const length = end - start;
    this.#received += length;
    this.remoteEnded = last;
    const { contentLength } = this.head;
    if (contentLength >= 0 && (last ? this.#received !== contentLength : this.#received > contentLength)) return false;
    if (this.#discards) this.#owner.credit(this, length);
    else if (last && this.#parts === undefined) this.#takeWhole(bytes, start, end);
    else this.#takePart(bytes, start, end);
    if (this.#reader !== undefined) this.#settle(this.#reader);
    return true;
  }

  // Most bodies are one frame: used where they lie. The chunk is not written again, and goes with the request.
  #takeWhole(bytes: Buffer, start: number, end: number): void {
    this.#whole = bytes.subarray(start, end);
    this.#owner.credit(this, end - start);
  }

  #takePart(bytes: Buffer, start: number, end: number): void {
    this.#parts ??= new Body();
    this.#parts.append(bytes, start, end);
    // What nobody has asked for yet stays in the windows.
    if (this.#reader === undefined) this.#uncredited += end - start;
    else this.#owner.credit(this, end - start);
  }

  read(limit: number): RequestBody | Promise<RequestBody> {
    this.#release();
    const body = this.#bodyIfThere(limit);
    if (body !== undefined) return body;
    if (this.closed) return Promise.reject(gone());
    if (this.#received === 0 && !this.answered && this.#expects) this.#owner.invite(this);
    return new Promise((resolve, reject) => {
      this.#reader = { limit, resolve, reject };
    });
  }

  /** The peer sends its body when it hears that it is wanted (RFC 9110, 10.1.1). */
  get #expects(): boolean {
    return this.head.values("expect").some((value) => value.toLowerCase() === "100-continue");
  }

  #bodyIfThere(limit: number): RequestBody | undefined {
    const length = this.#parts?.length ?? this.#whole.length;
    if (!this.remoteEnded && length <= limit) return undefined;
    const bytes = this.#parts?.take(limit) ?? this.#whole.subarray(0, limit);
    return { bytes, exceeded: length > limit };
  }

  #settle(reader: Reader): void {
    const body = this.#bodyIfThere(reader.limit);
    if (body === undefined) return;
    this.#reader = undefined;
    this.#discards = true;
    reader.resolve(body);
  }

  #release(): void {
    const bytes = this.#uncredited;
    this.#uncredited = 0;
    if (bytes > 0) this.#owner.credit(this, bytes);
  }

  respond(status: number, headers: Readonly<Record<string, string>>, body: Buffer | undefined): void {
    if (!this.closed && !this.answered) this.#owner.respond(this, { status, headers }, body);
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    if (!this.closed && !this.answered) this.#owner.start(this, { status, headers });
  }

  write(chunk: Buffer): boolean {
    return !this.closed && !this.ended && this.#owner.write(this, chunk);
  }

  end(): void {
    if (!this.closed && !this.ended) this.#owner.write(this, undefined);
  }

  reset(code: number = errorCode.cancel): void {
    if (!this.closed) this.#owner.reset(this, code);
  }

  /** Both sides are done, or the stream was reset, or the connection ended. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.queue.length = 0;
    this.queued = 0;
    this.#release();
    this.#reader?.reject(gone());
    this.#reader = undefined;
    this.onClose?.();
  }
}

function gone(): Error {
  return new Error("the client left before the end of its request");
}
