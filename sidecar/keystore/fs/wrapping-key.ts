// The key that seals an encrypted store: 32 random bytes, kept outside the store (decisions K3). Its text form is
// `kes-wrap:v1:` + base64. Whoever loses it loses every key in the store.
import { createHmac } from "node:crypto";

import { KesError } from "../../errors.ts";
import { Secret } from "../../secret.ts";

const prefix = "kes-wrap:v1:";
const base64Of32Bytes = /^[A-Za-z0-9+/]{43}=$/;

export interface WrappingKey extends Disposable {
  /** 8 hex digits that name the key in sealed values and messages and tell nothing about it. */
  readonly id: string;
  readonly secret: Secret;
}

export function generateWrappingKey(): WrappingKey {
  return wrappingKey(Secret.random(32));
}

/** The text to write to a file of mode 0600. It is the key: never log it. */
export function formatWrappingKey(key: WrappingKey): string {
  return prefix + key.secret.reveal().toString("base64");
}

/** The command that makes a wrapping key in a file, for an existing server: `kes init` makes a new server's. */
export function wrappingKeyRecipe(file: string): string {
  return `(umask 077; echo "${prefix}$(openssl rand -base64 32)" > ${file})`;
}

/**
 * Reads the text form; surrounding white space is ignored. `source` says where the text stood, for the message.
 * @throws KesError ConfigInvalid
 */
export function parseWrappingKey(text: string, source: string): WrappingKey {
  const trimmed = text.trim();
  const encoded = trimmed.slice(prefix.length);
  if (!trimmed.startsWith(prefix) || !base64Of32Bytes.test(encoded)) {
    throw new KesError(
      "ConfigInvalid",
      `${source} holds no wrapping key: it must be ${prefix} followed by 32 bytes in base64`,
    );
  }
  const bytes = Buffer.from(encoded, "base64");
  const secret = Secret.copyOf(bytes);
  bytes.fill(0);
  return wrappingKey(secret);
}

function wrappingKey(secret: Secret): WrappingKey {
  const id = createHmac("sha256", secret.reveal()).update("kes-wrapping-key-id-v1").digest("hex").slice(0, 8);
  return { id, secret, [Symbol.dispose]: () => secret[Symbol.dispose]() };
}
