// The common inputs of test/vectors/keys.json and keys made of them.
import { readFileSync } from "node:fs";
import type { Cipher } from "../../../sidecar/keys/cipher.ts";
import { Key } from "../../../sidecar/keys/key.ts";
import { Secret } from "../../../sidecar/secret.ts";

export interface Vectors {
  readonly secret: string;
  readonly hmacKey: string;
  readonly iv: string;
  readonly nonce: string;
  readonly derived: Readonly<Record<Cipher, string>>;
  readonly current: readonly {
    readonly name: string;
    readonly cipher: Cipher;
    readonly plaintext: string;
    readonly context: string;
    readonly ciphertext: string;
  }[];
  readonly legacy: readonly {
    readonly name: string;
    readonly format: string;
    readonly context: string;
    readonly ok: string;
    readonly ciphertext: string;
  }[];
  readonly hmac: readonly { readonly name: string; readonly message: string; readonly hmac: string }[];
  readonly stored: readonly {
    readonly name: string;
    readonly stored: string;
    readonly ok?: {
      readonly cipher: Cipher;
      readonly createdAt: string;
      readonly createdBy: string;
      readonly hmac: boolean;
      readonly writable: boolean;
    };
    readonly error?: string;
  }[];
}

const file = new URL("../../vectors/keys.json", import.meta.url);
export const vectors = JSON.parse(readFileSync(file, "utf8")) as Vectors;

export function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}

export function commonKey(cipher: Cipher, { hmac = true }: { hmac?: boolean } = {}): Key {
  return new Key({
    cipher,
    secret: Secret.copyOf(hex(vectors.secret)),
    hmac: hmac ? Secret.copyOf(hex(vectors.hmacKey)) : undefined,
    createdAt: "2023-11-14T22:13:20.123456789Z",
    createdBy: "",
  });
}
