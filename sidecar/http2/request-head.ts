// The header section of a request (RFC 9113, 8.1.1 and 8.3.1), built field by field in the order of arrival. Once it is
// finished it does not change: requests that send the same header block share one.
import { fieldKind } from "./field.ts";
import type { Field } from "./field.ts";
import { maxHeaderFields, maxHeaderList } from "./limits.ts";

const pseudo = (1 << fieldKind.method) | (1 << fieldKind.scheme) | (1 << fieldKind.authority) | (1 << fieldKind.path);
const needed = (1 << fieldKind.method) | (1 << fieldKind.scheme) | (1 << fieldKind.path);
const neededForConnect = (1 << fieldKind.method) | (1 << fieldKind.authority);

export class RequestHead {
  method = "";
  /** The target as received; empty for CONNECT. */
  path = "";
  /** -1 when none was declared. */
  contentLength = -1;
  /** More than the limits allow; the rest was not kept. */
  tooLarge = false;
  readonly #fields: Field[] = [];
  /** Kinds that occurred, one bit each. */
  #seen = 0;
  #size = 0;
  #malformed = false;

  add(field: Field): void {
    this.#size += field.size;
    if (this.#size > maxHeaderList || this.#fields.length === maxHeaderFields) {
      this.tooLarge = true;
      return;
    }
    if (field.kind !== fieldKind.regular) this.#addSpecial(field);
    this.#fields.push(field);
  }

  #addSpecial({ kind, value }: Field): void {
    const late = kind >= fieldKind.method && this.#hasRegular();
    if (kind === fieldKind.malformed || late || (this.#seen & (1 << kind)) !== 0) this.#malformed = true;
    this.#seen |= 1 << kind;
    if (kind === fieldKind.method) this.method = value;
    else if (kind === fieldKind.path) this.path = value;
    else if (kind === fieldKind.contentLength) this.contentLength = Number(value);
  }

  /** Pseudo-header fields come first (8.3), so the last field tells. */
  #hasRegular(): boolean {
    const last = this.#fields.at(-1);
    return last !== undefined && last.kind < fieldKind.method;
  }

  /** Whether this is a complete and sound request. */
  get isRequest(): boolean {
    if (this.#malformed) return false;
    const seen = this.#seen & pseudo;
    if (this.method === "CONNECT") return seen === neededForConnect;
    return (seen & needed) === needed;
  }

  /** Whether this may follow a body (8.1). */
  get isTrailers(): boolean {
    return !this.#malformed && (this.#seen & pseudo) === 0;
  }

  /** Every value of a field, by lower-case name, in order. */
  values(name: string): readonly string[] {
    const values: string[] = [];
    for (const field of this.#fields) if (field.name === name) values.push(field.value);
    return values;
  }
}
