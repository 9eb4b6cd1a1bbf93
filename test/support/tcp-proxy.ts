// A TCP proxy that does to a connection what networks do: it holds bytes back, lets them vanish, cuts, and resets at the
// worst moment. It knows nothing of what it carries.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * - pass: carries everything, each piece `delay` ms late
 * - hold: connections stay and new ones are taken, but nothing is carried any more: dropped packets, a stopped process
 * - reset-answers: requests get through, the connection is reset when the answer comes
 * - reset-one-answer: the same, once; then pass
 * - refuse: connections are reset as soon as they are made
 */
export type Fault = "pass" | "hold" | "reset-answers" | "reset-one-answer" | "refuse";

export class TcpProxy implements AsyncDisposable {
  fault: Fault = "pass";
  /** Milliseconds by which every piece of an answer is late. */
  delay = 0;
  /** Connections made so far. */
  connections = 0;
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#join(client));
  }

  /** To a port of the loopback interface. */
  static async open(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    // A TCP server that listens has this kind of address.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection there is. */
  cut(): void {
    for (const socket of this.#sockets) reset(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    this.connections += 1;
    if (this.fault === "refuse") {
      reset(client);
      return;
    }
    const server = connect(this.#target, "127.0.0.1");
    this.#carry(client, server, false);
    this.#carry(server, client, true);
  }

  #carry(from: Socket, to: Socket, isAnswer: boolean): void {
    this.#sockets.add(from);
    let last = Promise.resolve();
    from.setNoDelay(true);
    from.on("data", (chunk) => {
      if (this.fault === "hold") return;
      if (this.fault.startsWith("reset") && isAnswer) {
        if (this.fault === "reset-one-answer") this.fault = "pass";
        from.destroy();
        reset(to);
        return;
      }
      // Each piece is late by itself, and none overtakes another.
      const due = performance.now() + (isAnswer ? this.delay : 0);
      last = last
        .then(() => sleep(Math.max(0, due - performance.now()), undefined, { ref: false }))
        .then(() => void (this.fault !== "hold" && to.writable && to.write(chunk)));
    });
    from.on("error", () => reset(to));
    from.on("close", () => {
      this.#sockets.delete(from);
      if (this.fault !== "hold") void last.then(() => to.destroy());
    });
  }
}

/** A socket that is being shut down cannot be reset: Node would leave its handle open, and never come to an end. */
function reset(socket: Socket): void {
  if (socket.destroyed || socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
