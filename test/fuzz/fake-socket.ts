// A socket without a network: the engine's side of a connection, fed by hand, so that millions of inputs take minutes.
import { Duplex } from "node:stream";
import { parseFrames } from "../sidecar/http2/raw-frames.ts";
import type { RawFrame } from "../sidecar/http2/raw-frames.ts";

export class FakeSocket extends Duplex {
  readonly written: Buffer[] = [];
  bytesWritten = 0;
  ended = false;

  override _read(): void {
    // Fed by `feed`.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // A copy: when `done` is called, the engine uses the memory again.
    this.written.push(Buffer.from(chunk));
    this.bytesWritten += chunk.length;
    done();
  }

  override _final(done: () => void): void {
    this.ended = true;
    done();
  }

  /** Hands a chunk to the engine, as the event loop would. */
  feed(chunk: Buffer): void {
    this.emit("data", chunk);
  }

  /** What the engine has sent; fails when it is not made of whole frames. */
  frames(): RawFrame[] {
    const { frames, rest } = parseFrames(Buffer.concat(this.written));
    if (rest.length > 0) throw new Error(`the engine sent ${rest.length} bytes that are no frame`);
    return frames;
  }
}
