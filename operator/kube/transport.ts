// One HTTPS request to the API server and its answer. Calls share a few kept connections; each watch has its own, so that
// no watch ever waits behind a call or the reverse. Before the first byte of a request leaves, two things are looked at
// once more, since it may have waited for a connection: whether the server asked to be left alone, and whether this
// process may still write (it may just have been asleep for a minute).
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Connection, Credentials } from "./connection.ts";

export interface TransportOptions {
  readonly connection: Connection;
  readonly userAgent: string;
  /** How many calls may run at the same time. */
  readonly sockets: number;
}

export interface Outgoing {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  readonly path: string;
  readonly contentType?: string;
  /** What is wanted back. Default: JSON, whole. */
  readonly accept?: string;
  readonly body?: string;
  /** A watch gets a connection of its own, and is answered in JSON lines for minutes. */
  readonly isWatch?: boolean;
  /** Called when a connection is ready and nothing has been sent; what it throws ends the request. */
  readonly ready: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** The connection was kept from an earlier request, and the server has most likely closed it before it saw this one. */
export class StaleConnection extends Error {
  override readonly name = "StaleConnection";
}

export class Transport implements Disposable {
  readonly #options: TransportOptions;
  readonly #calls: Agent;
  readonly #watches = new Agent({ keepAlive: false });

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#calls = new Agent({
      keepAlive: true,
      keepAliveMsecs: 30_000,
      maxSockets: options.sockets,
      scheduling: "lifo",
    });
  }

  get server(): URL {
    return this.#options.connection.server;
  }

  /**
   * The head of the answer, whatever its status; the body is the caller's to read or destroy.
   * @throws StaleConnection | Error of the network, of `ready` or of the signal
   */
  send(outgoing: Outgoing, credentials: Credentials): Promise<IncomingMessage> {
    const { server } = this.#options.connection;
    const own = outgoing.isWatch === true ? this.#watches : this.#calls;
    const sent = request({
      ...credentials.tls,
      method: outgoing.method,
      host: server.hostname.replace(/^\[|\]$/g, ""),
      port: server.port === "" ? 443 : Number(server.port),
      path: `${server.pathname.replace(/\/$/, "")}${outgoing.path}`,
      headers: {
        ...credentials.headers,
        accept: outgoing.accept ?? "application/json",
        "user-agent": this.#options.userAgent,
        ...(outgoing.contentType === undefined ? {} : { "content-type": outgoing.contentType }),
        // Node leaves it out for DELETE, and the server would take the body for another request.
        ...(outgoing.body === undefined ? {} : { "content-length": Buffer.byteLength(outgoing.body) }),
      },
      agent: credentials.agent ?? own,
    });
    return answerTo(sent, outgoing);
  }

  /** Closes what is open: calls under way fail. */
  [Symbol.dispose](): void {
    this.#calls.destroy();
    this.#watches.destroy();
  }
}

function answerTo(sent: ClientRequest, { body, ready, signal }: Outgoing): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let stop = (): void => void sent.destroy(reasonOf(signal));
    const abort = (): void => stop();
    const settle = (): void => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    let isKept = false;
    sent.on("error", (error) => {
      settle();
      reject(isKept && isCut(error) ? new StaleConnection("the kept connection was closed", { cause: error }) : error);
    });
    sent.once("response", (response) => {
      // The signal ends the body too, and with its own reason.
      stop = (): void => void response.destroy(reasonOf(signal));
      response.once("close", settle);
      resolve(response);
    });
    sent.once("socket", (socket) => {
      // `sent.reusedSocket` is not set for a request that had to wait for a connection.
      isKept = !isConnecting(socket);
      if (isKept) return sendWhenReady(sent, ready, body);
      socket.setKeepAlive(true, 30_000);
      socket.once("secureConnect", () => sendWhenReady(sent, ready, body));
    });
  });
}

// Node sends nothing, the head included, before end() is called.
function sendWhenReady(sent: ClientRequest, ready: Outgoing["ready"], body: string | undefined): void {
  ready().then(
    () => void sent.end(body),
    (error: unknown) => void sent.destroy(error instanceof Error ? error : new Error(String(error))),
  );
}

function isConnecting(socket: Socket): boolean {
  return (
    socket.connecting ||
    (socket instanceof TLSSocket && "secureConnecting" in socket && socket.secureConnecting === true)
  );
}

function isCut(error: Error): boolean {
  return "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

/** What a signal was aborted with, as an error. */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error(`stopped: ${String(reason)}`);
}
