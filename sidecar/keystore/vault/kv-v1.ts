// The K/V engine of version 1: one value per path, no versions, no atomic create (decisions K6). A create looks first and
// then writes; with a policy that grants `create` but not `update` Vault itself refuses to overwrite.
import { keyExists, keyNotFound } from "../listing.ts";
import { foreignEntry, joinPath, listLimit } from "./kv-engine.ts";
import type { KvEngine } from "./kv-engine.ts";
import type { VaultReply } from "./transport.ts";
import type { VaultClient } from "./vault-client.ts";
import { refused, senseless, statusOf } from "./vault-failure.ts";
import { isNothingThere, textAt, valueAt } from "./vault-reply.ts";

export class KvV1 implements KvEngine {
  readonly atomicCreate = false;
  readonly #client: VaultClient;
  readonly #folder: string;

  constructor(client: VaultClient, engine: string, prefix: string) {
    this.#client = client;
    this.#folder = joinPath(engine, prefix);
  }

  async create(name: string, value: string, signal: AbortSignal): Promise<void> {
    if ((await this.#read(name, signal)).status === 200) throw keyExists(name);
    const call = {
      what: `creating key ${name}`,
      method: "PUT",
      path: this.#path(name),
      body: { [name]: value },
    } as const;
    try {
      await this.#client.call(call, signal);
    } catch (error) {
      // With no right to overwrite, a refusal may mean that another was first.
      if (statusOf(error) === 403 && (await this.#read(name, signal)).status === 200) throw keyExists(name);
      throw error;
    }
  }

  async get(name: string, signal: AbortSignal): Promise<string> {
    const { status, body } = await this.#read(name, signal);
    if (status === 404) throw keyNotFound(name);
    const value = textAt(body, "data", name);
    if (value !== undefined) return value;
    if (valueAt(body, "data") === undefined) throw senseless(this.#client.subject(`reading key ${name}`), "data");
    throw foreignEntry(name, this.#path(name));
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    await this.#client.call({ what: `deleting key ${name}`, method: "DELETE", path: this.#path(name) }, signal);
  }

  async list(signal: AbortSignal): Promise<string[]> {
    const call = {
      what: "listing the keys",
      method: "GET",
      path: `${this.#folder}?list=true`,
      limit: listLimit,
    } as const;
    const reply = await this.#client.call({ ...call, accept: [404] }, signal);
    return namesOf(this.#client, call.what, reply);
  }

  #path(name: string): string {
    return joinPath(this.#folder, name);
  }

  /** 200, or 404 for certain. */
  async #read(name: string, signal: AbortSignal): Promise<VaultReply> {
    const what = `reading key ${name}`;
    const reply = await this.#client.call({ what, method: "GET", path: this.#path(name), accept: [404] }, signal);
    if (reply.status === 200 || isNothingThere(reply)) return reply;
    throw refused(this.#client.subject(what), reply, {});
  }
}

/** The entries of a listing; an empty folder is no failure [D15]. */
export function namesOf(client: VaultClient, what: string, reply: VaultReply): string[] {
  if (isNothingThere(reply)) return [];
  if (reply.status !== 200) throw refused(client.subject(what), reply, {});
  const keys = valueAt(reply.body, "data", "keys");
  if (!Array.isArray(keys)) throw senseless(client.subject(what), "list of keys");
  return keys.filter((key) => typeof key === "string");
}
