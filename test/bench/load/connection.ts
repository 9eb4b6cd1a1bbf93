// One HTTP/2 connection of the load generator. It must cost much less than the server it measures, so it writes
// requests as copies of prebuilt frames and looks only at what it must of the answers: that each came, with status 200
// and a body of the right length. The header blocks have the shape that Go's client (which MinIO uses) sends: literals
// that enter the dynamic table on the first request, one byte per field on all others.
import { connect } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";

export interface LoadRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: Buffer;
}

export interface ConnectionEvents {
  /** An answer came: milliseconds it took, whether it was right. */
  readonly answered: (latency: number, right: boolean) => void;
  readonly failed: (reason: string) => void;
  /** The server wants new requests on another connection; those in flight are still answered. Without this, a failure. */
  readonly ending?: () => void;
}

const frameData = 0;
export const frameHeaders = 1;
const frameReset = 3;
export const frameSettings = 4;
export const framePing = 6;
const frameGoaway = 7;
const frameWindowUpdate = 8;
/** Frames that the receiver acknowledges. */
const answered = new Set([frameSettings, framePing]);
export const flagEndStream = 1;
export const flagEndHeaders = 4;
const statusOk = 0x88;
const ring = 4096;
const largestWindow = 2 ** 31 - 1;

export class LoadConnection {
  readonly #socket: TLSSocket;
  readonly #events: ConnectionEvents;
  readonly #first: Buffer;
  readonly #next: Buffer;
  readonly #bodyLength: number;
  /** By stream, as rings: more streams than their length are never open. */
  readonly #started = new Float64Array(ring);
  readonly #bodies = new Int32Array(ring);
  readonly #right = new Uint8Array(ring);
  #nextStream = 1;
  #sendWindow = 65_535;
  #waiting = 0;
  #received = 0;
  #rest: Buffer = Buffer.alloc(0);
  #expectedLength = -1;
  #sawFirst = false;
  #toReplace = 0;
  /** Requests without an answer. */
  #open = 0;
  #going = true;
  #isEnding = false;

  constructor(options: ConnectionOptions, request: LoadRequest, events: ConnectionEvents) {
    this.#events = events;
    this.#bodyLength = request.body.length;
    const [first, next] = headerBlocks(request);
    this.#first = requestFrames(first, request.body);
    this.#next = requestFrames(next, request.body);
    this.#socket = connect({ ...options, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#socket.on("error", (error) => events.failed(error.message));
    this.#socket.on("close", () => {
      if (!this.#isEnding || this.#open > 0) events.failed("the server closed the connection");
    });
  }

  /** Waits for the handshake, then sends the preface. */
  async opened(): Promise<void> {
    await new Promise((resolve, reject) => this.#socket.once("secureConnect", resolve).once("error", reject));
    this.#socket.write(preface());
  }

  /** Sends so many requests in one write. Each answer is followed by a new request until `close`. */
  send(count: number): void {
    let ready = count + this.#waiting;
    if (this.#bodyLength > 0) ready = Math.min(ready, Math.floor(this.#sendWindow / this.#bodyLength));
    this.#waiting += count - ready;
    if (ready <= 0) return;
    this.#sendWindow -= ready * this.#bodyLength;
    this.#open += ready;
    const frames = this.#frames(ready);
    this.#socket.write(frames);
  }

  /** Sends nothing more. @returns how many requests have no answer after so many milliseconds */
  async drain(milliseconds: number): Promise<number> {
    this.#going = false;
    const deadline = performance.now() + milliseconds;
    while (this.#open > 0 && performance.now() < deadline) await sleep(10);
    return this.#open;
  }

  close(): void {
    this.#going = false;
    this.#socket.removeAllListeners("close");
    this.#socket.destroy();
  }

  #frames(count: number): Buffer {
    const now = performance.now();
    const firstLength = this.#nextStream === 1 ? this.#first.length : this.#next.length;
    const frames = Buffer.allocUnsafe(firstLength + (count - 1) * this.#next.length);
    let at = 0;
    for (let n = 0; n < count; n++) {
      const template = this.#nextStream === 1 ? this.#first : this.#next;
      frames.set(template, at);
      frames.writeUInt32BE(this.#nextStream, at + 5);
      if (this.#bodyLength > 0) {
        const headers = 9 + frames.readUIntBE(at, 3);
        frames.writeUInt32BE(this.#nextStream, at + headers + 5);
      }
      this.#started[(this.#nextStream >> 1) % ring] = now;
      this.#nextStream += 2;
      at += template.length;
    }
    return frames;
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const now = performance.now();
    let at = 0;
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < 9 + length) break;
      this.#frame(bytes, at, length, now);
      at += 9 + length;
    }
    this.#rest = bytes.subarray(at);
    const count = this.#toReplace;
    this.#toReplace = 0;
    if (this.#going && count > 0) this.send(count);
    this.#replenish();
  }

  #frame(bytes: Buffer, at: number, length: number, now: number): void {
    const type = bytes[at + 3];
    const flags = bytes[at + 4] ?? 0;
    const slot = (bytes.readUInt32BE(at + 5) >> 1) % ring;
    if (type === frameData) this.#data(bytes, at, length, slot);
    else if (type === frameHeaders) this.#headers(bytes, at, slot);
    else this.#control(bytes, at, length);
    const ends = (type === frameData || type === frameHeaders) && (flags & flagEndStream) !== 0;
    if (ends) this.#finish(slot, now);
  }

  #headers(bytes: Buffer, at: number, slot: number): void {
    this.#right[slot] = bytes[at + 9] === statusOk ? 1 : 0;
    this.#bodies[slot] = 0;
  }

  #data(bytes: Buffer, at: number, length: number, slot: number): void {
    this.#received += length;
    this.#bodies[slot] = (this.#bodies[slot] ?? 0) + length;
    if (this.#sawFirst || length === 0) return;
    this.#sawFirst = true;
    const text = bytes.toString("utf8", at + 9, at + 9 + length);
    if (!text.startsWith("{") || !text.endsWith("}\n")) this.#events.failed(`an answer was no JSON: ${text}`);
  }

  #finish(slot: number, now: number): void {
    const length = this.#bodies[slot] ?? 0;
    // Every right answer of a run has the same length, learnt from the first.
    if (this.#expectedLength === -1) this.#expectedLength = length;
    this.#toReplace += 1;
    this.#open -= 1;
    this.#events.answered(
      now - (this.#started[slot] ?? now),
      this.#right[slot] === 1 && length === this.#expectedLength,
    );
  }

  #control(bytes: Buffer, at: number, length: number): void {
    const [type = 0, flags = 0] = bytes.subarray(at + 3, at + 5);
    const payload = bytes.subarray(at + 9, at + 9 + length);
    if (type === frameGoaway) this.#goaway(payload);
    else if (type === frameReset) this.#events.failed(`the server reset a stream: ${payload.toString("hex")}`);
    else if (type === frameWindowUpdate) {
      this.#widen(bytes.readUInt32BE(at + 5), payload.readUInt32BE(0));
    } else if (answered.has(type) && (flags & 1) === 0) {
      this.#socket.write(frame(type, 1, type === framePing ? payload : Buffer.alloc(0)));
    }
  }

  #goaway(payload: Buffer): void {
    const isPlanned = payload.readUInt32BE(4) === 0 && this.#events.ending !== undefined;
    if (!isPlanned) this.#events.failed(`the server sent GOAWAY: ${payload.toString("hex")}`);
    if (!isPlanned || this.#isEnding) return;
    this.#isEnding = true;
    this.#going = false;
    this.#events.ending?.();
  }

  /** Only the connection's window is kept: no request comes near its stream's. */
  #widen(stream: number, increment: number): void {
    if (stream !== 0) return;
    this.#sendWindow += increment;
    if (this.#waiting > 0) this.send(0);
  }

  #replenish(): void {
    if (this.#received < 2 ** 29) return;
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(this.#received);
    this.#received = 0;
    this.#socket.write(frame(frameWindowUpdate, 0, increment));
  }
}

/** What a client sends first: magic, settings, and a wide window. */
export function preface(): Buffer {
  const settings = Buffer.alloc(12);
  settings.writeUInt16BE(2, 0); // ENABLE_PUSH 0
  settings.writeUInt16BE(4, 6); // INITIAL_WINDOW_SIZE
  settings.writeUInt32BE(4 << 20, 8);
  const window = Buffer.alloc(4);
  window.writeUInt32BE(largestWindow - 65_535);
  const magic = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  return Buffer.concat([magic, frame(frameSettings, 0, settings), frame(frameWindowUpdate, 0, window)]);
}

/** Of stream 0 until somebody writes another number at byte 5. */
export function frame(type: number, flags: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  payload.copy(bytes, 9);
  return bytes;
}

function requestFrames(block: Buffer, body: Buffer): Buffer {
  if (body.length === 0) return frame(frameHeaders, flagEndHeaders | flagEndStream, block);
  return Buffer.concat([frame(frameHeaders, flagEndHeaders, block), frame(frameData, flagEndStream, body)]);
}

/** The header block of the first request of a connection, and that of every later one (RFC 7541, 6.1 and 6.2.1). */
function headerBlocks(request: LoadRequest): [first: Buffer, next: Buffer] {
  const literals: (readonly [staticName: number, value: string])[] = [
    [1, "127.0.0.1:7373"],
    [4, request.path],
    [16, "gzip"],
    [58, "Go-http-client/2.0"],
  ];
  if (request.body.length > 0) literals.push([28, String(request.body.length)], [31, "application/json"]);
  const fixed = Buffer.from([request.method === "POST" ? 0x83 : 0x82, 0x87]);
  const first = literals.map(([name, value]) => {
    return Buffer.concat([Buffer.from([0x40 | name, value.length]), Buffer.from(value)]);
  });
  const next = literals.map((_, n) => 0x80 | (62 + literals.length - 1 - n));
  return [Buffer.concat([fixed, ...first]), Buffer.concat([fixed, Buffer.from(next)])];
}
