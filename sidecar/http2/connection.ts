// The server's side of one HTTP/2 connection (RFC 9113) over a TLS socket that has chosen `h2`. It hands up one
// RequestStream per request; what requests mean it does not know. Only what a request-and-answer service needs is here:
// no push, no priorities, no tunnels. Each chunk of input is worked off in one go, and everything that is answered
// meanwhile leaves in one write. A peer that breaks a rule loses its stream or, where the shared state is in doubt, the
// connection.
//
//   socket → frame-reader → header-block → hpack-decoder ┐
//                │                                       ├→ requests → stream → (served) → sender → output → socket
//                └→ control-frames                 DATA ─┘
import type { Duplex } from "node:stream";
import { ControlFrames } from "./control-frames.ts";
import { errorCode, frameType, readUint31 } from "./frame.ts";
import { FrameReader } from "./frame-reader.ts";
import { HeaderBlock } from "./header-block.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { closingPatience, farewellPatience, frameTimeout, headerTimeout, lingerTime, stallTimeout } from "./limits.ts";
import { Output } from "./output.ts";
import type { SlabPool } from "./output.ts";
import { OverheadBudget } from "./overhead-budget.ts";
import { ProtocolError } from "./protocol-error.ts";
import { ReceiveWindows } from "./receive-windows.ts";
import { Requests } from "./requests.ts";
import { Sender } from "./sender.ts";
import { ownSettings } from "./settings.ts";
import type { RequestStream } from "./stream.ts";
import { Streams } from "./streams.ts";
import { Watch } from "./watch.ts";

/** The highest there is: nothing is refused yet. */
const lastStreamId = 2 ** 31 - 1;
const farewell = Buffer.from("farewell");

export interface ConnectionOptions {
  readonly pool: SlabPool;
  /** Takes a request; must not throw. */
  readonly onRequest: (stream: RequestStream) => void;
  /** The peer broke the protocol, or sent more than the limits allow. */
  readonly onError: (error: Error) => void;
  /** Milliseconds, monotonic; performance.now when absent. */
  readonly now?: () => number;
}

/** Of the socket; a TLS socket has it. */
export type Http2Socket = Duplex & { readonly bytesWritten: number };

export class Http2Connection {
  readonly #socket: Http2Socket;
  readonly #onError: (error: Error) => void;
  readonly #output: Output;
  readonly #sender: Sender;
  readonly #control: ControlFrames;
  readonly #requests: Requests;
  readonly #budget: OverheadBudget;
  readonly #reader = new FrameReader((bytes, at, length) => this.#frame(bytes, at, length));
  readonly #block = new HeaderBlock();
  readonly #decoder = new HpackDecoder();
  readonly #streams = new Streams();
  readonly #watches = {
    greeting: new Watch(),
    block: new Watch(),
    frame: new Watch(),
    write: new Watch(),
    closing: new Watch(),
    end: new Watch(),
  };
  #frames = 0;
  /** Until the peer has heard that the connection is to end. */
  #farewell: NodeJS.Timeout | undefined;
  #ended = false;
  /** The last stream that the peer was told will be looked at. */
  #lastTaken: number | undefined;
  /** When the last request ended, as far as the sweeps saw; milliseconds. */
  quietSince: number;

  constructor(socket: Http2Socket, options: ConnectionOptions) {
    const now = options.now ?? (() => performance.now());
    this.#socket = socket;
    this.#onError = options.onError;
    this.quietSince = now();
    const streams = this.#streams;
    // A peer that does not read what it is sent is not read either: its answers would pile up.
    const onFull = (): void => void socket.pause();
    const output = new Output(socket, { pool: options.pool, onFull, onDrain: () => this.#drained() });
    const encoder = new HpackEncoder();
    const budget = new OverheadBudget(now);
    const windows = new ReceiveWindows(output);
    const sender = new Sender({ output, encoder, onEnd: (stream) => this.#requests.finish(stream) });
    const initialWindow = (): number => this.#control.initialWindow;
    const onQuiet = (): void => this.#quiet();
    const { onRequest, onError } = options;
    const requests = new Requests({
      output,
      streams,
      sender,
      windows,
      budget,
      initialWindow,
      onRequest,
      onError,
      onQuiet,
    });
    // Of our PINGs there is one: the farewell's.
    const onPong = (): void => {
      if (this.#farewell !== undefined) this.takeNoMore();
    };
    const control = new ControlFrames({ output, encoder, streams, sender, budget, requests, onPong });
    [this.#output, this.#budget, this.#sender, this.#requests, this.#control] = [
      output,
      budget,
      sender,
      requests,
      control,
    ];
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.once("close", () => this.#closed());
    // Our SETTINGS are the first frame (3.4). They wait a moment for what the peer sent with the end of its handshake, and
    // then leave in one write with the answer to it.
    output.hold();
    output.settings(ownSettings);
    windows.open();
    setImmediate(() => output.release());
  }

  /** Requests in flight. */
  get active(): number {
    return this.#streams.size;
  }

  #read(chunk: Buffer): void {
    if (this.#ended) return;
    this.#output.hold();
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#output.release();
    this.#requests.afterChunk();
  }

  #drained(): void {
    this.#socket.resume();
    this.#output.hold();
    this.#sender.pump();
    this.#output.release();
  }

  #frame(bytes: Buffer, at: number, length: number): void {
    this.#frames += 1;
    const type = bytes[at + 3];
    const { pending } = this.#block;
    if (pending !== 0 && (type !== frameType.continuation || readUint31(bytes, at + 5) !== pending)) {
      throw new ProtocolError(errorCode.protocol, "another frame came between those of a header block");
    }
    if (type !== frameType.settings && !this.#control.greeted) {
      throw new ProtocolError(errorCode.protocol, "the first frame is not SETTINGS");
    }
    if (type === frameType.data) this.#requests.data(bytes, at, length);
    else if (type === frameType.headers) this.#headers(this.#block.begin(bytes, at, length));
    else if (type === frameType.continuation) this.#headers(this.#block.append(bytes, at, length));
    else this.#control.take(bytes, at, length);
  }

  #headers(complete: boolean): void {
    if (!complete) return this.#budget.spend();
    const block = this.#block;
    this.#requests.headers(block, this.#decoder.decode(block.bytes, block.start, block.end));
  }

  /** Looked at every sweep: the peer is too slow with something it began. @param now milliseconds, monotonic */
  overdue(now: number): boolean {
    if (this.#requests.busy || this.active > 0) this.quietSince = now;
    this.#requests.busy = false;
    for (const stream of this.#sender.stalled(now)) this.#requests.reset(stream, errorCode.cancel);
    const { greeting, block, frame, write, closing, end } = this.#watches;
    const { writableLength, bytesWritten } = this.#socket;
    return [
      greeting.waited(now, !this.#control.greeted, 0) > headerTimeout,
      block.waited(now, this.#block.pending !== 0, this.#block.pending) > headerTimeout,
      frame.waited(now, this.#reader.inFrame, this.#frames) > frameTimeout,
      // `bytesWritten` counts what waits in the socket, too.
      write.waited(now, writableLength > 0, bytesWritten - writableLength) > stallTimeout,
      // An answer without an end (a log) may go on.
      closing.waited(now, this.#requests.closing && this.#sender.owes, 0) > closingPatience,
      end.waited(now, this.#ended, 0) > lingerTime,
    ].includes(true);
  }

  /**
   * Tells the peer to send nothing new, and takes what is on its way until the peer has heard it (6.8): a PING comes back after
   * all that was sent before. Ends when everything is answered.
   */
  close(): void {
    if (this.#farewell !== undefined || this.#requests.closing) return;
    this.#farewell = setTimeout(() => this.takeNoMore(), farewellPatience).unref();
    this.#output.goaway(lastStreamId, errorCode.none);
    this.#output.ping(farewell);
  }

  /** Takes nothing new from now on, whether or not the peer knows; ends when everything is answered. */
  takeNoMore(): void {
    if (this.#requests.closing) return;
    clearTimeout(this.#farewell);
    this.#requests.closing = true;
    this.#lastTaken = this.#streams.last;
    this.#output.goaway(this.#lastTaken, errorCode.none);
    this.#quiet();
  }

  #quiet(): void {
    if (this.#requests.closing && this.#streams.size === 0) this.#end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #fail(error: unknown): void {
    const code = error instanceof ProtocolError ? error.code : errorCode.internal;
    // Later GOAWAYs name no higher stream (6.8).
    this.#output.goaway(this.#lastTaken ?? this.#streams.last, code);
    this.#end();
    this.#onError(error instanceof Error ? error : new Error(String(error)));
    this.#requests.removeAll();
  }

  /** Nothing more is read; what is written leaves first. */
  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    queueMicrotask(() => {
      this.#output.release();
      this.#socket.end();
    });
  }

  #closed(): void {
    this.#ended = true;
    clearTimeout(this.#farewell);
    this.#requests.removeAll();
  }
}
