// One HTTP/2 connection that asks one thing after the other, for what is measured from a question to its answer. As the load
// generator does, it takes as little time for itself as it can: Node's own client takes more than the server.
import { once } from "node:events";
import { connect } from "node:tls";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { frame, flagEndHeaders, flagEndStream, frameHeaders, framePing, frameSettings, preface } from "./connection.ts";

const statusOk = 0x88;

export class Asker implements Disposable {
  readonly #socket: TLSSocket;
  #stream = 1;
  #rest: Buffer = Buffer.alloc(0);
  #status = 0;
  #asked: PromiseWithResolvers<void> | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#asked?.reject(error));
    socket.on("close", () => this.#asked?.reject(new Error("the server closed the connection")));
  }

  static async open(options: ConnectionOptions): Promise<Asker> {
    const socket = connect({ ...options, ALPNProtocols: ["h2"] });
    socket.setNoDelay(true);
    await once(socket, "secureConnect");
    socket.write(preface());
    return new Asker(socket);
  }

  /** @throws Error unless the answer is a 200 */
  put(path: string): Promise<void> {
    const asked = Promise.withResolvers<void>();
    this.#asked = asked;
    const request = frame(frameHeaders, flagEndHeaders | flagEndStream, headerBlock("PUT", path));
    request.writeUInt32BE(this.#stream, 5);
    this.#stream += 2;
    this.#socket.write(request);
    return asked.promise;
  }

  [Symbol.dispose](): void {
    this.#asked = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const length = 9 + bytes.readUIntBE(0, 3);
      this.#frame(bytes.subarray(0, length));
      bytes = bytes.subarray(length);
    }
    this.#rest = bytes;
  }

  #frame(bytes: Buffer): void {
    const [type = 0, flags = 0] = bytes.subarray(3, 5);
    if (bytes.readUInt32BE(5) === 0) return this.#control(type, flags, bytes.subarray(9));
    if (type === frameHeaders) this.#status = bytes[9] ?? 0;
    if ((flags & flagEndStream) === 0) return;
    if (this.#status === statusOk) this.#asked?.resolve();
    else this.#asked?.reject(new Error(`an answer was no 200: ${bytes.toString("latin1", 9)}`));
  }

  /** Acknowledges what wants to be. */
  #control(type: number, flags: number, payload: Buffer): void {
    if ((flags & 1) !== 0) return;
    if (type === frameSettings) this.#socket.write(frame(type, 1, Buffer.alloc(0)));
    if (type === framePing) this.#socket.write(frame(type, 1, payload));
  }
}

/** Literals without indexing, so that each request is like the first (RFC 7541 section 6.2.2). */
function headerBlock(method: string, path: string): Buffer {
  const literals = [
    [2, method],
    [4, path],
    [1, "127.0.0.1:7373"],
  ] as const;
  const parts = literals.map(([name, value]) => Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)]));
  return Buffer.concat([Buffer.from([0x87]), ...parts]);
}
