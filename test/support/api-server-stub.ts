// A STAND-IN for the Kubernetes API server, scripted by tests: TLS, a bearer token, and the list and watch of ConfigMaps in
// one namespace as the real one does them, with bookmarks, forgotten versions and every way to fail that a test asks for.
// It is written from the API's documentation and proves nothing about the real one, which test:real uses.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storedBundle } from "../../sidecar/contract/bundle.ts";
import type { StoredBundle } from "../../sidecar/contract/bundle.ts";
import { fixedPort } from "../env/fixed-port.ts";
import { makeServerCertificate } from "./certificates.ts";

export interface Seen {
  readonly at: number;
  readonly kind: "list" | "watch";
  readonly url: URL;
}

/** What a test lets happen to a request instead of an answer; undefined: the usual answer. */
export type Script = (seen: Seen, response: ServerResponse) => boolean | undefined;

interface Watch {
  readonly name: string;
  readonly response: ServerResponse;
}

export class ApiServerStub implements AsyncDisposable {
  readonly namespace = "tests";
  /** Directory with token, ca.crt and namespace, as the kubelet mounts it. */
  readonly serviceAccount = mkdtempSync(join(tmpdir(), "kes-service-account-"));
  readonly seen: Seen[] = [];
  /** Every token that was sent. */
  readonly tokens: string[] = [];
  script: Script | undefined;
  /** Milliseconds that each answer takes. */
  delay = 0;
  token = "token-1";
  readonly #sockets = new Set<Socket>();
  readonly #objects = new Map<string, { version: number; content: StoredBundle }>();
  readonly #watches = new Set<Watch>();
  #server: ReturnType<typeof createServer> | undefined;
  #port = 0;
  #version = 100;
  /** Versions below this are forgotten. */
  #oldest = 0;

  static async start(): Promise<ApiServerStub> {
    const stub = new ApiServerStub();
    const { certPem: cert, keyPem: key } = await makeServerCertificate();
    stub.#server = createServer({ cert, key }, (request, response) => {
      if (stub.delay === 0) stub.#answer(request, response);
      else setTimeout(() => stub.#answer(request, response), stub.delay);
    });
    stub.#server.on("connection", (socket: Socket) => {
      stub.#sockets.add(socket);
      socket.once("close", () => stub.#sockets.delete(socket));
    });
    mkdirSync(stub.serviceAccount, { recursive: true });
    writeFileSync(join(stub.serviceAccount, "ca.crt"), cert);
    writeFileSync(join(stub.serviceAccount, "namespace"), stub.namespace);
    stub.writeToken(stub.token);
    stub.#port = await fixedPort();
    await stub.resume();
    return stub;
  }

  get port(): number {
    return this.#port;
  }

  /** What a pod finds in its environment. */
  get env(): Record<string, string> {
    return { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(this.#port) };
  }

  get cluster(): { host: string; port: number; serviceAccount: string } {
    return { host: "127.0.0.1", port: this.#port, serviceAccount: this.serviceAccount };
  }

  writeToken(token: string): void {
    writeFileSync(join(this.serviceAccount, "token"), `${token}\n`);
  }

  count(kind: Seen["kind"]): number {
    return this.seen.filter((seen) => seen.kind === kind).length;
  }

  get watching(): number {
    return this.#watches.size;
  }

  /** Creates or replaces a ConfigMap; watches hear of it. @param content the text of a bundle, or what stands in data */
  put(name: string, content: string | StoredBundle): void {
    const stored = typeof content === "string" ? (storedBundle(content) ?? {}) : content;
    const type = this.#objects.has(name) ? "MODIFIED" : "ADDED";
    this.#objects.set(name, { version: (this.#version += 1), content: stored });
    this.#tell(name, type, this.#object(name));
  }

  delete(name: string): void {
    const last = this.#object(name);
    this.#objects.delete(name);
    this.#version += 1;
    this.#tell(name, "DELETED", last);
  }

  bookmark(name: string): void {
    this.#tell(name, "BOOKMARK", { kind: "ConfigMap", metadata: { resourceVersion: String((this.#version += 1)) } });
  }

  /** Sends an event as it is given, or text that is none. */
  send(name: string, event: object | string): void {
    for (const watch of this.#watches) {
      const text = typeof event === "string" ? event : JSON.stringify(event);
      if (watch.name === name) watch.response.write(`${text}\n`);
    }
  }

  /** Ends all watches as the API does when their time is over. */
  endWatches(): void {
    for (const { response } of this.#watches) response.end();
  }

  /** Forgets the history up to now: watches from before get 410. */
  compact(): void {
    this.#oldest = this.#version += 1;
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops listening, as if it were killed. */
  async stop(): Promise<void> {
    this.cut();
    this.#server?.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Listens again, on the same port. */
  async resume(): Promise<void> {
    const server = this.#server?.listen(this.#port, "127.0.0.1");
    if (server !== undefined) await once(server, "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.serviceAccount, { recursive: true, force: true });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "https://stub");
    const kind = url.searchParams.get("watch") === "true" ? "watch" : "list";
    const seen: Seen = { at: performance.now(), kind, url };
    this.seen.push(seen);
    const token = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    this.tokens.push(token);
    if (this.script?.(seen, response) === true) return;
    if (token === this.token) this.#serve(seen, response);
    else fail(response, 401, "Unauthorized");
  }

  #serve({ kind, url }: Seen, response: ServerResponse): void {
    const name = /^metadata\.name=(.+)$/.exec(url.searchParams.get("fieldSelector") ?? "")?.[1];
    if (url.pathname !== `/api/v1/namespaces/${this.namespace}/configmaps`) fail(response, 404, "not found");
    // A Role pinned to one name allows list and watch with that field selector only.
    else if (name === undefined) fail(response, 403, "configmaps is forbidden");
    else if (kind === "list") this.#list(name, response);
    else this.#watch(name, url, response);
  }

  #list(name: string, response: ServerResponse): void {
    const items = this.#objects.has(name) ? [this.#object(name)] : [];
    response.setHeader("content-type", "application/json");
    response.end(
      JSON.stringify({ kind: "ConfigMapList", metadata: { resourceVersion: String(this.#version) }, items }),
    );
  }

  #watch(name: string, url: URL, response: ServerResponse): void {
    const from = Number(url.searchParams.get("resourceVersion"));
    response.setHeader("content-type", "application/json");
    response.flushHeaders();
    if (from < this.#oldest) {
      const object = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    const watch = { name, response };
    this.#watches.add(watch);
    response.once("close", () => this.#watches.delete(watch));
    const missed = this.#objects.get(name);
    if (missed !== undefined && missed.version > from) {
      response.write(`${JSON.stringify({ type: "MODIFIED", object: this.#object(name) })}\n`);
    }
  }

  #object(name: string): object {
    const { version, content } = this.#objects.get(name) ?? { version: this.#version, content: {} };
    return { kind: "ConfigMap", metadata: { name, resourceVersion: String(version) }, ...content };
  }

  #tell(name: string, type: string, object: object): void {
    this.send(name, { type, object });
  }
}

/** An answer with a Status object. */
export function fail(response: ServerResponse, code: number, message: string, headers: object = {}): true {
  response.writeHead(code, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify({ kind: "Status", status: "Failure", code, message }));
  return true;
}
