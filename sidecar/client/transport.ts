// How a request gets to a server: HTTPS with the client's certificate, kept alive, the first of several endpoints that
// answers. Another endpoint is tried when one could not be connected to (nothing was sent, so every method may be
// repeated), and for GET also when it broke off or answered with a 5xx other than 501 (reference 8.1).
// A GET follows redirects on the same server. Answers are read whole; log streams are handed over as they come.
import { Agent, request as httpsRequest } from "node:https";
import type { IncomingMessage } from "node:http";
import { getCACertificates } from "node:tls";
import { urlToHttpOptions } from "node:url";
import { KesError } from "../errors.ts";
import { explainFailure, isConnectFailure } from "./network-failure.ts";

export interface Connection {
  readonly endpoints: readonly URL[];
  /** PEM of the client certificate and its key; without them only routes that need none answer. */
  readonly credentials: { readonly certPem: string; readonly keyPem: string } | undefined;
  /** True: the server's certificate is not verified. */
  readonly insecure: boolean;
  /** PEM certificates trusted besides the system's. */
  readonly ca?: readonly string[];
  /** Why certificates that were meant to be trusted are not, for the sentence that says that one is not. */
  readonly rootsFault?: string | undefined;
  /** Milliseconds without an answer; default 30 000. */
  readonly timeout?: number;
}

export type Method = "GET" | "PUT" | "POST" | "DELETE";

export interface Call {
  readonly method: Method;
  readonly path: string;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly endpoint: URL;
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** An answer whose body is still to come. */
interface Opened {
  readonly endpoint: URL;
  readonly status: number;
  readonly message: IncomingMessage;
}

const bodyLimit = 64 * 1024 * 1024;
const redirectLimit = 5;

export class Transport implements Disposable {
  readonly #connection: Connection;
  readonly #agent: Agent;

  constructor(connection: Connection) {
    const { credentials, insecure, ca = [] } = connection;
    this.#connection = connection;
    this.#agent = new Agent({
      keepAlive: true,
      rejectUnauthorized: !insecure,
      minVersion: "TLSv1.2",
      ...(credentials && { cert: credentials.certPem, key: credentials.keyPem }),
      ...(!insecure && { ca: [...getCACertificates("system"), ...ca] }),
    });
  }

  /** Sends one request and reads the whole answer, whatever its status. @throws KesError ServerUnreachable */
  async call(call: Call): Promise<Answer> {
    return this.#anywhere(call, async (endpoint) => this.#readWhole(call, endpoint));
  }

  /** Sends a GET and hands over the answer as soon as its header is there. @throws KesError ServerUnreachable */
  async open(path: string, signal?: AbortSignal): Promise<Opened> {
    const call: Call = { method: "GET", path, signal };
    return this.#anywhere(call, async (endpoint) => {
      const message = await this.#send(call, endpoint, path);
      return { endpoint, status: message.statusCode ?? 0, message };
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #anywhere<T extends { readonly status: number }>(call: Call, send: (endpoint: URL) => Promise<T>): Promise<T> {
    const others = [...this.#connection.endpoints];
    const last = others.pop();
    if (last === undefined) throw new KesError("AddressInvalid", "no server is given: set KES_SERVER to HOST:PORT");
    for (const endpoint of others) {
      const answer = await tryOne(call, endpoint, send);
      if (answer !== undefined) return answer;
    }
    return send(last).catch((error: unknown) => {
      throw explainFailure(error, last, this.#connection.rootsFault);
    });
  }

  async #readWhole(call: Call, endpoint: URL): Promise<Answer> {
    let path = call.path;
    for (let hops = 0; ; hops++) {
      const message = await this.#send(call, endpoint, path);
      const body = await bodyOf(message);
      const status = message.statusCode ?? 0;
      const target = message.headers.location;
      if (call.method !== "GET" || status !== 301 || target === undefined || hops === redirectLimit) {
        return { endpoint, status, contentType: message.headers["content-type"] ?? "", body };
      }
      path = pathOnSameServer(target, endpoint);
    }
  }

  #send(call: Call, endpoint: URL, path: string): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const timeout = this.#connection.timeout ?? 30_000;
    const request = httpsRequest({
      ...urlToHttpOptions(endpoint),
      path,
      agent: this.#agent,
      method: call.method,
      headers: headersOf(call),
      ...(call.signal && { signal: call.signal }),
    });
    const timer = setTimeout(() => request.destroy(timeoutError(timeout)), timeout);
    request.once("error", reject);
    request.once("response", resolve);
    request.end(call.body);
    return promise.finally(() => clearTimeout(timer));
  }
}

function headersOf(call: Call): Record<string, string | number> {
  if (call.body === undefined) return call.method === "GET" ? {} : { "content-length": 0 };
  return { "content-type": "application/json", "content-length": Buffer.byteLength(call.body) };
}

function isServerFault(status: number): boolean {
  return status >= 500 && status !== 501;
}

/** Undefined if another endpoint should be asked. */
async function tryOne<T extends { readonly status: number }>(
  call: Call,
  endpoint: URL,
  send: (endpoint: URL) => Promise<T>,
): Promise<T | undefined> {
  try {
    const answer = await send(endpoint);
    return call.method === "GET" && isServerFault(answer.status) ? undefined : answer;
  } catch (error) {
    const mayRepeat = call.method === "GET" || isConnectFailure(error);
    if (!mayRepeat || call.signal?.aborted === true) throw explainFailure(error, endpoint);
    return undefined;
  }
}

function pathOnSameServer(target: string, endpoint: URL): string {
  const url = URL.parse(target, endpoint);
  if (url?.origin === endpoint.origin) return url.pathname + url.search;
  throw new KesError("ServerAnswered", `${endpoint.host} redirects to another server, ${target}: not followed`);
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > bodyLimit) throw new KesError("ServerAnswered", "the answer is longer than 64 MiB: not read");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function timeoutError(timeout: number): Error {
  return Object.assign(new Error(`no answer within ${timeout / 1000} s`), { code: "ETIMEDOUT" });
}
