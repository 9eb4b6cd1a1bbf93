// HTTP/1.1 by node:http. The http.Server never listens: it is fed TLS sockets after ALPN, and a server that does not
// listen enforces none of its own timeouts (decisions T6). So this file keeps the header deadline itself, by looking at
// every sweep whether a request was begun and not finished.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Body, Exchange, Peer, Reply, ReplyStream } from "../http/exchange.ts";
import { createServer } from "../node-http.ts";
import { readBody } from "./body-reader.ts";
import type { EngineConnection, EngineOptions } from "./engine.ts";
import { valuesOf } from "./raw-headers.ts";
import { headerTimeout, maxHeaderBytes } from "./limits.ts";
import { Stall } from "./stall.ts";

/** One parser for all HTTP/1.1 connections of a listener. */
export class Http1Engine {
  readonly #server: Server;
  readonly #connections = new WeakMap<Duplex, Http1Connection>();

  constructor() {
    const timeouts = {
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      connectionsCheckingInterval: 0x7fffffff,
    };
    this.#server = createServer({ ...timeouts, maxHeaderSize: maxHeaderBytes });
    this.#server.on("request", (request, response) => {
      const connection = this.#connections.get(request.socket);
      if (connection === undefined) response.destroy();
      else connection.take(request, response);
    });
    this.#server.on("clientError", (error: Error & { code?: string }, socket) => {
      this.#connections.get(socket)?.refuse(error, socket);
    });
  }

  open(socket: TLSSocket, options: EngineOptions): EngineConnection {
    const connection = new Http1Connection(socket, options);
    this.#connections.set(socket, connection);
    this.#server.emit("connection", socket);
    return connection;
  }
}

class Http1Connection implements EngineConnection {
  readonly #socket: TLSSocket;
  readonly #options: EngineOptions;
  #bytesSeen: number;
  #begun: number | undefined;
  #closing = false;
  #refused = false;
  readonly #stall = new Stall();
  #latest: IncomingMessage | undefined;
  active = 0;
  quietSince = performance.now();

  constructor(socket: TLSSocket, options: EngineOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#bytesSeen = socket.bytesRead;
    // The first request is due at once; later ones when their first byte has come.
    this.#begun = this.quietSince;
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    // The parser takes a request line without a version for one of HTTP/0.9.
    if (request.httpVersionMajor !== 1) {
      this.refuse(new Error("Parse Error: the request line names no HTTP/1 version"), request.socket);
      return;
    }
    // It came behind the last one that is answered: it must not be carried out, because nobody could be told.
    if (this.#closing) return void request.resume();
    this.active += 1;
    this.#begun = undefined;
    this.#latest = request;
    request.once("close", () => (this.#bytesSeen = this.#socket.bytesRead));
    response.once("close", () => {
      this.active -= 1;
      this.quietSince = performance.now();
      this.#bytesSeen = this.#socket.bytesRead;
      if (this.#closing) this.#socket.end();
    });
    const closing = (): boolean => this.#closing;
    this.#options.serve(new MessageExchange({ peer: this.#options.peer, closing }, request, response));
  }

  refuse(error: Error & { code?: string }, socket: Duplex): void {
    // The parser complains again about every further chunk.
    if (this.#refused) return;
    this.#refused = true;
    this.#options.onProtocolError(error);
    // While another request waits for its answer, this one would be taken for it.
    const own = this.active === 0 || (this.active === 1 && this.#latest?.complete === false);
    if (!socket.writable || !own) return void socket.destroy();
    const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
    const head = `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n`;
    socket.end(`${head}${status}`);
  }

  overdue(now: number): boolean {
    const { writableLength, bytesWritten } = this.#socket;
    if (this.#stall.lasts(now, writableLength > 0, bytesWritten)) return true;
    if (this.active > 0) return false;
    if (this.#begun === undefined && this.#socket.bytesRead !== this.#bytesSeen) this.#begun = now;
    return this.#begun !== undefined && now - this.#begun > headerTimeout;
  }

  close(): void {
    this.#closing = true;
    if (this.active === 0) this.#socket.end();
  }

  takeNoMore(): void {
    this.close();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

interface Http1Context {
  readonly peer: Peer;
  /** Whether the connection ends with the requests it has. */
  readonly closing: () => boolean;
}

class MessageExchange implements Exchange {
  readonly #closing: () => boolean;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly peer: Peer;
  readonly method: string;
  readonly target: string;
  readonly contentLength: number;

  constructor({ peer, closing }: Http1Context, request: IncomingMessage, response: ServerResponse) {
    this.peer = peer;
    this.#closing = closing;
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? "";
    this.target = request.url ?? "";
    const length = request.headers["content-length"];
    const chunked = request.headers["transfer-encoding"] !== undefined;
    this.contentLength = length === undefined ? (chunked ? -1 : 0) : Number(length);
  }

  header(name: string): readonly string[] {
    return valuesOf(this.#request.rawHeaders, name);
  }

  read(limit: number): Promise<Body> {
    return readBody(this.#request, limit);
  }

  reply(reply: Reply): void {
    const response = this.#response;
    const length = reply.body === undefined ? 0 : reply.body.length;
    const close = reply.close || this.#closing() ? { connection: "close" } : undefined;
    response.writeHead(reply.status, { ...reply.headers, ...close, "content-length": length });
    response.end(this.method === "HEAD" ? undefined : reply.body);
  }

  stream(reply: Reply): ReplyStream {
    const response = this.#response;
    response.writeHead(reply.status, reply.headers);
    response.flushHeaders();
    return {
      write: (chunk) => response.writable && response.write(chunk),
      end: () => void response.end(),
      cut: () => void response.destroy(),
      onClose: (listener) => void response.once("close", listener),
    };
  }

  abort(): void {
    this.#request.socket.destroy();
  }

  onAborted(listener: () => void): void {
    this.#response.once("close", listener);
  }
}
