// Sends answers within the peer's windows (RFC 9113, 5.2 and 6.9). An answer that fits, as nearly all do, is written at
// once, headers and body side by side. What does not fit waits at its stream, as the bytes the server of the request
// gave, until the peer makes room; nothing is copied before it may be sent.
import { flag, frameHeader, frameType, largestWindow } from "./frame.ts";
import type { HpackEncoder, ReplyHead } from "./hpack-encoder.ts";
import { maxFrameSize, maxUnsent, stallProgress, stallTimeout, streamBacklog } from "./limits.ts";
import type { Output } from "./output.ts";
import type { Http2Stream } from "./stream.ts";

export interface SenderOptions {
  readonly output: Output;
  readonly encoder: HpackEncoder;
  /** Called when the end of an answer is written. */
  readonly onEnd: (stream: Http2Stream) => void;
}

export class Sender {
  readonly #output: Output;
  readonly #encoder: HpackEncoder;
  readonly #onEnd: (stream: Http2Stream) => void;
  /** Streams with something unsent, longest waiting first. */
  readonly #waiting = new Set<Http2Stream>();
  /** Bytes that wait at all streams together. */
  #queued = 0;
  /** What the peer takes on all streams together. */
  #window = 65_535;

  constructor({ output, encoder, onEnd }: SenderOptions) {
    this.#output = output;
    this.#encoder = encoder;
    this.#onEnd = onEnd;
  }

  /** More waits for the peer than it may hold up (limits.ts). */
  get overfull(): boolean {
    if (this.#output.full && this.#output.unsent > maxUnsent) return true;
    if (this.#queued <= maxUnsent) return false;
    let largest = 0;
    for (const { queued } of this.#waiting) largest = Math.max(largest, queued);
    return this.#queued - largest > maxUnsent;
  }

  /** Whether an answer is complete, and the peer still has to take it. */
  get owes(): boolean {
    for (const { ended } of this.#waiting) if (ended) return true;
    return false;
  }

  /** Writes an answer whose body is known. */
  respond(stream: Http2Stream, head: Omit<ReplyHead, "contentLength">, body: Buffer | undefined): void {
    const length = body === undefined ? 0 : body.length;
    const bare = body === undefined || length === 0 || stream.head.method === "HEAD";
    stream.answered = true;
    stream.ended = true;
    this.#headers(stream, { status: head.status, headers: head.headers, contentLength: length }, bare);
    if (bare) return this.#onEnd(stream);
    const waits = this.#output.full || length > maxFrameSize || length > this.#window || length > stream.sendWindow;
    if (waits) return this.#queue(stream, body);
    this.#data(stream, body, length, true);
    this.#onEnd(stream);
  }

  /** Writes the headers of an answer that `write` goes on with. */
  start(stream: Http2Stream, head: Omit<ReplyHead, "contentLength">): void {
    stream.answered = true;
    this.#headers(stream, { ...head, contentLength: undefined }, false);
  }

  /** Asks for the body that the peer holds back until then (RFC 9110, 10.1.1); the answer is still to come. */
  invite(stream: Http2Stream): void {
    this.#headers(stream, { status: 100, headers: {}, contentLength: undefined }, false);
  }

  /** A further part of an answer, or its end; false when too much waits. */
  write(stream: Http2Stream, chunk: Buffer | undefined): boolean {
    if (chunk === undefined) stream.ended = true;
    if (chunk === undefined || chunk.length > 0) this.#queue(stream, chunk);
    return stream.queued < streamBacklog;
  }

  #headers(stream: Http2Stream, head: ReplyHead, last: boolean): void {
    const output = this.#output;
    output.reserve(frameHeader + this.#encoder.room(head));
    const start = output.at;
    output.at += frameHeader;
    this.#encoder.encode(output, head, Date.now());
    const end = output.at;
    const length = end - start - frameHeader;
    output.at = start;
    if (length > maxFrameSize) return this.#longHeaders(stream, last, length);
    output.frame(length, frameType.headers, flag.endHeaders | (last ? flag.endStream : 0), stream.id);
    output.at = end;
  }

  /** A block of several frames: a redirect may repeat a long target. */
  #longHeaders(stream: Http2Stream, last: boolean, length: number): void {
    const output = this.#output;
    const start = output.at + frameHeader;
    const block = Buffer.from(output.bytes.subarray(start, start + length));
    for (let at = 0; at < length; at += maxFrameSize) {
      const end = Math.min(length, at + maxFrameSize);
      const type = at === 0 ? frameType.headers : frameType.continuation;
      const flags = (at === 0 && last ? flag.endStream : 0) | (end === length ? flag.endHeaders : 0);
      output.reserve(frameHeader + end - at);
      output.frame(end - at, type, flags, stream.id);
      output.copy(block, at, end);
    }
  }

  #data(stream: Http2Stream, bytes: Buffer, length: number, last: boolean): void {
    this.#window -= length;
    stream.sendWindow -= length;
    stream.sent += length;
    const output = this.#output;
    output.reserve(frameHeader + length);
    output.frame(length, frameType.data, last ? flag.endStream : 0, stream.id);
    output.copy(bytes, 0, length);
  }

  #queue(stream: Http2Stream, chunk: Buffer | undefined): void {
    if (chunk !== undefined) {
      stream.queue.push(chunk);
      stream.queued += chunk.length;
      this.#queued += chunk.length;
    }
    this.#pump(stream);
  }

  /** Sends of one stream what the windows and the socket take. */
  #pump(stream: Http2Stream): void {
    const { queue } = stream;
    this.#waiting.delete(stream);
    for (let chunk = queue[0]; chunk !== undefined; chunk = queue[0]) {
      const length = this.#output.full ? 0 : Math.min(chunk.length, maxFrameSize, this.#window, stream.sendWindow);
      if (length <= 0) return void this.#waiting.add(stream);
      stream.queued -= length;
      this.#queued -= length;
      if (length === chunk.length) queue.shift();
      else queue[0] = chunk.subarray(length);
      this.#data(stream, chunk, length, stream.ended && stream.queued === 0);
      if (stream.ended && stream.queued === 0) return this.#onEnd(stream);
    }
    stream.sentAtSweep = -1;
    if (!stream.ended) return;
    this.#data(stream, stream.queue[0] ?? Buffer.alloc(0), 0, true);
    this.#onEnd(stream);
  }

  /** Goes on after the peer, or the socket, made room. */
  pump(): void {
    // Streams that have to wait again go to the end of the set: each is looked at once.
    let left = this.#waiting.size;
    for (const stream of this.#waiting) {
      if (left === 0 || this.#window <= 0 || this.#output.full) return;
      left -= 1;
      this.#pump(stream);
    }
  }

  /** WINDOW_UPDATE of the connection. False when its window got too large (6.9.1). */
  widen(increment: number): boolean {
    this.#window += increment;
    if (this.#window > largestWindow) return false;
    this.pump();
    return true;
  }

  /** A larger or smaller window of one stream. False when it got too large. */
  widenStream(stream: Http2Stream, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > largestWindow) return false;
    if (this.#waiting.has(stream)) this.#pump(stream);
    return true;
  }

  forget(stream: Http2Stream): void {
    this.#waiting.delete(stream);
    this.#queued -= stream.queued;
  }

  /** Streams that wait, and of which next to nothing was sent for too long. Looked at every sweep. */
  stalled(now: number): Http2Stream[] {
    const stalled: Http2Stream[] = [];
    for (const stream of this.#waiting) {
      if (stream.sentAtSweep < 0 || stream.sent - stream.sentAtSweep >= stallProgress) {
        stream.sentAtSweep = stream.sent;
        stream.stalledSince = now;
      } else if (now - stream.stalledSince > stallTimeout) stalled.push(stream);
    }
    return stalled;
  }
}
