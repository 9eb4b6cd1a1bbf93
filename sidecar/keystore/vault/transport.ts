// How a call gets to Vault and its answer back. node-vault builds the request; what carries it is ours (docs/adr/0006):
// node-vault's own carrier cannot be aborted, knows one namespace per client, has no limits, sends tokens along any
// redirect, and prints request bodies when DEBUG is set.
//
//   send → node-vault (URL, headers, JSON) → exchange: node:https, deadline, size limit, one pool of connections
import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import nodeVault from "node-vault";
import { request as httpRequest } from "../../node-http.ts";
import type { Connection } from "./connection.ts";

export interface VaultRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: object | undefined;
  readonly token?: string | undefined;
  /** Absent = the root namespace. */
  readonly namespace?: string | undefined;
  /** Largest answer in bytes. */
  readonly limit?: number;
}

export interface VaultReply {
  readonly status: number;
  /** The parsed JSON; undefined where there is none. */
  readonly body: unknown;
}

/** Milliseconds from the call to the end of its answer, whatever the caller's patience: a dead connection shows. */
const deadline = 5000;
const defaultLimit = 4 * 1024 * 1024;
const indexHeader = "x-vault-index";

/** Throws what the network throws (see network-cause.ts), or a plain Error for an answer that cannot be taken. */
export class Transport implements Disposable {
  readonly connection: Connection;
  readonly #vault: nodeVault.client;
  /** Where the store was after our last write: a replica that is behind that must not answer a read. */
  #index: string | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
    const carry = (options: Carried): Promise<Carriage> => this.#carry(options);
    this.#vault = nodeVault({
      endpoint: connection.endpoint.href.replace(/\/$/, ""),
      "request-promise": { defaults: () => carry },
      debug: () => undefined,
    });
    // node-vault fills these from VAULT_* variables; ours come with each call.
    Object.assign(this.#vault, { token: "", namespace: "", pathPrefix: "" });
    this.#vault.handleVaultResponse = (answer) => Promise.resolve(answer);
  }

  async send(call: VaultRequest, signal: AbortSignal): Promise<VaultReply> {
    const { method, path, body, limit = defaultLimit } = call;
    const limited = AbortSignal.any([signal, AbortSignal.timeout(deadline)]);
    const options: Carried = { method, path: `/${path}`, headers: this.#headers(call), limit, signal: limited };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- node-vault's types end here; it is what #carry returned
    const answer = (await this.#vault.request(body === undefined ? options : { ...options, json: body })) as Carriage;
    if (method !== "GET") this.#index = answer.index ?? this.#index;
    return { status: answer.statusCode, body: answer.body };
  }

  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]();
  }

  #headers({ token, namespace }: VaultRequest): Record<string, string> {
    return {
      "X-Vault-Request": "true",
      ...(token !== undefined && { "X-Vault-Token": token }),
      ...(namespace !== undefined && { "X-Vault-Namespace": namespace }),
      ...(this.#index !== undefined && { "X-Vault-Index": this.#index, "X-Vault-Inconsistent": "forward-active-node" }),
    };
  }

  async #carry(options: Carried): Promise<Carriage> {
    const url = new URL(options.uri ?? "");
    try {
      return await this.#redirected(url, options);
    } catch (error) {
      if (options.signal.aborted) this.connection.dropIdle();
      if (options.signal.aborted || !(await this.#worthAnother(error, options.method))) throw error;
      return this.#redirected(url, options);
    }
  }

  /** Whether the failure was that of one connection rather than of Vault. */
  async #worthAnother(error: unknown, method: string): Promise<boolean> {
    this.connection.dropIdle();
    if (await this.connection.refresh()) return true;
    return error instanceof BrokenConnection && (error.reused || method === "GET");
  }

  /** A standby that does not forward names the active server: followed once, never from TLS to plain HTTP. */
  async #redirected(url: URL, options: Carried): Promise<Carriage> {
    const first = await exchange(url, options, this.connection);
    const target = first.location === undefined ? null : URL.parse(first.location, url);
    if (first.statusCode !== 307 || target?.protocol !== url.protocol) return first;
    return exchange(target, options, this.connection);
  }
}

/** What node-vault hands to its carrier. */
interface Carried {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Set by node-vault. */
  readonly uri?: string;
  readonly json?: object;
}

interface Carriage {
  readonly statusCode: number;
  readonly body: unknown;
  readonly index: string | undefined;
  readonly location: string | undefined;
}

/** The connection ended under a call: its code is that of the cause. */
class BrokenConnection extends Error {
  readonly reused: boolean;

  constructor(cause: Error, reused: boolean) {
    super(cause.message, { cause });
    this.reused = reused;
  }
}

async function exchange(url: URL, carried: Carried, { agent }: Connection): Promise<Carriage> {
  const { method, json, signal, limit } = carried;
  const bytes = json === undefined ? undefined : Buffer.from(JSON.stringify(json));
  const headers = bytes === undefined ? carried.headers : { ...carried.headers, ...jsonHeaders(bytes) };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const request = send(url, { method, headers, agent, signal }, resolve);
  request.on("error", (error: NodeJS.ErrnoException) => {
    const broken = error.code === "ECONNRESET" || error.code === "EPIPE";
    reject(broken ? new BrokenConnection(error, request.reusedSocket) : error);
  });
  request.end(bytes);
  const response = await promise;
  return {
    statusCode: response.statusCode ?? 0,
    body: parse(await collect(response, limit)),
    index: headerOf(response, indexHeader),
    location: headerOf(response, "location"),
  };
}

function jsonHeaders(bytes: Buffer): Record<string, string> {
  return { "Content-Type": "application/json", "Content-Length": String(bytes.length) };
}

function headerOf(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

async function collect(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Without setEncoding a response yields buffers.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new Error(`the answer is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What is no JSON is undefined: whoever needs a body then finds none. */
function parse(bytes: Buffer): unknown {
  try {
    return bytes.length === 0 ? undefined : JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
