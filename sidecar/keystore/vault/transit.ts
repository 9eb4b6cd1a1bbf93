// Values wrapped by Vault's transit engine before they are stored: `vault:v<n>:…`, n being the version of the transit key
// [D13]. Without a transit engine values are stored as they are; values that were stored so are still read with one.
import { KesError } from "../../errors.ts";
import type { VaultClient } from "./vault-client.ts";
import { senseless } from "./vault-failure.ts";
import { textAt } from "./vault-reply.ts";

const wrapped = /^vault:v[1-9]\d*:/;

/** Whether `text` is what a transit engine makes of a plaintext. */
export function isWrapped(text: string): boolean {
  return wrapped.test(text);
}

export interface Wrapping {
  wrap(name: string, value: Uint8Array, signal: AbortSignal): Promise<string>;
  /** @throws KesError StoreFailed | StoreUnreachable | KeyCorrupt */
  unwrap(name: string, stored: string, signal: AbortSignal): Promise<Buffer>;
}

export class NoWrapping implements Wrapping {
  wrap(_name: string, value: Uint8Array): Promise<string> {
    return Promise.resolve(Buffer.from(value.buffer, value.byteOffset, value.length).toString());
  }

  unwrap(name: string, stored: string): Promise<Buffer> {
    if (!isWrapped(stored)) return Promise.resolve(Buffer.from(stored));
    const text = `key ${name} is wrapped by a transit engine; set keystore.vault.transit as where it was created`;
    return Promise.reject(new KesError("StoreFailed", text));
  }
}

/** The values of `transit.mode: remote`: records of keys, which need no wrapping; a wrapped key is not unwrapped here. */
export class NoKeys implements Wrapping {
  wrap(_name: string, value: Uint8Array): Promise<string> {
    return Promise.resolve(Buffer.from(value.buffer, value.byteOffset, value.length).toString());
  }

  unwrap(name: string, stored: string): Promise<Buffer> {
    if (!isWrapped(stored)) return Promise.resolve(Buffer.from(stored));
    const text = `key ${name} was made with transit.mode wrap: set keystore.vault.transit.mode to wrap, or use another prefix`;
    return Promise.reject(new KesError("StoreFailed", text));
  }
}

export class Transit implements Wrapping {
  readonly #client: VaultClient;
  readonly #engine: string;
  readonly #key: string;

  constructor(client: VaultClient, { engine, key }: { readonly engine: string; readonly key: string }) {
    this.#client = client;
    this.#engine = engine;
    this.#key = key;
  }

  async wrap(name: string, value: Uint8Array, signal: AbortSignal): Promise<string> {
    const plaintext = Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64");
    const what = `wrapping key ${name} by transit key ${this.#key}`;
    const ciphertext = textAt(await this.#ask("encrypt", what, { plaintext }, signal), "data", "ciphertext");
    if (ciphertext === undefined || !isWrapped(ciphertext)) throw senseless(this.#client.subject(what), "ciphertext");
    return ciphertext;
  }

  async unwrap(name: string, stored: string, signal: AbortSignal): Promise<Buffer> {
    if (!isWrapped(stored)) return Buffer.from(stored);
    const what = `unwrapping key ${name} by transit key ${this.#key}`;
    const plaintext = textAt(await this.#ask("decrypt", what, { ciphertext: stored }, signal), "data", "plaintext");
    if (plaintext === undefined) throw senseless(this.#client.subject(what), "plaintext");
    return Buffer.from(plaintext, "base64");
  }

  async #ask(operation: "encrypt" | "decrypt", what: string, body: object, signal: AbortSignal): Promise<unknown> {
    const path = `${this.#engine}/${operation}/${this.#key}`;
    return (await this.#client.call({ what, method: "POST", path, body }, signal)).body;
  }
}
