// The connections to Vault: those that nobody uses are kept for a moment, for the next call.
import { connect as connectPlain, isIP } from "node:net";
import type { Socket } from "node:net";
import { createSecureContext, connect as connectTls } from "node:tls";
import type { ConnectionOptions, SecureContext } from "node:tls";
import { asBroken, Channel, hangUp } from "./channel.ts";
import type { Patience } from "./patience.ts";
import type { Target } from "./target.ts";
import { Turns } from "./turns.ts";

const mostCalls = 64;
const mostIdle = 8;
/** Milliseconds after which a connection without traffic is asked for a sign of life by the system (TCP keep-alive). */
const keepAliveDelay = 1000;

export class Pool implements Disposable {
  readonly turns = new Turns(mostCalls);
  readonly #material: ConnectionOptions;
  /** Made once, since all CAs are read for it; and late, so that certificates that do not fit fail a call, not the start. */
  #secureContext: SecureContext | undefined;
  readonly #sockets = new Set<Socket>();
  /** The one used last at the end. */
  #idle: Channel[] = [];

  /** @param material for TLS: the CAs, and the client's certificate */
  constructor(material: ConnectionOptions) {
    this.#material = material;
  }

  /** Takes a connection that is there and free. */
  idle({ origin }: Target): Channel | undefined {
    const at = this.#idle.findLastIndex((channel) => channel.origin === origin);
    return at < 0 ? undefined : this.#idle.splice(at, 1)[0];
  }

  /** @throws BrokenConnection, what the network throws, or why `patience` ended */
  async open(target: Target, patience: Patience): Promise<Channel> {
    const socket = this.#connect(target);
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    await opened(socket, target, patience);
    const channel = new Channel(socket, target.origin, {
      onFree: () => this.#keep(channel),
      onClosed: () => this.#forget(channel),
    });
    return channel;
  }

  dropIdle(): void {
    for (const channel of this.#idle.splice(0)) channel.close();
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect({ secure, hostname: host, port }: Target): Socket {
    const options = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelay };
    if (!secure) return connectPlain(options);
    return connectTls({
      ...options,
      ...(isIP(host) === 0 && { servername: host }),
      secureContext: (this.#secureContext ??= createSecureContext(this.#material)),
      ALPNProtocols: ["http/1.1"],
    });
  }

  #keep(channel: Channel): void {
    this.#idle.push(channel);
    if (this.#idle.length > mostIdle) this.#idle.shift()?.close();
  }

  #forget(channel: Channel): void {
    const at = this.#idle.indexOf(channel);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

/** Waits until it is connected, and for TLS until it is known to whom: nothing is written before. */
async function opened(socket: Socket, { secure }: Target, patience: Patience): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (error: Error): void => reject(asBroken(error, false));
  const closed = (): void => fail(hangUp());
  patience.watch((reason) => {
    reject(reason);
    socket.destroy();
  });
  socket
    .once(secure ? "secureConnect" : "connect", resolve)
    .once("error", fail)
    .once("close", closed);
  await promise;
  socket.off("error", fail).off("close", closed);
}
