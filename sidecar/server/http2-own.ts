// HTTP/2 by the engine in sidecar/http2: this file only translates between its streams and exchanges.
import type { TLSSocket } from "node:tls";
import type { Body, Exchange, MaybePromise, Peer, Reply, ReplyStream } from "../http/exchange.ts";
import { Http2Connection } from "../http2/connection.ts";
import { errorCode } from "../http2/frame.ts";
import { SlabPool } from "../http2/output.ts";
import type { RequestStream } from "../http2/stream.ts";
import type { EngineConnection, EngineOptions } from "./engine.ts";

/** The engine of a listener: its connections share the memory they write into. */
export class OwnHttp2Engine {
  readonly #pool = new SlabPool();

  open(socket: TLSSocket, { peer, serve, onProtocolError }: EngineOptions): EngineConnection {
    return new Http2Connection(socket, {
      pool: this.#pool,
      onRequest: (stream) => serve(new OwnStreamExchange(peer, stream)),
      onError: onProtocolError,
    });
  }
}

class OwnStreamExchange implements Exchange {
  readonly #stream: RequestStream;
  #answered = false;
  readonly peer: Peer;
  readonly method: string;
  readonly target: string;
  readonly contentLength: number;

  constructor(peer: Peer, stream: RequestStream) {
    this.peer = peer;
    this.#stream = stream;
    this.method = stream.head.method;
    this.target = stream.head.path;
    this.contentLength = stream.bodyless ? 0 : stream.head.contentLength;
  }

  header(name: string): readonly string[] {
    return this.#stream.head.values(name);
  }

  read(limit: number): MaybePromise<Body> {
    return this.#stream.read(limit);
  }

  reply({ status, headers, body }: Reply): void {
    this.#answered = true;
    this.#stream.respond(status, headers, body);
  }

  stream({ status, headers }: Reply): ReplyStream {
    const stream = this.#stream;
    this.#answered = true;
    stream.start(status, headers);
    return {
      write: (chunk) => stream.write(Buffer.from(chunk)),
      end: () => stream.end(),
      cut: () => stream.reset(errorCode.cancel),
      onClose: (listener) => (stream.onClose = listener),
    };
  }

  abort(): void {
    this.#answered = true;
    this.#stream.reset(errorCode.cancel);
  }

  onAborted(listener: () => void): void {
    // Not written into the assignment: V8 takes a function assigned to a property for a method and makes it old at once
    // (ParserBase::CheckAssigningFunctionLiteralToProperty), and it then keeps all of its request until a full collection.
    const closed = (): void => {
      if (!this.#answered) listener();
    };
    this.#stream.onClose = closed;
  }
}
