// The handshakes in progress, by address: nobody is authenticated yet, so one address may have so many and no more. A
// handshake is known by its remote address and port, because the TLS socket that ends it is another object than the raw
// one that began it.
import type { Socket } from "node:net";

export class Handshakes {
  readonly #limit: number;
  readonly #byAddress = new Map<string, Map<number, Socket>>();

  /** @param limit how many one address may have at a time */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when the address has too many already. Ends by itself when the socket closes; then `broken` is called. */
  begin(socket: Socket, broken: () => void): boolean {
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    const sockets = this.#byAddress.get(address) ?? new Map<number, Socket>();
    if (sockets.size >= this.#limit) return false;
    sockets.set(port, socket);
    this.#byAddress.set(address, sockets);
    socket.once("close", () => {
      if (this.#byAddress.get(address)?.get(port) !== socket) return;
      this.#remove(address, port);
      broken();
    });
    return true;
  }

  /** The handshake of this TLS socket is over, well or badly. Returns the raw socket below, unless that has closed. */
  end(socket: Socket): Socket | undefined {
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    const raw = this.#byAddress.get(address)?.get(port);
    this.#remove(address, port);
    return raw;
  }

  /** Ends them all: nothing in progress may hold up a stop. */
  cut(): void {
    for (const sockets of this.#byAddress.values()) for (const socket of sockets.values()) socket.destroy();
  }

  #remove(address: string, port: number): void {
    const sockets = this.#byAddress.get(address);
    sockets?.delete(port);
    if (sockets?.size === 0) this.#byAddress.delete(address);
  }
}
