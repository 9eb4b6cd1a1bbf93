// Decodes header blocks (RFC 7541, 6). One per connection, because the dynamic table is the connection's. Every block
// goes through here, also those of requests that are refused, or the table would no longer be the peer's.
import { DynamicTable } from "./dynamic-table.ts";
import { makeField } from "./field.ts";
import type { Field } from "./field.ts";
import { errorCode } from "./frame.ts";
import { decodeHuffman } from "./huffman.ts";
import { maxHeaderBlock, maxHeaderTable } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";
import { RequestHead } from "./request-head.ts";
import { staticTable } from "./static-table.ts";

const staticFields: readonly Field[] = staticTable.map(({ name, value }) => makeField(name, value));
/** A block worth remembering: clients send a repeated request as about one byte per field. */
const memorable = 64;

export class HpackDecoder {
  readonly #table = new DynamicTable(maxHeaderTable);
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  /** The last block that left the table as it was, and what it meant then. */
  readonly #lastBlock = Buffer.allocUnsafe(memorable);
  #lastLength = -1;
  #lastGeneration = -1;
  #lastHead = new RequestHead();

  /**
   * Decodes the block bytes[start, end).
   * @throws ProtocolError COMPRESSION_ERROR
   */
  decode(bytes: Buffer, start: number, end: number): RequestHead {
    if (this.#isLast(bytes, start, end)) return this.#lastHead;
    const { generation } = this.#table;
    const head = new RequestHead();
    head.tooLarge = end - start > maxHeaderBlock;
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#sizeUpdates();
    while (this.#at < end) head.add(this.#field());
    if (this.#table.generation === generation && end - start <= memorable) this.#remember(head, start);
    return head;
  }

  // The same bytes mean the same only as long as the table is the same.
  #isLast(bytes: Buffer, start: number, end: number): boolean {
    if (end - start !== this.#lastLength || this.#lastGeneration !== this.#table.generation) return false;
    for (let n = 0; n < this.#lastLength; n++) if (bytes[start + n] !== this.#lastBlock[n]) return false;
    return true;
  }

  #remember(head: RequestHead, start: number): void {
    this.#lastHead = head;
    this.#lastLength = this.#end - start;
    this.#lastGeneration = this.#table.generation;
    this.#bytes.copy(this.#lastBlock, 0, start, this.#end);
  }

  /** They stand at the beginning of a block and nowhere else (4.2). */
  #sizeUpdates(): void {
    while (this.#at < this.#end && (this.#next() & 0xe0) === 0x20) {
      if (!this.#table.resize(this.#integer(5))) throw broken("a table size update exceeds the setting");
    }
  }

  #field(): Field {
    const first = this.#next();
    if ((first & 0x80) !== 0) return this.#entry(this.#integer(7));
    if ((first & 0x40) !== 0) {
      const field = this.#literal(this.#integer(6));
      this.#table.insert(field);
      return field;
    }
    if ((first & 0x20) !== 0) throw broken("a table size update stands within a header block");
    return this.#literal(this.#integer(4));
  }

  #entry(index: number): Field {
    const field =
      index <= staticFields.length ? staticFields[index - 1] : this.#table.get(index - staticFields.length - 1);
    if (field === undefined) throw broken(`there is no table entry ${index}`);
    return field;
  }

  #literal(nameIndex: number): Field {
    const name = nameIndex === 0 ? this.#string() : this.#entry(nameIndex).name;
    return makeField(name, this.#string());
  }

  #string(): string {
    const huffman = (this.#next() & 0x80) !== 0;
    const length = this.#integer(7);
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw broken("a string is longer than its header block");
    if (!huffman) return this.#bytes.toString("latin1", from, this.#at);
    const text = decodeHuffman(this.#bytes, from, this.#at);
    if (text === undefined) throw broken("a string has wrong Huffman padding");
    return text;
  }

  #next(): number {
    const byte = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (byte === undefined) throw broken("a header block ends within a field");
    return byte;
  }

  /** An integer with an n-bit prefix (5.1); no number here needs more than four further bytes. */
  #integer(prefix: number): number {
    const most = (1 << prefix) - 1;
    let value = this.#next() & most;
    this.#at += 1;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#next();
      this.#at += 1;
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw broken("an integer is too long");
  }
}

function broken(message: string): ProtocolError {
  return new ProtocolError(errorCode.compression, message);
}
