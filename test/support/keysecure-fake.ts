// A FAKE of the Gemalto KeySecure / Thales CipherTrust API, written from reference 5.8: no such server can be had for
// tests, so what is green against it says that this program keeps to that description, not that an appliance does.
// Real HTTPS on a free port; its answers can be spoiled, one fault for the next `times` requests that match.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { fixedPort } from "../env/fixed-port.ts";
import { makeCa, makeServerCertificate } from "./certificates.ts";
import type { TestCertificate } from "./certificates.ts";

/** What happens instead of, or after, the right answer. */
export type Spoil =
  | { readonly kind: "status"; readonly status: number; readonly body?: string; readonly type?: string }
  /** The connection breaks before anything was done. */
  | { readonly kind: "reset" }
  /** It is done, and the connection breaks before the answer. */
  | { readonly kind: "reset-after" }
  /** Nothing is done and no answer ever comes. */
  | { readonly kind: "silence" }
  | { readonly kind: "slow"; readonly ms: number }
  /** The body is replaced, the status is not. */
  | { readonly kind: "body"; readonly body: string };

export interface Fault {
  /** Against `METHOD /path?query`. */
  readonly on: RegExp;
  readonly spoil: Spoil;
  /** Default 1. */
  readonly times?: number;
}

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export class KeySecureFake implements AsyncDisposable {
  readonly refreshToken = `refresh-${randomUUID()}`;
  readonly domain = "root";
  readonly secrets = new Map<string, string>();
  /** `METHOD /path?query` of every request, in order. */
  readonly requests: string[] = [];
  /** Seconds that new tokens live. */
  duration = 300;
  /** Milliseconds its clock is ahead. */
  skew = 0;
  /** False: the refresh token is refused. */
  refreshable = true;
  readonly #tokens = new Map<string, number>();
  readonly #faults: { on: RegExp; spoil: Spoil; left: number }[] = [];
  readonly #server;
  #port = 0;
  readonly ca: string;

  private constructor(certificate: TestCertificate, ca: TestCertificate) {
    this.ca = ca.certPem;
    this.#server = createServer({ cert: certificate.certPem, key: certificate.keyPem }, (request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
  }

  /** `duration`: seconds a bearer token lives; `make` makes another certificate than one for 127.0.0.1. */
  static async start(duration = 300, make = makeServerCertificate): Promise<KeySecureFake> {
    const ca = await makeCa();
    const fake = new KeySecureFake(await make(ca), ca);
    fake.duration = duration;
    fake.#port = await fixedPort();
    await fake.listen();
    return fake;
  }

  get endpoint(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  /** Listens, after stop() where it did before. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Closes the port and all connections; secrets and tokens stay. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  get logins(): number {
    return this.requests.filter((request) => request === "POST /api/v1/auth/tokens").length;
  }

  spoil(fault: Fault): void {
    this.#faults.push({ on: fault.on, spoil: fault.spoil, left: fault.times ?? 1 });
  }

  heal(): void {
    this.#faults.length = 0;
  }

  /** Shows another certificate to new connections. */
  show({ certPem: cert, keyPem: key }: TestCertificate): void {
    this.#server.setSecureContext({ cert, key });
  }

  /** Forgets all bearer tokens, as a restart or a revocation does. */
  revoke(): void {
    this.#tokens.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method} ${request.url}`;
    this.requests.push(line);
    const chunks: Buffer[] = [];
    for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    response.setHeader("date", new Date(Date.now() + this.skew).toUTCString());
    const spoil = this.#take(line);
    const answer = (): Answer =>
      this.#answer(line, Buffer.concat(chunks).toString(), request.headers.authorization ?? "");
    if (spoil === undefined) reply(response, answer());
    else await spoiled(spoil, response, answer);
  }

  #take(line: string): Spoil | undefined {
    const fault = this.#faults.find(({ on, left }) => left > 0 && on.test(line));
    if (fault === undefined) return undefined;
    fault.left -= 1;
    return fault.spoil;
  }

  #answer(line: string, body: string, authorization: string): Answer {
    if (line === "POST /api/v1/auth/tokens") return this.#login(JSON.parse(body));
    if (!line.includes(" /api/v1/")) return { status: 404, body: { code: 1, codeDesc: "NCERRNotFound" } };
    const endsAt = this.#tokens.get(authorization.replace(/^Bearer /, "")) ?? 0;
    if (Date.now() >= endsAt) return { status: 401, body: { code: 14, codeDesc: "NCERRAuthUnauthorized" } };
    return this.#serveSecrets(line, body);
  }

  #serveSecrets(line: string, body: string): Answer {
    const [, list] = /^GET \/api\/v1\/vault\/secrets\?(.*)$/.exec(line) ?? [];
    if (list !== undefined) return this.#list(new URLSearchParams(list));
    if (line === "POST /api/v1/vault/secrets") return this.#create(JSON.parse(body));
    const [, exported] = /^POST \/api\/v1\/vault\/secrets\/([^/?]+)\/export\?type=name$/.exec(line) ?? [];
    if (exported !== undefined) return this.#export(exported);
    const [, deleted = ""] = /^DELETE \/api\/v1\/vault\/secrets\/([^/?]+)\?type=name$/.exec(line) ?? [];
    if (this.secrets.delete(deleted)) return { status: 204 };
    return { status: 404, body: { code: 1, codeDesc: "NCERRNotFound: Record not found" } };
  }

  #login(body: Record<string, unknown>): Answer {
    const right =
      this.refreshable && body["grant_type"] === "refresh_token" && body["refresh_token"] === this.refreshToken;
    // As badly as a server can: it repeats the secret it was sent.
    const codeDesc = `NCERRAuthUnauthorized: bad token ${String(body["refresh_token"])}`;
    if (!right || body["domain"] !== this.domain) return { status: 401, body: { code: 14, codeDesc } };
    const jwt = `jwt-${randomUUID()}`;
    this.#tokens.set(jwt, Date.now() + this.duration * 1000);
    return { status: 200, body: { token_type: "Bearer", jwt, duration: this.duration } };
  }

  #create(body: Record<string, unknown>): Answer {
    const name = String(body["name"]);
    if (body["dataType"] !== "seed") return { status: 400, body: { code: 2, codeDesc: "NCERRBadRequest" } };
    if (this.secrets.has(name)) return { status: 409, body: { code: 3, codeDesc: "NCERRConflict" } };
    this.secrets.set(name, String(body["material"]));
    return { status: 201, body: { id: randomUUID(), name } };
  }

  #export(name: string): Answer {
    const material = this.secrets.get(name);
    if (material === undefined) return { status: 404, body: { code: 1, codeDesc: "NCERRNotFound" } };
    return { status: 200, body: { name, material } };
  }

  #list(query: URLSearchParams): Answer {
    const skip = Number(query.get("skip"));
    const names = [...this.secrets.keys()].slice(skip, skip + Number(query.get("limit")));
    return { status: 200, body: { skip, total: this.secrets.size, resources: names.map((name) => ({ name })) } };
  }
}

async function spoiled(spoil: Spoil, response: ServerResponse, answer: () => Answer): Promise<void> {
  switch (spoil.kind) {
    case "silence":
      return;
    case "reset":
      return void response.destroy();
    case "reset-after":
      answer();
      return void response.destroy();
    case "slow":
      await sleep(spoil.ms);
      return reply(response, answer());
    case "status":
      return replyText(response, spoil.status, spoil.body ?? "", spoil.type ?? "text/plain");
    case "body":
      return replyText(response, answer().status, spoil.body, "application/json");
    default:
      return spoil satisfies never;
  }
}

function reply(response: ServerResponse, { status, body }: Answer): void {
  const text = body === undefined ? "" : JSON.stringify(body);
  replyText(response, status, text, "application/json; charset=utf-8");
}

function replyText(response: ServerResponse, status: number, body: string, type: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}
