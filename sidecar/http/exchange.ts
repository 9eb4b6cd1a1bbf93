// One request as a protocol engine hands it over, and the answer it takes back. Engines (node:http2, node:http, our
// own HTTP/2) know bytes and connections; everything above this file knows neither. An engine calls `serve` once per
// request; the router calls `reply` or `abort` exactly once per exchange.

export type MaybePromise<T> = T | Promise<T>;

/** What the connection knows about who is at its other end. Made once per connection. */
export interface Peer {
  /** Remote IP address without port. */
  readonly address: string;
  /** The certificate list as the client sent it, DER, first certificate first; at most ten are kept. */
  readonly certificates: readonly Buffer[];
}

/** At most `limit` bytes of a request body; `exceeded` says that there was more. */
export interface Body {
  readonly bytes: Buffer;
  readonly exceeded: boolean;
}

export interface Exchange {
  readonly method: string;
  /** The request target as received, undecoded, with its query. */
  readonly target: string;
  readonly peer: Peer;
  /** The declared content length; -1 when none was declared and a body may follow; 0 when there is none. */
  readonly contentLength: number;
  /** Every value of a header field, by lower-case name. */
  header(name: string): readonly string[];
  /** Reads the body up to `limit` bytes. Called at most once. Rejects when the client goes away. */
  read(limit: number): MaybePromise<Body>;
  /** Writes the whole answer. */
  reply(reply: Reply): void;
  /** Starts an answer of unknown length and returns where to write it. */
  stream(reply: Reply): ReplyStream;
  /** Cuts the exchange without an answer: the stream is reset, an HTTP/1.1 connection is closed. */
  abort(): void;
  /** Called at most once, when the exchange ended before it was answered (client gone, stream reset). */
  onAborted(listener: () => void): void;
}

export interface Reply {
  readonly status: number;
  /** Lower-case names. `date` and `content-length` are the engine's. */
  readonly headers: Readonly<Record<string, string>>;
  /** Absent = no body, content-length 0. */
  readonly body: Buffer | undefined;
  /** Close an HTTP/1.1 connection after this answer. */
  readonly close: boolean;
  /** Set instead of a body: the answer is written over time by this function until the client leaves. */
  readonly source: ((stream: ReplyStream) => void) | undefined;
}

export interface ReplyStream {
  /** False when the client reads too slowly and the write was buffered: stop writing or drop the client. */
  write(chunk: string): boolean;
  end(): void;
  /** Ends at once and throws away what was not read. */
  cut(): void;
  onClose(listener: () => void): void;
}
