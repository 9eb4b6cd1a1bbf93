// Answers as a Vault server does, by a script: for what no Vault of the tests can be brought to do (namespaces, performance
// standbys, replication that lags) and for what is not Vault at all. It is a fake; test/real has the real one.
import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { ServerOptions } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface Asked {
  readonly method: string;
  /** Below `/v1/`, with the query. */
  readonly path: string;
  readonly namespace: string | undefined;
  readonly token: string | undefined;
  /** The `X-Vault-Index` header. */
  readonly index: string | undefined;
  readonly body: unknown;
}

export interface Reply {
  readonly status: number;
  /** An object is sent as JSON, text as it is. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Script = (asked: Asked) => Reply | undefined;

const healthy = { initialized: true, sealed: false, standby: false, performance_standby: false };

export class VaultStandIn implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Connections that were made, and those that asked something. */
  readonly connections = new Set<Socket>();
  readonly used = new Set<Socket>();
  /** Goes first; undefined = the usual answer. */
  script: Script = () => undefined;
  /** Milliseconds its clock is ahead. */
  skew = 0;
  /** What sys/health says, over what a healthy server says. */
  health: object = {};
  readonly entries = new Map<string, unknown>();
  readonly #server;
  readonly #scheme: string;
  readonly #answer: RequestListener = (request, response) => {
    this.used.add(request.socket);
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      const header = (name: string) => [request.headers[name]].flat()[0];
      const asked: Asked = {
        method: request.method ?? "",
        path: (request.url ?? "").replace(/^\/v1\//, ""),
        namespace: header("x-vault-namespace"),
        token: header("x-vault-token"),
        index: header("x-vault-index"),
        body: text === "" ? undefined : JSON.parse(text),
      };
      this.asked.push(asked);
      const { status, body, headers = {} } = this.script(asked) ?? this.#usual(asked);
      response.setHeader("Date", new Date(Date.now() + this.skew).toUTCString());
      response.writeHead(status, headers);
      response.end(typeof body === "object" ? JSON.stringify(body) : body);
    });
  };

  private constructor(tls: ServerOptions | undefined) {
    this.#server = tls === undefined ? createServer(this.#answer) : createTlsServer(tls, this.#answer);
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server.on(tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
      this.connections.add(socket);
    });
    // A handshake that was broken off is a connection that asked nothing.
    this.#server.on("tlsClientError", (_: Error, socket: Socket) => this.connections.add(socket));
  }

  static async start(tls?: ServerOptions): Promise<VaultStandIn> {
    const standIn = new VaultStandIn(tls);
    standIn.#server.listen(0, "127.0.0.1");
    await once(standIn.#server, "listening");
    return standIn;
  }

  get url(): string {
    // A server that listens on a port has this kind of address.
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How often something whose path starts so was asked. */
  count(path: string): number {
    return this.asked.filter((each) => each.path.startsWith(path)).length;
  }

  /** Lets the process end while it still listens. */
  unref(): void {
    this.#server.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #usual({ method, path, body }: Asked): Reply {
    const [route = ""] = path.split("?");
    if (route === "sys/health") return { status: 299, body: { ...healthy, ...this.health } };
    if (route === "sys/leader") return { status: 200, body: { leader_address: this.url } };
    if (/^auth\/\w+\/login$/.test(route)) {
      return { status: 200, body: { auth: { client_token: "hvs.stand-in", lease_duration: 3600, renewable: true } } };
    }
    if (route === "auth/token/lookup-self") return { status: 200, body: { data: { ttl: 3600, renewable: true } } };
    if (route.startsWith("kv/data/")) return this.#entry(method, route, body);
    return { status: 404, body: { errors: [] } };
  }

  #entry(method: string, route: string, body: unknown): Reply {
    if (method !== "GET") {
      if (this.entries.has(route)) return { status: 400, body: { errors: ["check-and-set parameter did not match"] } };
      this.entries.set(route, (body as { data: unknown }).data);
      return { status: 200, body: { data: { version: 1 } } };
    }
    const data = this.entries.get(route);
    if (data === undefined) return { status: 404, body: { errors: [] } };
    return { status: 200, body: { data: { data, metadata: { version: 1 } } } };
  }
}
