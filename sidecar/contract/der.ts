// A bounds-checked walk over DER (X.690), as much of it as finding parts of a certificate takes. It never copies: an
// element is a pair of offsets into the bytes it was read from. Anything that is not DER throws an Error.

export interface DerElement {
  /** The identifier octet. High tag numbers are refused. */
  readonly tag: number;
  /** Offset of the identifier octet. */
  readonly start: number;
  /** Offset of the first content octet. */
  readonly content: number;
  /** Offset after the last content octet. */
  readonly end: number;
}

/** The element that starts at `offset` and ends at or before `limit`. */
export function readElement(der: Uint8Array, offset: number, limit: number): DerElement {
  const tag = byteAt(der, offset, limit);
  if ((tag & 0x1f) === 0x1f) throw new Error("malformed DER: unexpected tag");
  const first = byteAt(der, offset + 1, limit);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const content = offset + 2 + lengthBytes;
  const end = content + (lengthBytes === 0 && first < 0x80 ? first : longLength(der, offset + 2, content, limit));
  if (end > limit) throw new Error("malformed DER: an element is longer than what holds it");
  return { tag, start: offset, content, end };
}

/** The elements inside `parent`, in order. */
export function readChildren(der: Uint8Array, parent: DerElement): readonly DerElement[] {
  const children: DerElement[] = [];
  let offset = parent.content;
  while (offset < parent.end) {
    const child = readElement(der, offset, parent.end);
    children.push(child);
    offset = child.end;
  }
  return children;
}

/** One to four length octets, in the shortest form only. */
function longLength(der: Uint8Array, from: number, to: number, limit: number): number {
  if (to === from || to - from > 4) throw new Error("malformed DER: unsupported length");
  let length = 0;
  for (let offset = from; offset < to; offset++) length = length * 256 + byteAt(der, offset, limit);
  if (length < 0x80 || length < 256 ** (to - from - 1)) throw new Error("malformed DER: length is not minimal");
  return length;
}

function byteAt(der: Uint8Array, offset: number, limit: number): number {
  const byte = offset < limit ? der[offset] : undefined;
  if (byte === undefined) throw new Error("malformed DER: unexpected end");
  return byte;
}
