// A plain client of the API over either protocol, for tests: one connection, explicit certificates, no retries.
import { connect as connectHttp2 } from "node:http2";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { Agent, request as httpsRequest } from "node:https";
import type { TestCertificate } from "./certificates.ts";

export type Protocol = "h1" | "h2";
export const protocols: readonly Protocol[] = ["h1", "h2"];

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  json(): unknown;
}

export interface Ask {
  readonly method?: string;
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiClient extends AsyncDisposable {
  ask(path: string, ask?: Ask): Promise<Answer>;
}

export interface ClientIdentity {
  /** PEM, several certificates allowed. */
  readonly certPem: string;
  readonly keyPem: string;
}

/** `server` is trusted as it is: server certificates of tests are self-signed or come with their CA. */
export function apiClient(
  protocol: Protocol,
  url: string,
  identity: ClientIdentity | undefined,
  server: Pick<TestCertificate, "certPem">,
): ApiClient {
  const tls = {
    ca: server.certPem,
    ...(identity === undefined ? {} : { cert: identity.certPem, key: identity.keyPem }),
  };
  return protocol === "h1" ? new Http1Client(url, tls) : new Http2Client(url, tls);
}

interface TlsFiles {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

class Http1Client implements ApiClient {
  readonly #agent: Agent;
  readonly #url: string;

  constructor(url: string, tls: TlsFiles) {
    this.#url = url;
    this.#agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1, ALPNProtocols: ["http/1.1"] });
  }

  ask(path: string, { method = "GET", body, headers = {} }: Ask = {}): Promise<Answer> {
    const payload = payloadOf(body);
    return new Promise((resolve, reject) => {
      const request = httpsRequest(`${this.#url}${path}`, {
        method,
        agent: this.#agent,
        headers: { ...headers, ...(payload === undefined ? {} : { "content-length": Buffer.byteLength(payload) }) },
      });
      request.once("error", reject);
      request.once("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        response.once("error", reject);
        response.once("end", () => resolve(answer(response.statusCode ?? 0, response.headers, text)));
      });
      request.end(payload);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    return Promise.resolve();
  }
}

class Http2Client implements ApiClient {
  readonly #session: ClientHttp2Session;
  #failure: Error | undefined;

  constructor(url: string, tls: TlsFiles) {
    this.#session = connectHttp2(url, tls);
    this.#session.on("error", (error) => (this.#failure = error));
  }

  ask(path: string, { method = "GET", body, headers = {} }: Ask = {}): Promise<Answer> {
    const payload = payloadOf(body);
    return new Promise((resolve, reject) => {
      const stream = this.#session.request(
        { ...headers, ":method": method, ":path": path },
        { endStream: payload === undefined },
      );
      let text = "";
      let head: IncomingHttpHeaders & { ":status"?: number | undefined } = {};
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      stream.once("response", (received) => (head = received));
      stream.once("error", (error) => reject(this.#failure ?? error));
      stream.once("close", () => {
        if (head[":status"] === undefined)
          reject(this.#failure ?? new Error(`stream closed with code ${stream.rstCode}`));
        else resolve(answer(head[":status"], head, text));
      });
      if (payload !== undefined) stream.end(payload);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#session.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#session.once("close", resolve);
      this.#session.destroy();
    });
  }
}

function payloadOf(body: string | object | undefined): string | undefined {
  if (body === undefined) return undefined;
  return typeof body === "string" ? body : JSON.stringify(body);
}

function answer(status: number, headers: IncomingHttpHeaders, text: string): Answer {
  return { status, headers, text, json: () => JSON.parse(text) as unknown };
}
