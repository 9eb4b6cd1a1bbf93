// HTTP/2 by node:http2: one session per TLS socket, one exchange per stream. The framing, flow control and HPACK are
// Node's; this file only translates. The module is loaded by the first connection that needs it: with our own engine,
// the default, that is none, and a server is 1 MB smaller.
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Body, Exchange, Peer, Reply, ReplyStream } from "../http/exchange.ts";
import { errorCode, flag } from "../http2/frame.ts";
import { readBody } from "./body-reader.ts";
import type { EngineConnection, EngineOptions } from "./engine.ts";
import { maxHeaderBytes, maxStreams } from "./limits.ts";
import { valuesOf } from "./raw-headers.ts";
import { Stall } from "./stall.ts";

const settings = { maxConcurrentStreams: maxStreams, maxHeaderListSize: maxHeaderBytes, initialWindowSize: 262_144 };

export class NodeHttp2Connection implements EngineConnection {
  readonly #session: ServerHttp2Session;
  readonly #socket: TLSSocket;
  readonly #streams = new Set<ServerHttp2Stream>();
  readonly #stall = new Stall();
  quietSince = performance.now();

  constructor(socket: TLSSocket, options: EngineOptions) {
    this.#socket = socket;
    const { performServerHandshake } = process.getBuiltinModule("node:http2");
    this.#session = performServerHandshake(socket, { settings, maxSessionMemory: 16 });
    this.#session.on("error", options.onProtocolError);
    this.#session.on("stream", (stream, headers, flags, rawHeaders) => {
      this.#streams.add(stream);
      stream.on("error", ignore);
      stream.once("close", () => {
        this.#streams.delete(stream);
        this.quietSince = performance.now();
      });
      options.serve(new StreamExchange(options.peer, stream, { headers, flags, rawHeaders }));
    });
  }

  get active(): number {
    return this.#streams.size;
  }

  overdue(now: number): boolean {
    let unsent = false;
    for (const stream of this.#streams) unsent ||= stream.writableLength > 0;
    return this.#stall.lasts(now, unsent, this.#socket.bytesWritten);
  }

  close(): void {
    if (!this.#session.closed) this.#session.close();
  }

  takeNoMore(): void {
    this.close();
  }

  destroy(): void {
    this.#session.destroy();
    // A session that was closed before only ends its socket, and waits for a peer that may not answer.
    this.#socket.destroy();
  }
}

interface Head {
  readonly headers: IncomingHttpHeaders;
  readonly flags: number;
  readonly rawHeaders: readonly string[];
}

class StreamExchange implements Exchange {
  readonly #stream: ServerHttp2Stream;
  readonly #rawHeaders: readonly string[];
  readonly method: string;
  readonly target: string;
  readonly peer: Peer;
  readonly contentLength: number;

  constructor(peer: Peer, stream: ServerHttp2Stream, { headers, flags, rawHeaders }: Head) {
    this.peer = peer;
    this.#stream = stream;
    this.#rawHeaders = rawHeaders;
    this.method = text(headers[":method"]);
    this.target = text(headers[":path"]);
    const bodyless = (flags & flag.endStream) !== 0;
    this.contentLength = bodyless ? 0 : declaredLength(headers["content-length"]);
  }

  header(name: string): readonly string[] {
    return valuesOf(this.#rawHeaders, name);
  }

  read(limit: number): Promise<Body> {
    return readBody(this.#stream, limit);
  }

  reply(reply: Reply): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    const { body } = reply;
    const length = body === undefined ? 0 : body.length;
    const headers = { ":status": reply.status, ...reply.headers, "content-length": length };
    if (body === undefined || this.method === "HEAD") return stream.respond(headers, { endStream: true });
    stream.respond(headers);
    stream.end(body);
    // The rest of a body that nobody will read; without this the stream stays open for as long as the client likes.
    if (this.contentLength !== 0 && !stream.readableEnded) {
      stream.once("finish", () => stream.close(errorCode.none));
    }
  }

  stream(reply: Reply): ReplyStream {
    const stream = this.#stream;
    if (!stream.destroyed) stream.respond({ ":status": reply.status, ...reply.headers });
    return {
      write: (chunk) => stream.writable && stream.write(chunk),
      end: () => void stream.end(),
      cut: () => stream.close(errorCode.cancel),
      onClose: (listener) => void stream.once("close", listener),
    };
  }

  abort(): void {
    if (!this.#stream.destroyed) this.#stream.close(errorCode.cancel);
  }

  onAborted(listener: () => void): void {
    this.#stream.once("aborted", listener);
    this.#stream.once("close", listener);
  }
}

// Stream errors end in `close`; the router hears of it there.
function ignore(): void {
  // nothing to do
}

function text(value: string | string[] | undefined): string {
  return typeof value === "string" ? value : "";
}

function declaredLength(value: string | undefined): number {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
