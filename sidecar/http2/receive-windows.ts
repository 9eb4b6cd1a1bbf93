// How much the peer may still send (RFC 9113, 5.2 and 6.9): on one stream, and on all of a connection. It is told of
// new room when half of a window has been used up, not for every frame.
import { errorCode } from "./frame.ts";
import { connectionWindow, streamWindow } from "./limits.ts";
import type { Output } from "./output.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Http2Stream } from "./stream.ts";

const defaultWindow = 65_535;

export class ReceiveWindows {
  readonly #output: Output;
  #left = defaultWindow;
  #consumed = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Widens the connection's window, for which there is no setting. */
  open(): void {
    this.#left = connectionWindow;
    this.#output.windowUpdate(0, connectionWindow - defaultWindow);
  }

  /** A DATA frame came. @throws ProtocolError */
  take(length: number): void {
    this.#left -= length;
    if (this.#left < 0) throw new ProtocolError(errorCode.flowControl, "DATA exceeds the window of the connection");
  }

  /** Bytes of a DATA frame are no longer in memory. */
  credit(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < connectionWindow >> 1) return;
    this.#left += this.#consumed;
    this.#output.windowUpdate(0, this.#consumed);
    this.#consumed = 0;
  }

  /** The same, of a stream that may go on. */
  creditStream(stream: Http2Stream, bytes: number): void {
    this.credit(bytes);
    if (stream.remoteEnded || stream.closed) return;
    stream.consumed += bytes;
    if (stream.consumed < streamWindow >> 1) return;
    stream.receiveWindow += stream.consumed;
    this.#output.windowUpdate(stream.id, stream.consumed);
    stream.consumed = 0;
  }
}
