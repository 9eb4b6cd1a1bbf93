// The two ciphertext layouts of older releases (reference 4.3), read and never written. Both name their algorithm,
// and that one is used, not the key's: the original ignores it and cannot open ChaCha20 data under keys that were
// stored without an algorithm (reference D9).
//   MessagePack, v0.20 to 2024-01-11   95 │ str algorithm │ str key id │ bin iv(16) │ bin nonce(12) │ bin bytes‖tag
//   JSON, up to v0.19                  {"aead": …, "id"?: …, "iv": base64, "nonce": base64, "bytes": base64}
// A current ciphertext starts with 95 or 7b by chance once in 128: whatever does not parse to the last byte is current.
import { decodeFields } from "../contract/wire.ts";
import type { Cipher } from "./cipher.ts";
import { parseCipher } from "./cipher.ts";
import { isWholeJson } from "./whole-json.ts";

export interface LegacyCiphertext {
  readonly cipher: Cipher;
  /** In the current layout: encrypted bytes ‖ tag ‖ iv ‖ nonce. */
  readonly sealed: Buffer;
}

const fixArrayOf5 = 0x95;
const openingBrace = 0x7b;

/** The parsed ciphertext, or undefined if `bytes` is not in a legacy layout. */
export function readLegacyCiphertext(bytes: Buffer): LegacyCiphertext | undefined {
  if (bytes[0] === fixArrayOf5) return readMessagePack(bytes);
  if (bytes[0] === openingBrace) return readJson(bytes);
  return undefined;
}

interface Parts {
  readonly cipher: Cipher | undefined;
  readonly iv: Buffer | undefined;
  readonly nonce: Buffer | undefined;
  readonly bytes: Buffer | undefined;
}

function assemble({ cipher, iv, nonce, bytes }: Parts): LegacyCiphertext | undefined {
  if (cipher === undefined || iv?.length !== 16 || nonce?.length !== 12 || bytes === undefined) return undefined;
  return { cipher, sealed: Buffer.concat([bytes, iv, nonce]) };
}

function readMessagePack(bytes: Buffer): LegacyCiphertext | undefined {
  const reader = new MessagePackReader(bytes, 1);
  const algorithm = reader.string();
  const id = reader.string();
  const parts = { iv: reader.binary(), nonce: reader.binary(), bytes: reader.binary() };
  if (algorithm === undefined || id === undefined || !reader.atEnd) return undefined;
  return assemble({ cipher: parseCipher(algorithm.toString()), ...parts });
}

/** Reads one element after the other; after the first that is not as expected everything is undefined. */
class MessagePackReader {
  readonly #bytes: Buffer;
  #offset: number;

  constructor(bytes: Buffer, offset: number) {
    this.#bytes = bytes;
    this.#offset = offset;
  }

  get atEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  string(): Buffer | undefined {
    const header = this.#bytes[this.#offset] ?? 0;
    if (header >= 0xa0 && header <= 0xbf) return this.#take(1, header & 0x1f);
    return this.#sized(header - 0xd9);
  }

  binary(): Buffer | undefined {
    return this.#sized((this.#bytes[this.#offset] ?? 0) - 0xc4);
  }

  /** A length of 1, 2 or 4 bytes, as the header's distance from its family's first says, then that many bytes. */
  #sized(family: number): Buffer | undefined {
    if (family < 0 || family > 2) return this.#fail();
    const width = 1 << family;
    if (this.#offset + 1 + width > this.#bytes.length) return this.#fail();
    return this.#take(1 + width, this.#bytes.readUIntBE(this.#offset + 1, width));
  }

  #take(header: number, size: number): Buffer | undefined {
    const start = this.#offset + header;
    const end = start + size;
    if (end > this.#bytes.length) return this.#fail();
    this.#offset = end;
    return this.#bytes.subarray(start, end);
  }

  #fail(): undefined {
    this.#offset = this.#bytes.length + 1;
    return undefined;
  }
}

const jsonCiphers: ReadonlyMap<string | undefined, Cipher> = new Map([
  ["AES-256-GCM-HMAC-SHA-256", "AES256"],
  ["ChaCha20Poly1305", "ChaCha20"],
]);

function readJson(bytes: Buffer): LegacyCiphertext | undefined {
  if (!isWholeJson(bytes.toString())) return undefined;
  const fields = decodeFields(bytes, { aead: "string", id: "string", iv: "bytes", nonce: "bytes", bytes: "bytes" });
  return fields && assemble({ cipher: jsonCiphers.get(fields.aead), ...fields });
}
