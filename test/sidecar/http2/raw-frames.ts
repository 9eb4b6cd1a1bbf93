// Frames and header blocks as bytes, right or wrong as the test wants them, and their way back into objects.
import { huffmanCodes } from "../../../sidecar/http2/huffman.ts";

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const type = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const endStream = 1;
export const ack = 1;
export const endHeaders = 4;
export const padded = 8;

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, 9);
  return bytes;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  return Buffer.concat(
    pairs.map(([id, value]) => {
      const bytes = Buffer.alloc(6);
      bytes.writeUInt16BE(id);
      bytes.writeUInt32BE(value, 2);
      return bytes;
    }),
  );
}

/** An integer with an n-bit prefix below a pattern (RFC 7541, 5.1). */
export function integer(pattern: number, prefix: number, value: number): Buffer {
  const most = (1 << prefix) - 1;
  if (value < most) return Buffer.of(pattern | value);
  const bytes = [pattern | most];
  let rest = value - most;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push(128 | (rest & 127));
  return Buffer.from([...bytes, rest]);
}

export function string(text: string, huffman = false): Buffer {
  const bytes = huffman ? huffmanEncode(text) : Buffer.from(text, "latin1");
  return Buffer.concat([integer(huffman ? 128 : 0, 7, bytes.length), bytes]);
}

/** Bit by bit, as the text of RFC 7541 has it. */
export function huffmanEncode(text: string): Buffer {
  const codes = huffmanCodes();
  let bits = "";
  for (const byte of Buffer.from(text, "latin1")) {
    const { code = 0, length = 0 } = codes[byte] ?? {};
    bits += code.toString(2).padStart(length, "0");
  }
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

export type Fields = readonly (readonly [name: string, value: string])[];

/** Every field as a literal that stays out of the dynamic table. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), string(name), string(value)]));
}

export const get: Fields = [
  [":method", "GET"],
  [":scheme", "https"],
  [":path", "/"],
  [":authority", "localhost"],
];
export const post: Fields = [[":method", "POST"], ...get.slice(1)];

export function headers(stream: number, fields: Fields, flags: number = endHeaders | endStream): Buffer {
  return frame(type.headers, flags, stream, block(fields));
}

/** Cuts a byte stream into frames; bytes of an incomplete one are returned as the rest. */
export function parseFrames(bytes: Buffer): { frames: RawFrame[]; rest: Buffer } {
  const frames: RawFrame[] = [];
  let at = 0;
  while (bytes.length - at >= 9) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) break;
    const stream = bytes.readUInt32BE(at + 5);
    frames.push({ type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, stream, payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return { frames, rest: bytes.subarray(at) };
}
