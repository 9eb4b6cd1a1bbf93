// Counts the handshakes in progress by address. A handshake is known by its remote address and port, because the TLS
// socket that ends it is another object than the raw one that began it.
import type { Socket } from "node:net";

export class Handshakes {
  readonly #limit: number;
  readonly #byAddress = new Map<string, Set<number>>();

  /** @param limit how many one address may have at a time */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** False when the address has too many already. Ends by itself when the socket closes. */
  begin(socket: Socket): boolean {
    const { remoteAddress: address = "", remotePort: port = 0 } = socket;
    const ports = this.#byAddress.get(address) ?? new Set<number>();
    if (ports.size >= this.#limit) return false;
    ports.add(port);
    this.#byAddress.set(address, ports);
    socket.once("close", () => this.#remove(address, port));
    return true;
  }

  /** The handshake of this socket is over, well or badly. */
  end(socket: Socket): void {
    this.#remove(socket.remoteAddress ?? "", socket.remotePort ?? 0);
  }

  #remove(address: string, port: number): void {
    const ports = this.#byAddress.get(address);
    ports?.delete(port);
    if (ports?.size === 0) this.#byAddress.delete(address);
  }
}
