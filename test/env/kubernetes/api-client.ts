// A small client of the Kubernetes API for the tests' own use, independent of the one under test: one JSON request, and a
// watch. Paths are written out as the API documentation has them (`/apis/apps/v1/namespaces/x/deployments`).
import { once } from "node:events";
import { Agent, request } from "node:https";
import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";

/** What JSON.parse makes: a test knows what it asked for. */
export type Json = ReturnType<typeof JSON.parse>;

export interface Access {
  /** `https://127.0.0.1:20123`. */
  readonly url: string;
  readonly caPem: string;
  readonly token: string;
}

export interface AskOptions {
  readonly body?: object;
  /** Default application/json; patches name their kind. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: Json;
}

/** The API server said no. */
export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly status: number;
  /** The Status object's, as `NotFound`. */
  readonly reason: string;

  constructor(what: string, status: number, answer: Json) {
    super(`${what}: ${status} ${answer?.message ?? JSON.stringify(answer)}`);
    this.status = status;
    this.reason = answer?.reason ?? "";
  }
}

export class ApiClient implements Disposable {
  readonly #access: Access;
  readonly #agent: Agent;

  constructor(access: Access) {
    this.#access = access;
    this.#agent = new Agent({ ca: access.caPem, keepAlive: true });
  }

  /** @throws ApiRefusal for a status of 400 and above */
  async ask(method: string, path: string, options: AskOptions = {}): Promise<Json> {
    const response = await this.#send(method, path, options);
    const text = await textOf(response);
    const answer = (response.headers["content-type"] ?? "").includes("json") ? JSON.parse(text) : text;
    const status = response.statusCode ?? 0;
    if (status >= 400) throw new ApiRefusal(`${method} ${path}`, status, answer);
    return answer;
  }

  get(path: string): Promise<Json> {
    return this.ask("GET", path);
  }

  /** As `get`; undefined when there is no such thing. */
  async find(path: string): Promise<Json> {
    try {
      return await this.get(path);
    } catch (error) {
      if (error instanceof ApiRefusal && error.status === 404) return undefined;
      throw error;
    }
  }

  create(path: string, body: object): Promise<Json> {
    return this.ask("POST", path, { body });
  }

  /** A JSON merge patch (RFC 7386). */
  merge(path: string, body: object): Promise<Json> {
    return this.ask("PATCH", path, { body, contentType: "application/merge-patch+json" });
  }

  /** A server-side apply; `path` ends with the object's name. */
  apply(path: string, body: object, manager = "tests"): Promise<Json> {
    const query = `fieldManager=${encodeURIComponent(manager)}&force=true`;
    return this.ask("PATCH", `${path}?${query}`, { body, contentType: "application/apply-patch+yaml" });
  }

  delete(path: string, body: object = {}): Promise<Json> {
    return this.ask("DELETE", path, { body });
  }

  /**
   * The state now as ADDED events, then what changes, until the server ends the watch or the signal does. Objects that went
   * while nobody watched are not told: watch again and compare.
   */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const glue = path.includes("?") ? "&" : "?";
    const response = await this.#send("GET", `${path}${glue}watch=true`, { signal });
    if (response.statusCode !== 200) {
      throw new ApiRefusal(`watch ${path}`, response.statusCode ?? 0, JSON.parse(await textOf(response)));
    }
    for await (const line of createInterface({ input: response })) yield JSON.parse(line) as WatchEvent;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #send(method: string, path: string, options: AskOptions): Promise<IncomingMessage> {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const outgoing = request(new URL(path, this.#access.url), {
      method,
      agent: this.#agent,
      headers: {
        authorization: `Bearer ${this.#access.token}`,
        accept: "application/json",
        // Node leaves the length out for DELETE, and the server then reads the body as another request.
        ...(body !== undefined && {
          "content-type": options.contentType ?? "application/json",
          "content-length": Buffer.byteLength(body),
        }),
      },
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    outgoing.end(body);
    try {
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      return response;
    } catch (error) {
      // The server closed a connection that was kept, at the moment of its next use; as after a restart.
      if (outgoing.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET") {
        return this.#send(method, path, options);
      }
      throw error;
    }
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
