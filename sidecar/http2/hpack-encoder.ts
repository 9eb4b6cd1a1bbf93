// Encodes the header section of answers (RFC 7541, 6). It never uses the dynamic table: answers have few fields, so
// nothing has to be remembered, and nothing a request brings can be guessed from the length of an answer (7.1).
import type { Output } from "./output.ts";
import { staticTable } from "./static-table.ts";

/** Room that the fields this file adds by itself take at most. */
const ownFields = 128;
const [dateIndex, lengthIndex, statusIndex] = [33, 28, 8];

/** A name of the static table, and the field last sent with it: most names have one value for good. */
interface NamedField {
  readonly value: string;
  readonly bytes: Buffer;
}

export interface ReplyHead {
  readonly status: number;
  /** Lower-case names; without date and content-length. */
  readonly headers: Readonly<Record<string, string>>;
  /** Absent when it is not known yet. */
  readonly contentLength: number | undefined;
}

/** The first index of each name of the static table, and the index of each status that is in it. */
const indexes = new Map<string, number>();
const statuses = new Map<string, number>();
for (const [n, { name, value }] of staticTable.entries()) {
  if (name === ":status") statuses.set(value, n + 1);
  if (!indexes.has(name)) indexes.set(name, n + 1);
}

export class HpackEncoder {
  /** Filled as names are used: to fill it for each connection costs 1 % of a new one. */
  readonly #named = new Map<string, NamedField>();
  #second = 0;
  #date: Buffer = Buffer.alloc(0);
  #dropsTable = false;

  /** The peer's table got smaller than the default: the next block says that ours is empty (4.2). */
  dropTable(): void {
    this.#dropsTable = true;
  }

  /** The most bytes that `encode` writes. */
  room(head: ReplyHead): number {
    let room = ownFields;
    for (const name in head.headers) room += name.length + (head.headers[name]?.length ?? 0) + 12;
    return room;
  }

  /** Writes the block; `room` bytes are reserved. @param now milliseconds since the epoch, for `date` */
  encode(output: Output, { status, headers, contentLength }: ReplyHead, now: number): void {
    if (this.#dropsTable) output.bytes[output.at++] = 0x20;
    this.#dropsTable = false;
    this.#status(output, status);
    for (const name in headers) this.#field(output, name, headers[name] ?? "");
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = literal(dateIndex, new Date(now).toUTCString());
    }
    output.copy(this.#date);
    if (contentLength !== undefined) writeLength(output, contentLength);
  }

  #status(output: Output, status: number): void {
    if (status === 200) {
      output.bytes[output.at++] = 0x88;
      return;
    }
    const index = statuses.get(String(status));
    if (index === undefined) output.copy(literal(statusIndex, String(status)));
    else output.bytes[output.at++] = 0x80 | index;
  }

  #field(output: Output, name: string, value: string): void {
    const named = this.#named.get(name);
    if (named?.value === value) return output.copy(named.bytes);
    const index = indexes.get(name);
    if (index === undefined) return output.copy(newLiteral(name, value));
    const bytes = literal(index, value);
    this.#named.set(name, { value, bytes });
    output.copy(bytes);
  }
}

/** A literal without indexing whose name is in the static table (6.2.2). */
function literal(nameIndex: number, value: string): Buffer {
  return Buffer.concat([integer(0, 4, nameIndex), integer(0, 7, value.length), Buffer.from(value, "latin1")]);
}

function newLiteral(name: string, value: string): Buffer {
  const parts = [Buffer.of(0), integer(0, 7, name.length), Buffer.from(name, "latin1")];
  return Buffer.concat([...parts, integer(0, 7, value.length), Buffer.from(value, "latin1")]);
}

/** An integer with an n-bit prefix below the bits of `pattern` (5.1). */
function integer(pattern: number, prefix: number, value: number): Buffer {
  const most = (1 << prefix) - 1;
  if (value < most) return Buffer.of(pattern | value);
  const bytes = [pattern | most];
  let rest = value - most;
  for (; rest > 127; rest >>= 7) bytes.push(0x80 | (rest & 0x7f));
  return Buffer.from([...bytes, rest]);
}

// Written in place: it differs from answer to answer.
function writeLength(output: Output, length: number): void {
  const { bytes, at } = output;
  const text = String(length);
  bytes[at] = 0x0f;
  bytes[at + 1] = lengthIndex - 15;
  bytes[at + 2] = text.length;
  for (let n = 0; n < text.length; n++) bytes[at + 3 + n] = text.charCodeAt(n);
  output.at = at + 3 + text.length;
}
