// From DATA and HEADERS frames to requests, and from answers to the end of their streams (RFC 9113, 5.1 and 8.1). A
// request is handed up when its body is complete, so that a server that answers at once does so while the chunk that
// brought the request is worked off. Bodies that are larger than a window, or take longer than `bodyPatience`, are read
// by whoever serves the request.
import { errorCode, flag, readUint31 } from "./frame.ts";
import { endOfPayload, startOfPayload } from "./header-block.ts";
import type { HeaderBlock } from "./header-block.ts";
import { bodyPatience, maxStreams, streamWindow } from "./limits.ts";
import type { Output } from "./output.ts";
import type { OverheadBudget } from "./overhead-budget.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { ReceiveWindows } from "./receive-windows.ts";
import type { RequestHead } from "./request-head.ts";
import type { Sender } from "./sender.ts";
import { Http2Stream } from "./stream.ts";
import type { ReplyStart, RequestStream, StreamOwner } from "./stream.ts";
import type { Streams } from "./streams.ts";

export interface RequestsOptions {
  readonly output: Output;
  readonly streams: Streams;
  readonly sender: Sender;
  readonly windows: ReceiveWindows;
  readonly budget: OverheadBudget;
  /** The window with which the peer's streams begin. */
  readonly initialWindow: () => number;
  readonly onRequest: (stream: RequestStream) => void;
  readonly onError: (error: Error) => void;
  /** No stream is open any more. */
  readonly onQuiet: () => void;
}

export class Requests implements StreamOwner {
  readonly #options: RequestsOptions;
  readonly #streams: Streams;
  readonly #budget: OverheadBudget;
  #unserved = 0;
  #patience: NodeJS.Timeout | undefined;
  /** A request was handed up; for whoever looks for idle connections. */
  busy = false;
  /** The peer was told that no new stream is looked at. */
  closing = false;

  constructor(options: RequestsOptions) {
    this.#options = options;
    this.#streams = options.streams;
    this.#budget = options.budget;
  }

  /** A DATA frame. @throws ProtocolError */
  data(bytes: Buffer, at: number, length: number): void {
    const { windows } = this.#options;
    windows.take(length);
    const start = startOfPayload(bytes, at);
    const end = endOfPayload(bytes, at, length);
    const id = readUint31(bytes, at + 5);
    const last = ((bytes[at + 4] ?? 0) & flag.endStream) !== 0;
    if (start === end && !last) this.#budget.spend();
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.remoteEnded) return this.#strayData(stream, id, length);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      windows.credit(length);
      return this.offend(stream, errorCode.flowControl);
    }
    if (end - start < length) windows.creditStream(stream, length - (end - start));
    const sound = stream.receive(bytes, start, end, last);
    // What the stream did not take counts for the connection all the same (6.9).
    if (!sound) windows.credit(end - start);
    this.#receive(stream, sound);
  }

  #receive(stream: Http2Stream, sound: boolean): void {
    if (!sound) this.offend(stream, errorCode.protocol);
    else if (stream.remoteEnded && !stream.served) this.#serve(stream);
  }

  /** DATA that no stream takes (5.1). */
  #strayData(stream: Http2Stream | undefined, id: number, length: number): void {
    this.#options.windows.credit(length);
    if (stream !== undefined) return this.offend(stream, errorCode.streamClosed);
    const state = this.#streams.stateOf(id);
    if (state === "idle") throw new ProtocolError(errorCode.protocol, `DATA on idle stream ${id}`);
    if (state !== "reset") throw new ProtocolError(errorCode.streamClosed, `DATA on closed stream ${id}`);
    this.#budget.spend();
  }

  /** A complete header block, decoded. @throws ProtocolError */
  headers(block: HeaderBlock, head: RequestHead): void {
    const stream = this.#streams.get(block.stream);
    if (stream !== undefined) this.#trailers(stream, block, head);
    else if (block.stream <= this.#streams.last) this.#strayHeaders(block.stream);
    else this.#open(block, head);
  }

  /** Header fields after the body end the request (8.1); they are not kept. */
  #trailers(stream: Http2Stream, block: HeaderBlock, head: RequestHead): void {
    this.#budget.spend();
    if (stream.remoteEnded) return this.offend(stream, errorCode.streamClosed);
    this.#receive(stream, block.endStream && head.isTrailers && stream.receive(block.bytes, 0, 0, true));
  }

  #strayHeaders(id: number): void {
    const state = this.#streams.stateOf(id);
    if (state === "closed") throw new ProtocolError(errorCode.streamClosed, `HEADERS on closed stream ${id}`);
    if (state !== "reset") throw new ProtocolError(errorCode.protocol, `HEADERS on stream ${id} after higher ones`);
    this.#budget.spend();
  }

  #open(block: HeaderBlock, head: RequestHead): void {
    const { stream: id, endStream } = block;
    if (id % 2 === 0) throw new ProtocolError(errorCode.protocol, `a client began stream ${id}`);
    this.#streams.last = id;
    if (this.closing) return this.#streams.refuse(id);
    const refusal = refusalOf(block, head, this.#streams.size >= maxStreams || this.#options.sender.overfull);
    if (refusal !== errorCode.none) return this.#refuse(id, refusal);
    const sendWindow = this.#options.initialWindow();
    const stream = new Http2Stream(this, id, head, { bodyless: endStream, sendWindow });
    this.#streams.add(stream);
    this.#unserved += 1;
    if (head.tooLarge) this.#refuseLarge(stream);
    else if (endStream || head.contentLength > streamWindow) this.#serve(stream);
  }

  #refuse(id: number, code: number): void {
    this.#options.output.rstStream(id, code);
    this.#streams.refuse(id);
    this.#budget.spend();
  }

  #refuseLarge(stream: Http2Stream): void {
    // With no code of an error: the connection goes on.
    this.#options.onError(new ProtocolError(errorCode.none, "the header fields of a request are too large"));
    this.#noteServed(stream);
    stream.respond(431, {}, undefined);
    this.#budget.spend();
  }

  #serve(stream: Http2Stream): void {
    this.#noteServed(stream);
    this.busy = true;
    this.#options.onRequest(stream);
  }

  #noteServed(stream: Http2Stream): void {
    if (!stream.served) this.#unserved -= 1;
    stream.served = true;
  }

  /** A chunk of input is worked off: requests that still miss a part of their body wait for it, but not long. */
  afterChunk(): void {
    if (this.#unserved === 0 || this.#patience !== undefined) return;
    this.#patience = setTimeout(() => {
      this.#patience = undefined;
      for (const stream of this.#streams.values()) {
        if (stream.waited && !stream.served) this.#serve(stream);
        stream.waited = true;
      }
      this.afterChunk();
    }, bodyPatience);
  }

  respond(stream: Http2Stream, start: ReplyStart, body: Buffer | undefined): void {
    this.#options.sender.respond(stream, start, body);
  }

  start(stream: Http2Stream, start: ReplyStart): void {
    this.#options.sender.start(stream, start);
  }

  write(stream: Http2Stream, chunk: Buffer | undefined): boolean {
    return this.#options.sender.write(stream, chunk);
  }

  invite(stream: Http2Stream): void {
    this.#options.sender.invite(stream);
  }

  credit(stream: Http2Stream, bytes: number): void {
    this.#options.windows.creditStream(stream, bytes);
  }

  reset(stream: Http2Stream, code: number): void {
    this.#options.output.rstStream(stream.id, code);
    this.remove(stream, true);
  }

  /** Resets a stream in which the peer broke a rule. */
  offend(stream: Http2Stream, code: number): void {
    this.reset(stream, code);
    this.#budget.spend();
  }

  /** The answer is written; a body that nobody will read any more is called off (8.1). */
  finish(stream: Http2Stream): void {
    if (!stream.head.tooLarge) this.#budget.earn();
    if (stream.remoteEnded) this.remove(stream, false);
    else this.reset(stream, errorCode.none);
  }

  /** @param reset this side sent RST_STREAM */
  remove(stream: Http2Stream, reset: boolean): void {
    this.#noteServed(stream);
    this.#streams.remove(stream.id, reset);
    this.#options.sender.forget(stream);
    stream.close();
    if (this.#streams.size === 0) this.#options.onQuiet();
  }

  /** The connection is over. */
  removeAll(): void {
    clearTimeout(this.#patience);
    for (const stream of this.#streams.values()) this.remove(stream, false);
  }
}

/** Why a request is not looked at; a list that is too large gets an answer instead. */
function refusalOf(block: HeaderBlock, head: RequestHead, crowded: boolean): number {
  if (crowded) return errorCode.refusedStream;
  if (block.dependency === block.stream) return errorCode.protocol;
  if (head.tooLarge) return errorCode.none;
  const sound = head.isRequest && !(block.endStream && head.contentLength > 0);
  return sound ? errorCode.none : errorCode.protocol;
}
