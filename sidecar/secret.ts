// Bytes that must not be printed. A Secret redacts itself wherever something tries to show it (string, JSON,
// inspect) and is wiped on dispose. The bytes live in one Buffer outside the pooled slab, so wiping wipes them;
// what a garbage-collected runtime cannot promise beyond that is written in SECURITY.md.
import { randomBytes, timingSafeEqual } from "node:crypto";
import { inspect } from "node:util";

const redacted = "[redacted]";

export class Secret implements Disposable {
  readonly #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Copies `bytes`; the caller keeps (and may wipe) its own. */
  static copyOf(bytes: Uint8Array): Secret {
    const own = Buffer.allocUnsafeSlow(bytes.length);
    own.set(bytes);
    return new Secret(own);
  }

  /** `size` fresh random bytes. */
  static random(size: number): Secret {
    const bytes = randomBytes(size);
    const secret = Secret.copyOf(bytes);
    bytes.fill(0);
    return secret;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The live bytes, not a copy: hand them to node:crypto, never keep, print or change them. */
  reveal(): Buffer {
    return this.#bytes;
  }

  /** Compares in constant time for equal lengths. */
  equals(other: Secret): boolean {
    return this.#bytes.length === other.#bytes.length && timingSafeEqual(this.#bytes, other.#bytes);
  }

  /** Overwrites the bytes with zeros. The secret must not be used afterwards. */
  [Symbol.dispose](): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
