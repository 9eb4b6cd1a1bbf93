// The one TLS listener (decisions T6): raw socket → first byte looked at → TLS → certificate rules → ALPN → engine.
// It owns every connection: caps them, closes idle and slow ones, ends those whose certificate has expired or is no
// longer trusted after a reload, and closes all of them on stop.
import { createServer as createTcpServer } from "node:net";
import type { Server as TcpServer, Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Server as TlsServer, TLSSocket } from "node:tls";
import type { Address } from "../contract/config.ts";
import { KesError, messageOf } from "../errors.ts";
import type { Exchange, Peer } from "../http/exchange.ts";
import { chainOf, onExpiry, peerOf } from "./connection.ts";
import type { Connection } from "./connection.ts";
import type { EngineConnection } from "./engine.ts";
import { Handshakes } from "./handshakes.ts";
import { Http1Engine } from "./http1.ts";
import { NodeHttp2Connection } from "./http2-node.ts";
import { handshakeTimeout, idleTimeout, maxConnections, maxHandshakesPerAddress, sweepInterval } from "./limits.ts";
import { contextOptions, installTrust } from "./tls.ts";
import type { TlsMaterial } from "./tls.ts";
import { isTrusted, rootsOf } from "./trust.ts";

export interface ListenerOptions {
  readonly address: Address;
  readonly material: TlsMaterial;
  /** False when at least one API is open without a certificate. */
  readonly certificateRequired: boolean;
  readonly serve: (exchange: Exchange) => void;
  /** True for peers whose identity has a role: they stay when connections run out. */
  readonly isKnown: (peer: Peer) => boolean;
  readonly events: ListenerEvents;
}

export interface ListenerEvents {
  /** A handshake or a protocol failed: who and why. */
  failed(address: string, reason: string): void;
  opened(): void;
  closed(): void;
}

const plainHttpAnswer = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
const tlsHandshakeRecord = 0x16;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #tcp: TcpServer;
  readonly #tls: TlsServer;
  readonly #http1 = new Http1Engine();
  readonly #connections = new Set<Connection>();
  readonly #handshakes = new Handshakes(maxHandshakesPerAddress);
  readonly #sweeper: NodeJS.Timeout;
  #material: TlsMaterial;
  #certificateRequired: boolean;
  #stopping = false;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#material = options.material;
    this.#certificateRequired = options.certificateRequired;
    installTrust(options.material);
    this.#tls = createTlsServer(contextOptions(options.material));
    this.#tls.on("secureConnection", (socket) => this.#accept(socket));
    this.#tls.on("tlsClientError", (error, socket) => this.#failed(socket.remoteAddress, error));
    this.#tcp = createTcpServer({ noDelay: true }, (socket) => this.#receive(socket));
    this.#sweeper = setInterval(() => this.#sweep(), sweepInterval).unref();
  }

  /** @throws KesError AddressInUse */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    const { host, port } = options.address;
    await new Promise<void>((resolve, reject) => {
      listener.#tcp.once("error", (error) => {
        clearInterval(listener.#sweeper);
        const hint = "choose another with --addr or `address`, or stop what holds it";
        const message = `cannot listen on ${host}:${port}: ${messageOf(error)}; ${hint}`;
        reject(new KesError("AddressInUse", message, { cause: error }));
      });
      listener.#tcp.listen(port, host, resolve);
    });
    return listener;
  }

  /** Where it listens; the port is real even when 0 was asked for. */
  get address(): Address {
    const bound = this.#tcp.address();
    return typeof bound === "object" && bound !== null
      ? { host: bound.address, port: bound.port }
      : this.#options.address;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Uses new material for handshakes from now on, and ends connections that it no longer trusts. */
  update(material: TlsMaterial, certificateRequired: boolean): void {
    this.#material = material;
    this.#certificateRequired = certificateRequired;
    installTrust(material);
    this.#tls.setSecureContext(contextOptions(material));
    if (!material.verify) return;
    const roots = rootsOf(material);
    for (const connection of this.#connections) {
      if (!isTrusted(connection.chain, roots, Date.now())) connection.engine.close();
    }
  }

  /** No new connections or requests; what is in flight after `grace` ms is cut. */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sweeper);
    const closed = new Promise<void>((resolve) => void this.#tcp.close(() => resolve()));
    for (const connection of this.#connections) connection.engine.close();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.engine.destroy();
    }, grace);
    await closed;
    clearTimeout(cut);
  }

  // A TLS record starts with 0x16; anything else is answered in plain text, as Go's server does.
  #receive(socket: Socket): void {
    if (this.#stopping || !this.#handshakes.begin(socket)) return void socket.destroy();
    socket.on("error", () => socket.destroy());
    const timer = setTimeout(() => socket.destroy(), handshakeTimeout);
    socket.once("close", () => clearTimeout(timer));
    socket.once("data", (first: Buffer) => {
      clearTimeout(timer);
      socket.pause();
      if (first[0] === tlsHandshakeRecord) {
        socket.unshift(first);
        this.#tls.emit("connection", socket);
      } else socket.end(plainHttpAnswer);
    });
  }

  #accept(socket: TLSSocket): void {
    this.#handshakes.end(socket);
    const refusal = this.#refusalOf(socket);
    if (refusal !== undefined) {
      this.#failed(socket.remoteAddress, new Error(refusal));
      return void socket.destroy();
    }
    const chain = chainOf(socket);
    const peer = peerOf(socket, chain);
    if (this.#connections.size >= maxConnections && !this.#makeRoom(peer)) return void socket.destroy();
    socket.on("error", () => socket.destroy());
    const connection: Connection = { socket, peer, chain, engine: this.#engineFor(socket, peer) };
    this.#connections.add(connection);
    this.#options.events.opened();
    const leaf = chain[0];
    const callOff = leaf === undefined ? undefined : onExpiry(leaf, () => this.#expired(connection));
    socket.once("close", () => {
      callOff?.();
      this.#connections.delete(connection);
      this.#options.events.closed();
    });
  }

  // Why a completed handshake is not good enough (reference 1.2).
  #refusalOf(socket: TLSSocket): string | undefined {
    if (this.#stopping) return "the server is stopping";
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return this.#certificateRequired ? "client sent no certificate" : undefined;
    if (!this.#material.verify || socket.authorized) return undefined;
    return `client certificate is not trusted: ${messageOf(socket.authorizationError)}`;
  }

  #engineFor(socket: TLSSocket, peer: Peer): EngineConnection {
    const onProtocolError = (error: Error): void => this.#failed(peer.address, error);
    const options = { peer, serve: this.#options.serve, onProtocolError };
    return socket.alpnProtocol === "h2" ? new NodeHttp2Connection(socket, options) : this.#http1.open(socket, options);
  }

  #makeRoom(newcomer: Peer): boolean {
    const stranger = [...this.#connections].find((connection) => !this.#options.isKnown(connection.peer));
    if (stranger === undefined || !this.#options.isKnown(newcomer)) return false;
    stranger.engine.destroy();
    this.#connections.delete(stranger);
    return true;
  }

  #expired(connection: Connection): void {
    if (!this.#material.verify) return;
    this.#failed(connection.peer.address, new Error("client certificate has expired"));
    connection.engine.close();
  }

  #sweep(): void {
    const now = performance.now();
    for (const { engine } of this.#connections) {
      if (engine.overdue(now)) engine.destroy();
      else if (engine.active === 0 && now - engine.quietSince > idleTimeout) engine.close();
    }
  }

  #failed(address: string | undefined, error: Error): void {
    this.#options.events.failed(address ?? "", error.message);
  }
}
