// What a connection sends: frames are written one after the other into a shared block of memory, and everything written
// while one chunk of input is worked off leaves in one socket write (fewer TLS records, fewer system calls: a third of
// the engine's time at 32 requests in flight). Outside of that, what is written leaves with the next microtask.
import type { Duplex } from "node:stream";
import { flag, frameHeader, frameType, writeUint32 } from "./frame.ts";
import { maxFreeSlabs, slabSize } from "./limits.ts";

/** Memory that outputs take turns to write into, front to back. */
interface Slab {
  readonly bytes: Buffer;
  at: number;
  /** Writes of its bytes that a socket has not finished with: as long as there is one, nothing before `at` is touched. */
  unsent: number;
  /** Ends one of them. */
  readonly sent: () => void;
  state: "held" | "free" | "full";
}

/**
 * One for all connections of a listener: only those that are just writing hold a slab. It is used again when sockets are
 * done with all of it. Left to the collector, those of a busy second wait together for its next full collection, and the
 * process does not get smaller again: its heap of C went to 34 MB under load, and goes to 16 to 26 now.
 */
export class SlabPool {
  readonly #free: Slab[] = [];

  take(least: number): Slab {
    const slab = this.#free.pop() ?? this.#make(slabSize);
    slab.state = "held";
    if (slab.unsent === 0) slab.at = 0;
    if (slab.bytes.length - slab.at >= least) return slab;
    slab.state = "full";
    return this.#make(Math.max(slabSize, least));
  }

  give(slab: Slab): void {
    slab.state = "full";
    if (slab.unsent === 0 || slab.bytes.length - slab.at >= slabSize >> 3) this.#keep(slab);
  }

  #make(size: number): Slab {
    const sent = (): void => {
      slab.unsent -= 1;
      if (slab.unsent === 0 && slab.state === "full") this.#keep(slab);
    };
    const slab: Slab = { bytes: Buffer.allocUnsafeSlow(size), at: 0, unsent: 0, sent, state: "held" };
    return slab;
  }

  #keep(slab: Slab): void {
    if (slab.bytes.length > slabSize || this.#free.length >= maxFreeSlabs) return;
    slab.state = "free";
    this.#free.push(slab);
  }
}

export interface OutputOptions {
  readonly pool: SlabPool;
  /** Called when the socket has enough. */
  readonly onFull: () => void;
  /** Called when it takes more again. */
  readonly onDrain: () => void;
}

const nothing = Buffer.alloc(0);

export class Output {
  readonly #socket: Duplex;
  readonly #options: OutputOptions;
  #slab: Slab | undefined;
  #start = 0;
  #held = false;
  #corked = false;
  #scheduled = false;
  /** Where to write: `reserve` first, then put bytes at `at` and move it on. */
  bytes: Buffer = nothing;
  at = 0;
  /** The socket has enough: what can wait should, until `onDrain`. */
  full = false;

  constructor(socket: Duplex, options: OutputOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  /** Bytes that the socket has not finished with, or not been given yet. */
  get unsent(): number {
    return this.#socket.writableLength + this.at - this.#start;
  }

  /** Makes room for `size` bytes at `at`. */
  reserve(size: number): void {
    if (this.bytes.length - this.at < size) this.#replace(size);
    if (this.#held || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#held) this.#flush();
    });
  }

  /** A frame header for `length` bytes of payload; room was reserved. */
  frame(length: number, type: number, flags: number, stream: number): void {
    const { bytes, at } = this;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    writeUint32(bytes, at + 5, stream);
    this.at = at + 9;
  }

  uint32(value: number): void {
    writeUint32(this.bytes, this.at, value);
    this.at += 4;
  }

  copy(source: Buffer, start = 0, end: number = source.length): void {
    this.at += source.copy(this.bytes, this.at, start, end);
  }

  rstStream(stream: number, code: number): void {
    this.reserve(frameHeader + 4);
    this.frame(4, frameType.rstStream, 0, stream);
    this.uint32(code);
  }

  windowUpdate(stream: number, increment: number): void {
    this.reserve(frameHeader + 4);
    this.frame(4, frameType.windowUpdate, 0, stream);
    this.uint32(increment);
  }

  goaway(lastStream: number, code: number): void {
    this.reserve(frameHeader + 8);
    this.frame(8, frameType.goaway, 0, 0);
    this.uint32(lastStream);
    this.uint32(code);
  }

  settings(settings: readonly (readonly [id: number, value: number])[]): void {
    this.reserve(frameHeader + settings.length * 6);
    this.frame(settings.length * 6, frameType.settings, 0, 0);
    for (const [id, value] of settings) {
      this.bytes[this.at++] = 0;
      this.bytes[this.at++] = id;
      this.uint32(value);
    }
  }

  settingsAck(): void {
    this.reserve(frameHeader);
    this.frame(0, frameType.settings, flag.ack, 0);
  }

  /** @param data eight bytes (RFC 9113, 6.7) */
  ping(data: Buffer): void {
    this.reserve(frameHeader + 8);
    this.frame(8, frameType.ping, 0, 0);
    this.copy(data, 0, 8);
  }

  /** Echoes the eight bytes at `start` (RFC 9113, 6.7). */
  pingAck(bytes: Buffer, start: number): void {
    this.reserve(frameHeader + 8);
    this.frame(8, frameType.ping, flag.ack, 0);
    this.copy(bytes, start, start + 8);
  }

  /** From here to `release` nothing is sent. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#flush();
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  #replace(size: number): void {
    // A second block in one batch: the socket puts them together.
    if (this.#held && !this.#corked && this.at > this.#start) {
      this.#corked = true;
      this.#socket.cork();
    }
    this.#flush();
    const slab = this.#options.pool.take(size);
    this.#slab = slab;
    this.bytes = slab.bytes;
    this.at = slab.at;
    this.#start = slab.at;
  }

  #flush(): void {
    const slab = this.#slab;
    if (slab === undefined) return;
    const block = this.bytes.subarray(this.#start, this.at);
    slab.at = this.at;
    this.#slab = undefined;
    this.bytes = nothing;
    this.at = 0;
    this.#start = 0;
    const sends = block.length > 0 && this.#socket.writable;
    if (sends) slab.unsent += 1;
    this.#options.pool.give(slab);
    if (sends && !this.#socket.write(block, slab.sent)) this.#wait();
  }

  #wait(): void {
    if (this.full) return;
    this.full = true;
    this.#options.onFull();
    this.#socket.once("drain", () => {
      this.full = false;
      this.#options.onDrain();
    });
  }
}
