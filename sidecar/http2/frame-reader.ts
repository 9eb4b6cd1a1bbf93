// Cuts the byte stream into frames. Whole frames are handed on where they lie in the socket's chunk; only a frame that
// spans chunks is copied, once, into a buffer of its own.
import { checkFrame, errorCode, frameHeader, readUint24, readUint31 } from "./frame.ts";
import { ProtocolError } from "./protocol-error.ts";

/** What every client sends first (RFC 9113, 3.4). */
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Takes a whole frame that starts at `at`, with `length` bytes of payload; its header was checked. */
export type FrameSink = (bytes: Buffer, at: number, length: number) => void;

export class FrameReader {
  readonly #sink: FrameSink;
  #prefaceSeen = 0;
  /** The frame that is not complete: its bytes so far, and how many the buffer is to hold. */
  #part: Buffer = Buffer.allocUnsafe(frameHeader);
  #partLength = 0;
  #partWanted = frameHeader;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** True while a frame, or the preface, has begun and not ended. */
  get inFrame(): boolean {
    return this.#partLength > 0 || this.#prefaceSeen < preface.length;
  }

  /** @throws ProtocolError, and what the sink throws */
  push(chunk: Buffer): void {
    let at = this.#prefaceSeen < preface.length ? this.#readPreface(chunk) : 0;
    while (this.#partLength > 0 && at < chunk.length) at = this.#fill(chunk, at);
    while (chunk.length - at >= frameHeader) {
      const length = readUint24(chunk, at);
      checkFrame(chunk[at + 3] ?? 0, length, readUint31(chunk, at + 5));
      if (chunk.length - at < frameHeader + length) break;
      this.#sink(chunk, at, length);
      at += frameHeader + length;
    }
    while (at < chunk.length) at = this.#fill(chunk, at);
  }

  #readPreface(chunk: Buffer): number {
    const count = Math.min(chunk.length, preface.length - this.#prefaceSeen);
    if (chunk.compare(preface, this.#prefaceSeen, this.#prefaceSeen + count, 0, count) !== 0) {
      throw new ProtocolError(errorCode.protocol, "the connection does not begin with the preface of HTTP/2");
    }
    this.#prefaceSeen += count;
    return count;
  }

  /** Moves bytes into the part, first up to the frame header, then up to the frame; returns where it stopped. */
  #fill(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#partWanted - this.#partLength);
    chunk.copy(this.#part, this.#partLength, at, end);
    this.#partLength += end - at;
    if (this.#partLength < this.#partWanted) return end;
    const length = readUint24(this.#part, 0);
    if (this.#partWanted === frameHeader && length > 0) this.#grow(length);
    else this.#finish(length);
    return end;
  }

  #grow(length: number): void {
    checkFrame(this.#part[3] ?? 0, length, readUint31(this.#part, 5));
    const whole = Buffer.allocUnsafe(frameHeader + length);
    this.#part.copy(whole);
    this.#part = whole;
    this.#partWanted = whole.length;
  }

  #finish(length: number): void {
    const whole = this.#part;
    this.#part = Buffer.alloc(frameHeader);
    this.#partLength = 0;
    this.#partWanted = frameHeader;
    if (length === 0) checkFrame(whole[3] ?? 0, 0, readUint31(whole, 5));
    this.#sink(whole, 0, length);
  }
}
