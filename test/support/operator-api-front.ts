// Stands between the operator and the API server, and shows it what API servers do on bad days: answers that are late, refused,
// forged or lost, watches that end with 410 or fall silent. It has the API server's own certificate, so nobody can tell; and
// it writes down every call, so a test can count them.
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { Agent, createServer, request } from "node:https";
import type { Server } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../env/kubernetes/api-client.ts";
import type { Kubernetes } from "../env/kubernetes/kubernetes.ts";
import { readCall } from "./operator-api-call.ts";
import type { ApiCall } from "./operator-api-call.ts";

/** What is done to a call; nothing: it passes. */
export interface Meddling {
  /** Milliseconds that pass before anything else happens. */
  readonly late?: number;
  /** Answered without the API server. */
  readonly answer?: {
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body: object;
  };
  /** The connection is cut: before the API server sees the call, or when it has answered. */
  readonly lost?: "request" | "answer";
  /** Changes what the API server answers. */
  readonly edit?: (answer: Json) => Json;
}

/** As the API server says it when it no longer has the history. */
export const expired = {
  apiVersion: "v1",
  kind: "Status",
  metadata: {},
  status: "Failure",
  message: "too old resource version: 1 (2)",
  reason: "Expired",
  code: 410,
};

export class ApiFront implements AsyncDisposable {
  /** In the order of their arrival, the newest last. */
  readonly calls: ApiCall[] = [];
  /** Asked for each call. */
  meddle: (call: ApiCall) => Meddling | undefined | Promise<Meddling | undefined> = () => undefined;
  readonly #cluster: Kubernetes;
  readonly #agent: Agent;
  readonly #server: Server;
  readonly #refused = new Set<ApiCall>();
  /** Those that are open; value: whether nothing arrives any more. */
  readonly #watches = new Map<ServerResponse, { isSilent: boolean }>();

  private constructor(cluster: Kubernetes) {
    this.#cluster = cluster;
    this.#agent = new Agent({ ca: cluster.caPem, keepAlive: true });
    const file = (name: string): Buffer => readFileSync(join(cluster.folder, name));
    this.#server = createServer({ cert: file("apiserver.crt"), key: file("apiserver.key") }, (incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async open(cluster: Kubernetes): Promise<ApiFront> {
    const front = new ApiFront(cluster);
    front.#server.listen(0, "127.0.0.1");
    await once(front.#server, "listening");
    return front;
  }

  get port(): number {
    // A TCP server that listens has this kind of address.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Calls since `from`, an index into `calls`. */
  since(from: number, isWanted: (call: ApiCall) => boolean = () => true): readonly ApiCall[] {
    return this.calls.slice(from).filter(isWanted);
  }

  /** Whether the API server said that somebody else had written first (409): nothing was changed then. */
  wasRefused(call: ApiCall): boolean {
    return this.#refused.has(call);
  }

  /** Every open watch is told that its history is gone, and ends. @returns how many */
  expireWatches(): number {
    const open = [...this.#watches.keys()];
    for (const watch of open) watch.end(`${JSON.stringify({ type: "ERROR", object: expired })}\n`);
    return open.length;
  }

  /** Watches that are open now stay so, and nothing arrives on them any more. @returns how many */
  silenceWatches(): number {
    for (const watch of this.#watches.values()) watch.isSilent = true;
    return this.#watches.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await once(this.#server, "close");
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const call = readCall(incoming, body);
    this.calls.push(call);
    const meddling = (await this.meddle(call)) ?? {};
    const { late = 0, answer, lost } = meddling;
    if (late > 0) await sleep(late);
    if (lost === "request") outgoing.destroy();
    else if (answer !== undefined) reply(outgoing, answer.status, answer.headers ?? {}, answer.body);
    else await this.#pass(call, await this.#forward(incoming, body), outgoing, meddling);
  }

  async #pass(
    call: ApiCall,
    response: IncomingMessage,
    outgoing: ServerResponse,
    { lost, edit }: Meddling,
  ): Promise<void> {
    if (response.statusCode === 409) this.#refused.add(call);
    if (lost === "answer") {
      await buffer(response);
      outgoing.destroy();
    } else if (call.verb === "watch") this.#carry(response, outgoing);
    else if (edit !== undefined) reply(outgoing, 200, {}, edit(JSON.parse((await buffer(response)).toString())));
    else response.pipe(outgoing.writeHead(response.statusCode ?? 502, response.headers));
  }

  async #forward({ method, url = "", headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { url: base } = this.#cluster;
    const { host: _, connection: __, ...passed } = headers;
    const forwarded = request(new URL(url, base), { method, agent: this.#agent, headers: passed });
    forwarded.end(body);
    const [response] = (await once(forwarded, "response")) as [IncomingMessage];
    return response;
  }

  #carry(response: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.writeHead(response.statusCode ?? 502, { "content-type": "application/json" });
    // Whoever opened it shall see that it is open.
    outgoing.flushHeaders();
    const watch = { isSilent: false };
    this.#watches.set(outgoing, watch);
    response.on("data", (chunk) => void (!watch.isSilent && !outgoing.writableEnded && outgoing.write(chunk)));
    response.on("close", () => void (!watch.isSilent && outgoing.end()));
    outgoing.on("close", () => {
      this.#watches.delete(outgoing);
      response.destroy();
    });
  }
}

function reply(
  outgoing: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: object,
): void {
  outgoing.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}
