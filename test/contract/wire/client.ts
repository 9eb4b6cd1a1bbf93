// Two raw clients behind one interface. They send the request target, the body and the framing exactly as told and hand
// back everything that came: a client that repairs requests or follows redirects would hide what the suite looks for.
import * as http2 from "node:http2";
import * as https from "node:https";
import type { Credentials, Protocol } from "./target.ts";

export interface WireRequest {
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** Send the body without a declared length (chunked over HTTP/1.1). */
  readonly chunked?: boolean;
}

export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
}

/** An answer whose header has come and whose body is still being written. */
export interface OpenAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** What has come so far. */
  received(): string;
  close(): void;
}

export interface WireClient extends AsyncDisposable {
  readonly protocol: Protocol;
  send(method: string, path: string, request?: WireRequest): Promise<Answer>;
  /** Resolves when the answer's header has come; rejects after `timeout` milliseconds without one. */
  open(path: string, timeout: number): Promise<OpenAnswer>;
}

const requestTimeout = 20_000;

export function wireClient(protocol: Protocol, url: URL, credentials: Credentials | undefined): WireClient {
  return protocol === "h2" ? new Http2Client(url, credentials) : new Http1Client(url, credentials);
}

function tlsOptions(url: URL, credentials: Credentials | undefined) {
  // Which certificate the server has is no part of the wire format; any is accepted here.
  return { ...credentials, host: url.hostname, port: Number(url.port), rejectUnauthorized: false };
}

class Http1Client implements WireClient {
  readonly protocol = "h1";
  readonly #url: URL;
  readonly #agent: https.Agent;

  constructor(url: URL, credentials: Credentials | undefined) {
    this.#url = url;
    this.#agent = new https.Agent({ ...tlsOptions(url, credentials), keepAlive: true, maxCachedSessions: 0 });
  }

  send(method: string, path: string, request: WireRequest = {}): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const length = bodyLength(request);
    const outgoing = this.#request(method, path, {
      ...(length === undefined ? { "transfer-encoding": "chunked" } : { "content-length": String(length) }),
      ...request.headers,
    });
    outgoing.setTimeout(requestTimeout, () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)));
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve(answer(response.statusCode ?? 0, flatHeaders(response.headers), Buffer.concat(chunks)));
      });
    });
    outgoing.end(request.body);
    return promise;
  }

  open(path: string, timeout: number): Promise<OpenAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<OpenAnswer>();
    const outgoing = this.#request("GET", path, {});
    outgoing.setTimeout(timeout, () => outgoing.destroy(new Error(`no header of ${path} within ${timeout} ms`)));
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      outgoing.setTimeout(0);
      let received = "";
      response.on("data", (chunk: Buffer) => (received += chunk.toString()));
      response.on("error", () => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: flatHeaders(response.headers),
        received: () => received,
        close: () => outgoing.destroy(),
      });
    });
    outgoing.end();
    return promise;
  }

  #request(method: string, path: string, headers: Record<string, string>) {
    return https.request({
      agent: this.#agent,
      host: this.#url.hostname,
      port: this.#url.port,
      servername: "",
      method,
      path,
      headers,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
  }
}

class Http2Client implements WireClient {
  readonly protocol = "h2";
  readonly #url: URL;
  readonly #credentials: Credentials | undefined;
  #session: http2.ClientHttp2Session | undefined;

  constructor(url: URL, credentials: Credentials | undefined) {
    this.#url = url;
    this.#credentials = credentials;
  }

  send(method: string, path: string, request: WireRequest = {}): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const length = bodyLength(request);
    const bodiless = length === 0 && request.body === undefined;
    const stream = this.#connected().request(
      {
        ":method": method,
        ":path": path,
        ...(length === undefined || bodiless ? {} : { "content-length": String(length) }),
        ...request.headers,
      },
      { endStream: bodiless },
    );
    stream.setTimeout(requestTimeout, () => stream.destroy(new Error(`no answer to ${method} ${path}`)));
    const chunks: Buffer[] = [];
    let status = 0;
    let headers: Record<string, string> = {};
    stream.on("response", (fields) => {
      status = fields[":status"] ?? 0;
      headers = flatHeaders(fields);
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", (error: Error) => (status === 0 ? reject(error) : undefined));
    stream.on("close", () => {
      if (status === 0) reject(new Error(`the stream ended without an answer (code ${stream.rstCode})`));
      else resolve(answer(status, headers, Buffer.concat(chunks)));
    });
    if (!bodiless) stream.end(request.body);
    return promise;
  }

  open(path: string, timeout: number): Promise<OpenAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<OpenAnswer>();
    const stream = this.#connected().request({ ":method": "GET", ":path": path }, { endStream: true });
    stream.setTimeout(timeout, () => stream.destroy(new Error(`no header of ${path} within ${timeout} ms`)));
    stream.on("error", reject);
    let received = "";
    stream.on("data", (chunk: Buffer) => (received += chunk.toString()));
    stream.on("response", (fields) => {
      stream.setTimeout(0);
      resolve({
        status: fields[":status"] ?? 0,
        headers: flatHeaders(fields),
        received: () => received,
        close: () => stream.close(http2.constants.NGHTTP2_CANCEL),
      });
    });
    return promise;
  }

  #connected(): http2.ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      const session = http2.connect(this.#url.origin, {
        ...tlsOptions(this.#url, this.#credentials),
        ALPNProtocols: ["h2"],
      });
      session.on("error", () => undefined);
      this.#session = session;
    }
    return this.#session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#session?.destroy();
  }
}

/** Undefined = undeclared. */
function bodyLength(request: WireRequest): number | undefined {
  if (request.chunked === true) return undefined;
  return request.body === undefined ? 0 : Buffer.byteLength(request.body);
}

function answer(status: number, headers: Record<string, string>, body: Buffer): Answer {
  return { status, headers, body, text: body.toString() };
}

function flatHeaders(fields: Readonly<Record<string, unknown>>): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) if (!name.startsWith(":")) flat[name] = String(value);
  return flat;
}
