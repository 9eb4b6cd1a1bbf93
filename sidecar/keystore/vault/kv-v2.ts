// The K/V engine of version 2: every path has versions. A create demands that there is none (`cas: 0`), which Vault checks
// and writes in one step. The key is version 1, whatever is written over it later; where that one was deleted softly and the
// name was created anew, it is the latest. Creating anew demands the very version that was seen deleted, so that of two
// servers only one succeeds [D14].
import { isKesError, KesError } from "../../errors.ts";
import { keyExists, keyNotFound } from "../listing.ts";
import { foreignEntry, joinPath, listLimit } from "./kv-engine.ts";
import type { KvEngine } from "./kv-engine.ts";
import { namesOf } from "./kv-v1.ts";
import type { VaultReply } from "./transport.ts";
import type { VaultClient } from "./vault-client.ts";
import { refused, senseless, statusOf } from "./vault-failure.ts";
import { isNothingThere, numberAt, textAt, valueAt } from "./vault-reply.ts";

export class KvV2 implements KvEngine {
  readonly atomicCreate = true;
  readonly #client: VaultClient;
  readonly #data: string;
  readonly #metadata: string;

  constructor(client: VaultClient, engine: string, prefix: string) {
    this.#client = client;
    this.#data = joinPath(engine, "data", prefix);
    this.#metadata = joinPath(engine, "metadata", prefix);
  }

  async create(name: string, value: string, signal: AbortSignal): Promise<void> {
    const problem = await this.#write(name, value, { cas: 0 }, signal);
    if (problem === undefined) return;
    // A conflict, or a policy that lets nobody write where something is: what is there decides.
    const there = await this.#read(name, "", signal).catch((error: unknown) => {
      throw statusOf(error) === 403 ? problem : error;
    });
    if (there.status === 200) throw keyExists(name);
    const deleted = numberAt(there.body, "data", "metadata", "version");
    if (deleted === undefined) throw problem;
    const again = await this.#write(name, value, { cas: deleted }, signal);
    if (again === undefined) return;
    if ((await this.#read(name, "", signal)).status === 200) throw keyExists(name);
    throw statusOf(again) === 403 ? notOverDeleted(name, again) : again;
  }

  async get(name: string, signal: AbortSignal): Promise<string> {
    let reply = await this.#read(name, "?version=1", signal);
    if (reply.status === 404 && valueAt(reply.body, "data") !== undefined) reply = await this.#read(name, "", signal);
    if (reply.status === 404) throw keyNotFound(name);
    const value = textAt(reply.body, "data", "data", name);
    if (value !== undefined) return value;
    const what = `reading key ${name}`;
    if (numberAt(reply.body, "data", "metadata", "version") === undefined) {
      throw senseless(this.#client.subject(what), "version: keystore.vault.version may be wrong, or there is no data");
    }
    throw foreignEntry(name, joinPath(this.#data, name));
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    const path = joinPath(this.#metadata, name);
    await this.#client.call({ what: `deleting key ${name}`, method: "DELETE", path }, signal);
  }

  async list(signal: AbortSignal): Promise<string[]> {
    const call = {
      what: "listing the keys",
      method: "GET",
      path: `${this.#metadata}?list=true`,
      limit: listLimit,
    } as const;
    const reply = await this.#client.call({ ...call, accept: [404] }, signal);
    return namesOf(this.#client, call.what, reply);
  }

  /**
   * @returns the failure if Vault did not write because of what is there, or may not have
   * @throws KesError
   */
  async #write(
    name: string,
    value: string,
    options: { readonly cas: number },
    signal: AbortSignal,
  ): Promise<KesError | undefined> {
    const what = `creating key ${name}`;
    const body = { options, data: { [name]: value } };
    const call = { what, method: "PUT", path: joinPath(this.#data, name), body } as const;
    let reply: VaultReply;
    try {
      reply = await this.#client.call(call, signal);
    } catch (error) {
      if (isKesError(error) && [400, 403].includes(statusOf(error) ?? 0)) return error;
      throw error;
    }
    // A v1 mount takes this for a value and stores it, without a version in its answer.
    if (numberAt(reply.body, "data", "version") === options.cas + 1) return undefined;
    throw senseless(this.#client.subject(what), "version: the mount may be of version 1");
  }

  /** 200, or 404 for certain; a version that was deleted is a 404 with `data`. */
  async #read(name: string, query: string, signal: AbortSignal): Promise<VaultReply> {
    const what = `reading key ${name}`;
    const path = joinPath(this.#data, name) + query;
    const reply = await this.#client.call({ what, method: "GET", path, accept: [404] }, signal);
    const isDeleted = reply.status === 404 && numberAt(reply.body, "data", "metadata", "version") !== undefined;
    if (reply.status === 200 || isDeleted || isNothingThere(reply)) return reply;
    throw refused(this.#client.subject(what), reply, {});
  }
}

function notOverDeleted(name: string, cause: KesError): KesError {
  const text = `a deleted key named ${name} is in Vault, and the policy forbids to write over it; grant update on its data path, or remove it with \`vault kv metadata delete\``;
  return new KesError("StoreFailed", text, { cause, details: cause.details });
}
