// The operations port: plain HTTP for the kubelet and Prometheus, so that probes never weaken mTLS on the key port
// (decisions P5, O7). It shows states and figures, never an identity; names of keys only where a bundle lists them.
//   /livez     the process runs its event loop
//   /startupz  the key port is bound
//   /readyz    the key store was reached once (a later outage does not take the pod out of service), and where policies
//              come from a bundle, one is in force
//   /syncz     which policies are in force and where they came from (contract/sync-state.ts), as JSON
//   /metrics   everything of ours, in the form that Accept asks for
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Address } from "../contract/config.ts";
import type { SyncState } from "../contract/sync-state.ts";
import { KesError, messageOf } from "../errors.ts";
import type { Exposition } from "../metrics/exposition.ts";
import { createServer } from "../node-http.ts";

export interface OpsSource {
  /** A sentence saying what is still missing, or undefined when it is so. */
  startupProblem(): string | undefined;
  readinessProblem(): string | undefined;
  syncState(): SyncState;
  /** `accept` is the Accept header, empty when there is none. */
  metrics(accept: string): Promise<Exposition>;
}

type Answer = { readonly status: number; readonly type: string; readonly body: string | Buffer };

const plain = "text/plain; charset=utf-8";

export class OpsPort implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws KesError AddressInUse */
  static async open(address: Address, source: OpsSource): Promise<OpsPort> {
    const server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, (request, response) => {
      answer(request, source)
        .catch((error: unknown) => ({ status: 500, type: plain, body: `${messageOf(error)}\n` }))
        .then((reply) => send(response, reply), ignore);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => {
        const message = `cannot listen on ops.address ${address.host}:${address.port}: ${messageOf(error)}`;
        reject(new KesError("AddressInUse", `${message}; choose another address`, { cause: error }));
      });
      server.listen(address.port, address.host, resolve);
    });
    return new OpsPort(server);
  }

  get address(): Address {
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null
      ? { host: bound.address, port: bound.port }
      : { host: "", port: 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }
}

async function answer(request: IncomingMessage, source: OpsSource): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") return { status: 405, type: plain, body: "use GET\n" };
  switch (request.url?.split("?", 1)[0]) {
    case "/livez":
      return { status: 200, type: plain, body: "ok\n" };
    case "/startupz":
      return probe(source.startupProblem());
    case "/readyz":
      return probe(source.readinessProblem());
    case "/syncz":
      return { status: 200, type: "application/json", body: `${JSON.stringify(source.syncState())}\n` };
    case "/metrics":
      return { status: 200, ...(await source.metrics(request.headers.accept ?? "")) };
    default:
      return { status: 404, type: plain, body: "only /livez /readyz /startupz /syncz /metrics are here\n" };
  }
}

function probe(problem: string | undefined): Answer {
  if (problem === undefined) return { status: 200, type: plain, body: "ok\n" };
  return { status: 503, type: plain, body: `${problem}\n` };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { "content-type": type, ...(status === 405 ? { allow: "GET, HEAD" } : {}) });
  response.end(body);
}

function ignore(): void {
  // a probe that left early needs no answer
}
