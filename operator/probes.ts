// The operator's ops port: plain HTTP for the kubelet and Prometheus.
//   /livez    the event loop runs, and a leader renews its lease
//   /readyz   every cache is complete; a replica that stands by is as ready as the one that leads
//   /metrics  in the text format of Prometheus
import { createServer } from "node:http";
import type { IncomingMessage, Server } from "node:http";

export interface ProbeSource {
  /** A sentence saying what is wrong, or undefined. */
  livenessProblem(): string | undefined;
  readinessProblem(): string | undefined;
  metrics(): Promise<{ readonly type: string; readonly body: string }>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const plain = "text/plain; charset=utf-8";
/** Milliseconds. */
const tick = 1_000;
const longestLag = 5_000;

export class Probes implements AsyncDisposable {
  readonly #server: Server;
  readonly #source: ProbeSource;
  readonly #timer: NodeJS.Timeout;
  #tickedAt = performance.now();
  /** Milliseconds by which the last tick was late. Timers run before requests, so a request alone would never see it. */
  #lag = 0;

  private constructor(source: ProbeSource) {
    this.#source = source;
    this.#timer = setInterval(() => {
      const now = performance.now();
      [this.#lag, this.#tickedAt] = [now - this.#tickedAt - tick, now];
    }, tick).unref();
    this.#server = createServer({ headersTimeout: 5_000, requestTimeout: 10_000 }, (request, response) => {
      this.#answer(request)
        .catch((error: unknown) => ({ status: 500, type: plain, body: `${String(error)}\n` }))
        .then(({ status, type, body }) => response.writeHead(status, { "content-type": type }).end(body))
        .catch(() => response.destroy());
    });
  }

  /** @throws Error when the address cannot be listened on */
  static async open({ host, port }: { host: string; port: number }, source: ProbeSource): Promise<Probes> {
    const probes = new Probes(source);
    await new Promise<void>((resolve, reject) => {
      probes.#server.once("error", (error) => {
        const message = `cannot listen on --ops-address ${host}:${port}: ${error.message}; choose another address`;
        reject(new Error(message, { cause: error }));
      });
      probes.#server.listen(port, host, resolve);
    });
    return probes;
  }

  get port(): number {
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  async #answer({ method, url = "" }: IncomingMessage): Promise<Answer> {
    if (method !== "GET" && method !== "HEAD") return { status: 405, type: plain, body: "use GET\n" };
    switch (url.split("?", 1)[0]) {
      case "/livez":
        return probe(this.#lagProblem() ?? this.#source.livenessProblem());
      case "/readyz":
        return probe(this.#source.readinessProblem());
      case "/metrics":
        return { status: 200, ...(await this.#source.metrics()) };
      default:
        return { status: 404, type: plain, body: "only /livez /readyz /metrics are here\n" };
    }
  }

  #lagProblem(): string | undefined {
    const lag = Math.max(this.#lag, performance.now() - this.#tickedAt - tick);
    return lag < longestLag ? undefined : `the event loop is ${Math.round(lag / 1000)} s late`;
  }
}

function probe(problem: string | undefined): Answer {
  if (problem === undefined) return { status: 200, type: plain, body: "ok\n" };
  return { status: 503, type: plain, body: `${problem}\n` };
}
