// How a call gets to Vault and its answer back. node-vault builds the request; what carries it is ours (docs/adr/0006):
// node-vault's own carrier cannot be aborted, knows one namespace per client, has no limits, sends tokens along any
// redirect, and prints request bodies when DEBUG is set.
//
//   send → node-vault (URL, headers, JSON) → exchange: deadline, size limit, one pool of connections
import nodeVault from "node-vault";
import type { Connection } from "./connection.ts";
import { BrokenConnection, exchange } from "./exchange.ts";
import type { Answer, Question } from "./exchange.ts";
import { Patience } from "./patience.ts";

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

const defaultLimit = 4 * 1024 * 1024;

/** Throws what the network throws (see network-cause.ts), or a plain Error for an answer that cannot be taken. */
export class Transport implements Disposable {
  readonly connection: Connection;
  readonly #vault: nodeVault.client;
  /** Where the store was after our last write: a replica that is behind that must not answer a read. */
  #index: string | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
    const carry = (options: Carried): Promise<Answer> => this.#carry(options);
    this.#vault = nodeVault({
      endpoint: connection.endpoint.href.replace(/\/+$/, ""),
      "request-promise": { defaults: () => carry },
      debug: () => undefined,
      // It would look in every request for what the types of Carried promise.
      tv4: Object.assign(() => true, { validate: () => true }),
    });
    // node-vault fills these from VAULT_* variables; ours come with each call.
    Object.assign(this.#vault, { token: "", namespace: "", pathPrefix: "" });
    this.#vault.handleVaultResponse = (answer) => Promise.resolve(answer);
  }

  async send(call: VaultRequest, signal: AbortSignal): Promise<VaultReply> {
    const { method, path, body, limit = defaultLimit } = call;
    using patience = new Patience(signal);
    const options: Carried = { method, path: `/${path}`, headers: this.#headers(call), limit, patience };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- node-vault's types end here; it is what #carry returned
    const answer = (await this.#vault.request(body === undefined ? options : { ...options, json: body })) as Answer;
    if (method !== "GET") this.#index = answer.index ?? this.#index;
    return { status: answer.statusCode, body: parse(answer.bytes) };
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

  async #carry(options: Carried): Promise<Answer> {
    const { json, uri = "", ...rest } = options;
    const url = new URL(uri);
    const question = { ...rest, content: json === undefined ? undefined : JSON.stringify(json) };
    try {
      return await this.#redirected(url, question);
    } catch (error) {
      const { reason } = options.patience;
      if (reason !== undefined) this.connection.dropIdle();
      if (reason !== undefined || !(await this.#worthAnother(error, options.method))) throw error;
      return this.#redirected(url, question);
    }
  }

  /** Whether the failure was that of one connection rather than of Vault. */
  async #worthAnother(error: unknown, method: string): Promise<boolean> {
    this.connection.dropIdle();
    if (await this.connection.refresh()) return true;
    return error instanceof BrokenConnection && (error.reused || method === "GET");
  }

  /** A standby that does not forward names the active server: followed once, never from TLS to plain HTTP. */
  async #redirected(url: URL, question: Question & { readonly patience: Patience }): Promise<Answer> {
    const way = { connection: this.connection, patience: question.patience };
    const first = await exchange(url, question, way);
    const target = first.location === undefined ? null : URL.parse(first.location, url);
    if (first.statusCode !== 307 || target?.protocol !== url.protocol) return first;
    return exchange(target, question, way);
  }
}

/** What node-vault hands to its carrier. */
interface Carried {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly limit: number;
  readonly patience: Patience;
  /** Set by node-vault. */
  readonly uri?: string;
  readonly json?: object;
}

/** What is no JSON is undefined: whoever needs a body then finds none. */
function parse(bytes: Buffer): unknown {
  try {
    return bytes.length === 0 ? undefined : JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
