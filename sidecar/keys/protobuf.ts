// As much of the protobuf wire format as stored keys need (reference 4.5): messages of varints, bytes and messages.
//   field = varint(number << 3 | wire type) value;  wire types: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes
// Reading follows the format's rules for strangers: unknown fields are skipped, of repeated scalars the last counts,
// repeated messages merge. Writing follows proto3: the caller writes in ascending order, zero and empty are left out.

/** The fields of one message. Absent fields read as their proto3 default, or undefined where absence matters. */
export class Message {
  readonly #varints = new Map<number, bigint>();
  readonly #chunks = new Map<number, Buffer[]>();

  /** @returns undefined if `bytes` is not a well-formed message */
  static parse(bytes: Buffer): Message | undefined {
    const message = new Message();
    const reader = new Reader(bytes);
    while (reader.offset < bytes.length) {
      if (!message.#read(reader)) return undefined;
    }
    return message;
  }

  /** An unsigned 64-bit value; 0 when absent. */
  varint(field: number): bigint {
    return this.#varints.get(field) ?? 0n;
  }

  bytes(field: number): Buffer | undefined {
    return this.#chunks.get(field)?.at(-1);
  }

  /** The embedded message; undefined when absent or malformed. */
  message(field: number): Message | undefined {
    const chunks = this.#chunks.get(field);
    return chunks && Message.parse(Buffer.concat(chunks));
  }

  /** False = malformed. */
  #read(reader: Reader): boolean {
    const tag = reader.varint();
    if (tag === undefined || tag >> 3n === 0n || tag > 0xffff_ffffn) return false;
    const field = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        return this.#keepVarint(field, reader.varint());
      case 1:
        return reader.take(8n) !== undefined;
      case 2:
        return this.#keepBytes(field, reader.lengthDelimited());
      case 5:
        return reader.take(4n) !== undefined;
      default:
        return false;
    }
  }

  #keepVarint(field: number, value: bigint | undefined): boolean {
    if (value === undefined) return false;
    this.#varints.set(field, value);
    return true;
  }

  #keepBytes(field: number, value: Buffer | undefined): boolean {
    if (value === undefined) return false;
    const chunks = this.#chunks.get(field);
    if (chunks) chunks.push(value);
    else this.#chunks.set(field, [value]);
    return true;
  }
}

class Reader {
  readonly #bytes: Buffer;
  offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** At most ten bytes and 64 bits; undefined beyond that or at the end of the input. */
  varint(): bigint | undefined {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.offset];
      if (byte === undefined) return undefined;
      this.offset += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value < 1n << 64n ? value : undefined;
    }
    return undefined;
  }

  take(size: bigint): Buffer | undefined {
    if (size > BigInt(this.#bytes.length - this.offset)) return undefined;
    const start = this.offset;
    this.offset += Number(size);
    return this.#bytes.subarray(start, this.offset);
  }

  lengthDelimited(): Buffer | undefined {
    const size = this.varint();
    return size === undefined ? undefined : this.take(size);
  }
}

/** A varint field; negative numbers become 64-bit two's complement, as int64 and int32 are written. */
export function varintField(field: number, value: bigint): Buffer {
  return value === 0n ? empty : Buffer.concat([varint(BigInt(field << 3)), varint(BigInt.asUintN(64, value))]);
}

/** A string or bytes field. */
export function bytesField(field: number, value: Uint8Array): Buffer {
  return value.length === 0 ? empty : messageField(field, [value]);
}

/** An embedded message of already written fields; written even when empty, as presence means something. */
export function messageField(field: number, fields: readonly Uint8Array[]): Buffer {
  const size = fields.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(BigInt((field << 3) | 2)), varint(BigInt(size)), ...fields]);
}

const empty = Buffer.alloc(0);

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
