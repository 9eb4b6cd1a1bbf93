// A client that sends whatever bytes it is told to, and keeps every frame that comes back.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { ack, frame, parseFrames, preface, settings, type } from "./raw-frames.ts";
import type { RawFrame } from "./raw-frames.ts";

export type Server = Pick<ConnectionOptions, "port" | "key" | "cert">;

export class RawClient implements Disposable {
  readonly socket: TLSSocket;
  readonly frames: RawFrame[] = [];
  closed = false;
  #rest: Buffer = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      const { frames, rest } = parseFrames(Buffer.concat([this.#rest, chunk]));
      this.#rest = rest;
      this.frames.push(...frames);
      this.#wake();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
  }

  /** @param to a port of this machine, or with a client certificate */
  static async connect(to: number | Server): Promise<RawClient> {
    const server = typeof to === "number" ? { port: to } : to;
    const socket = connect({ host: "127.0.0.1", ...server, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return new RawClient(socket);
  }

  /** Connects, sends the preface with these settings, and waits until both sides' SETTINGS are through. */
  static async greeted(to: number | Server, ...own: readonly (readonly [number, number])[]): Promise<RawClient> {
    const client = await RawClient.connect(to);
    client.send(preface, frame(type.settings, 0, 0, settings(...own)), frame(type.settings, ack, 0));
    await client.until((f) => f.type === type.settings && f.flags === ack);
    return client;
  }

  send(...parts: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** The first frame, of all that came, that satisfies the test. */
  async until(test: (frame: RawFrame) => boolean, what = "a frame"): Promise<RawFrame> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const found = this.frames.find((frame) => test(frame));
      if (found !== undefined) return found;
      if (this.closed) assert.fail(`the connection closed before ${what}; came: ${this.#seen()}`);
      if (Date.now() > deadline) assert.fail(`waited in vain for ${what}; came: ${this.#seen()}`);
      await this.#next(deadline - Date.now());
    }
  }

  /** The error code of the RST_STREAM for a stream. */
  async resetOf(stream: number): Promise<number> {
    const reset = await this.until((f) => f.type === type.rstStream && f.stream === stream, `a reset of ${stream}`);
    return reset.payload.readUInt32BE(0);
  }

  /** The error code of GOAWAY. */
  async goaway(): Promise<number> {
    return (await this.until((f) => f.type === type.goaway, "GOAWAY")).payload.readUInt32BE(4);
  }

  /** The body of the answer on a stream, when it has ended. */
  async body(stream: number): Promise<string> {
    const ended = (f: RawFrame): boolean => f.stream === stream && f.type <= 1 && (f.flags & 1) !== 0;
    await this.until(ended, `the end of the answer on ${stream}`);
    return this.bodySoFar(stream).toString();
  }

  bodySoFar(stream: number): Buffer {
    return Buffer.concat(this.frames.filter((f) => f.type === type.data && f.stream === stream).map((f) => f.payload));
  }

  /** Waits until everything sent so far was worked off. */
  async settle(): Promise<void> {
    const mark = Buffer.from(String(Math.random()).slice(2, 10).padEnd(8, "0"));
    this.send(frame(type.ping, 0, 0, mark));
    await this.until((f) => f.type === type.ping && f.payload.equals(mark), "the answer to a ping");
  }

  async ended(): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!this.closed) {
      if (Date.now() > deadline) assert.fail(`the connection stays open; came: ${this.#seen()}`);
      await this.#next(deadline - Date.now());
    }
  }

  #next(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(milliseconds, 0));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #seen(): string {
    const last = this.frames.slice(-20);
    return last.map((f) => `${f.type}/${f.flags}@${f.stream}:${f.payload.toString("hex", 0, 16)}`).join(" ");
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
