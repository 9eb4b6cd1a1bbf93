// `transit.mode: remote`: Vault's transit engine makes the data keys and opens the ciphertexts, under a key that it derives
// from the transit key and the context of the call (HKDF). A transit key that is not `derived` takes a context and ignores
// it: every ciphertext would open with every context. So before the first ciphertext is made, one is made to fail.
// Vault's ciphertexts are text, `vault:v3:` and base64. Ours are the same with the bytes behind the second colon as they are.
import { isKesError, KesError } from "../../errors.ts";
import type { Keyring, KeyringDataKey } from "../keyring.ts";
import type { VaultClient } from "./vault-client.ts";
import { refused, senseless } from "./vault-failure.ts";
import { textAt } from "./vault-reply.ts";

const dataKeySize = 32;
const contextSize = 32;
const textForm = /^(vault:v[1-9]\d{0,9}:)([A-Za-z0-9+/]+={0,2})$/;
const bytesForm = /^vault:v[1-9]\d{0,9}:/;
/** The longest of `vault:v…:`. */
const longestHead = 18;

export class TransitKeyring implements Keyring {
  readonly label: string;
  readonly #client: VaultClient;
  readonly #engine: string;
  readonly #key: string;
  #confirmed = false;

  constructor(client: VaultClient, { engine, key }: { readonly engine: string; readonly key: string }) {
    this.label = `${engine}/${key}`;
    this.#client = client;
    this.#engine = engine;
    this.#key = key;
  }

  async dataKey(context: Buffer, signal: AbortSignal): Promise<KeyringDataKey> {
    await this.confirm(signal);
    const what = `making a data key by transit key ${this.#key}`;
    const body = { context: context.toString("base64"), bits: dataKeySize * 8 };
    const answer = await this.#ask("datakey/plaintext", what, body, signal);
    const ciphertext = packed(textAt(answer, "data", "ciphertext"));
    const plaintext = Buffer.from(textAt(answer, "data", "plaintext") ?? "", "base64");
    if (plaintext.length !== dataKeySize || ciphertext === undefined) {
      throw senseless(this.#client.subject(what), "data key");
    }
    return { plaintext, ciphertext };
  }

  async encrypt(plaintext: Uint8Array, context: Buffer, signal: AbortSignal): Promise<Buffer> {
    await this.confirm(signal);
    return this.#encrypt(plaintext, context, signal);
  }

  async decrypt(ciphertext: Buffer, context: Buffer, signal: AbortSignal): Promise<Buffer> {
    const what = `opening a ciphertext by transit key ${this.#key}`;
    const text = unpacked(ciphertext);
    if (text === undefined) throw notOpened("form", undefined);
    const body = { ciphertext: text, context: context.toString("base64") };
    const path = this.#path("decrypt");
    const reply = await this.#client.call({ what, method: "POST", path, body, accept: [400] }, signal);
    const subject = this.#client.subject(what);
    if (reply.status === 400) throw notOpened("vault", refused(subject, reply, { body, token: undefined }));
    const plaintext = textAt(reply.body, "data", "plaintext");
    if (plaintext === undefined) throw senseless(subject, "plaintext");
    return Buffer.from(plaintext, "base64");
  }

  /**
   * Tries once that ciphertexts are made, opened, and bound to their contexts.
   * @throws KesError StoreFailed when they are not, StoreUnreachable
   */
  async confirm(signal: AbortSignal): Promise<void> {
    if (this.#confirmed) return;
    const [own, other] = [Buffer.alloc(contextSize, 1), Buffer.alloc(contextSize, 2)];
    const ciphertext = await this.#encrypt(Buffer.from("kes"), own, signal);
    if (!(await this.#opens(ciphertext, own, signal)))
      throw this.#unfit("does not open what it sealed; see Vault's log");
    if (await this.#opens(ciphertext, other, signal)) {
      const command = `vault write ${this.#engine}/keys/NAME derived=true`;
      throw this.#unfit(`is not derived, so that it would ignore the context; make one with \`${command}\``);
    }
    this.#confirmed = true;
  }

  async #opens(ciphertext: Buffer, context: Buffer, signal: AbortSignal): Promise<boolean> {
    try {
      await this.decrypt(ciphertext, context, signal);
      return true;
    } catch (error) {
      if (isKesError(error, "DecryptFailed")) return false;
      throw error;
    }
  }

  async #encrypt(plaintext: Uint8Array, context: Buffer, signal: AbortSignal): Promise<Buffer> {
    const what = `encrypting by transit key ${this.#key}`;
    const text = Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.length).toString("base64");
    const body = { plaintext: text, context: context.toString("base64") };
    const ciphertext = packed(textAt(await this.#ask("encrypt", what, body, signal), "data", "ciphertext"));
    if (ciphertext === undefined) throw senseless(this.#client.subject(what), "ciphertext");
    return ciphertext;
  }

  async #ask(operation: string, what: string, body: object, signal: AbortSignal): Promise<unknown> {
    return (await this.#client.call({ what, method: "POST", path: this.#path(operation), body }, signal)).body;
  }

  #path(operation: string): string {
    return `${this.#engine}/${operation}/${this.#key}`;
  }

  #unfit(what: string): KesError {
    const text = `the transit key ${this.label} ${what} (${this.#client.label})`;
    return new KesError("StoreFailed", text, { details: { store: this.#client.label } });
  }
}

function packed(text: string | undefined): Buffer | undefined {
  const [, head, base64] = textForm.exec(text ?? "") ?? [];
  if (head === undefined || base64 === undefined) return undefined;
  return Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(base64, "base64")]);
}

function unpacked(ciphertext: Buffer): string | undefined {
  const [head] = bytesForm.exec(ciphertext.toString("latin1", 0, longestHead)) ?? [];
  return head === undefined ? undefined : head + ciphertext.toString("base64", head.length);
}

function notOpened(step: "form" | "vault", cause: unknown): KesError {
  const text = "Vault does not open the ciphertext: check the key's name and the context";
  return new KesError("DecryptFailed", text, { details: { step }, cause });
}
