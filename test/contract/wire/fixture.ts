// What the tests of one protocol share: a client per identity, opened when first asked for, and key names that no other
// run uses.
import { after } from "node:test";
import { wireClient } from "./client.ts";
import type { WireClient } from "./client.ts";
import { uniquePrefix } from "./target.ts";
import type { Credentials, Protocol, WireTarget } from "./target.ts";
import { expectEmpty } from "./expect.ts";

export class Fixture {
  readonly target: WireTarget;
  readonly protocol: Protocol;
  readonly prefix = uniquePrefix();
  readonly #clients = new Map<Credentials, WireClient>();
  readonly #made = new Set<string>();

  constructor(target: WireTarget, protocol: Protocol) {
    this.target = target;
    this.protocol = protocol;
    after(() => this.#cleanUp());
  }

  get admin(): WireClient {
    return this.as(this.target.admin);
  }

  /** One client per identity and protocol. */
  as(credentials: Credentials): WireClient {
    const known = this.#clients.get(credentials);
    if (known !== undefined) return known;
    const client = wireClient(this.protocol, this.target.url, credentials);
    this.#clients.set(credentials, client);
    return client;
  }

  /** Runs `use` with a client of its own: for requests after which a server may close the connection. */
  async fresh<T>(use: (client: WireClient) => Promise<T>, credentials: Credentials = this.target.admin): Promise<T> {
    await using client = wireClient(this.protocol, this.target.url, credentials);
    return await use(client);
  }

  /** The same without a client certificate. */
  async without<T>(use: (client: WireClient) => Promise<T>): Promise<T> {
    await using client = wireClient(this.protocol, this.target.url, undefined);
    return await use(client);
  }

  /** A key name of this run; whatever stands under it at the end is deleted. */
  name(suffix: string): string {
    const name = this.prefix + suffix;
    this.#made.add(name);
    return name;
  }

  /** Creates a key of this run and returns its name. */
  async key(suffix: string): Promise<string> {
    const name = this.name(suffix);
    expectEmpty(await this.admin.send("PUT", `/v1/key/create/${name}`));
    return name;
  }

  /** Imports 32 bytes as a key of this run and returns its name. */
  async imported(suffix: string, key: Buffer, cipher: string): Promise<string> {
    const name = this.name(suffix);
    const body = JSON.stringify({ key: key.toString("base64"), cipher });
    expectEmpty(await this.admin.send("PUT", `/v1/key/import/${name}`, { body }));
    return name;
  }

  async #cleanUp(): Promise<void> {
    const names = [...this.#made];
    while (names.length > 0) {
      await Promise.all(names.splice(0, 32).map((name) => this.admin.send("DELETE", `/v1/key/delete/${name}`)));
    }
    await Promise.all([...this.#clients.values()].map((client) => client[Symbol.asyncDispose]()));
  }
}
