// A header block on its way in: one HEADERS frame and the CONTINUATION frames that follow it without any other frame
// between them (RFC 9113, 4.3 and 6.10). Its bytes stay where they are when one frame holds it all.
import { errorCode, flag, frameHeader, readUint31 } from "./frame.ts";
import { longestHeaderBlock, maxContinuations } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

export class HeaderBlock {
  /** The stream of a block that has begun and not ended; 0 when there is none. */
  pending = 0;
  /** Of the block that is complete: bytes[start, end). */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  stream = 0;
  endStream = false;
  /** The stream that it says it depends on (5.3.1), 0 = none. */
  dependency = 0;
  #parts: Buffer[] = [];
  #length = 0;

  /** Takes a HEADERS frame; true when the block is complete. @throws ProtocolError */
  begin(bytes: Buffer, at: number, length: number): boolean {
    const flags = bytes[at + 4] ?? 0;
    this.stream = readUint31(bytes, at + 5);
    this.endStream = (flags & flag.endStream) !== 0;
    this.dependency = 0;
    this.bytes = bytes;
    this.start = at + frameHeader;
    this.end = endOfPayload(bytes, at, length);
    if ((flags & flag.padded) !== 0) this.start += 1;
    if ((flags & flag.priority) !== 0) this.#skipPriority();
    if ((flags & flag.endHeaders) !== 0) return true;
    this.pending = this.stream;
    this.#parts = [];
    this.#length = 0;
    this.#keep();
    return false;
  }

  #skipPriority(): void {
    if (this.end - this.start < 5) throw new ProtocolError(errorCode.frameSize, "HEADERS has no room for its priority");
    this.dependency = readUint31(this.bytes, this.start);
    this.start += 5;
  }

  /** Takes a CONTINUATION frame of the pending stream; true when the block is complete. @throws ProtocolError */
  append(bytes: Buffer, at: number, length: number): boolean {
    if (this.pending === 0) throw new ProtocolError(errorCode.protocol, "CONTINUATION without HEADERS");
    this.bytes = bytes;
    this.start = at + frameHeader;
    this.end = this.start + length;
    this.#keep();
    if (((bytes[at + 4] ?? 0) & flag.endHeaders) === 0) return false;
    this.bytes = Buffer.concat(this.#parts);
    this.start = 0;
    this.end = this.#length;
    this.#parts = [];
    this.pending = 0;
    return true;
  }

  #keep(): void {
    // A copy: the frame may be a small part of a large chunk.
    this.#parts.push(Buffer.from(this.bytes.subarray(this.start, this.end)));
    this.#length += this.end - this.start;
    if (this.#length > longestHeaderBlock || this.#parts.length > maxContinuations + 1) {
      throw new ProtocolError(errorCode.enhanceYourCalm, "a header block is too long");
    }
  }
}

/** Where the payload of a DATA or HEADERS frame ends when its padding is left off (6.1). @throws ProtocolError */
export function endOfPayload(bytes: Buffer, at: number, length: number): number {
  const end = at + frameHeader + length;
  if (((bytes[at + 4] ?? 0) & flag.padded) === 0) return end;
  const padding = length === 0 ? 0 : (bytes[at + frameHeader] ?? 0);
  if (length === 0 || padding >= length)
    throw new ProtocolError(errorCode.protocol, "the padding is longer than its frame");
  return end - padding;
}

/** Where it starts. */
export function startOfPayload(bytes: Buffer, at: number): number {
  return at + frameHeader + (((bytes[at + 4] ?? 0) & flag.padded) === 0 ? 0 : 1);
}
