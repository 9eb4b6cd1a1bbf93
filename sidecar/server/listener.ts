// The one TLS listener (decisions T6): raw socket → TLS → certificate rules → ALPN → engine.
// It owns every connection: caps them, closes idle and slow ones, ends those whose certificate has expired or is no
// longer trusted after a reload, and closes all of them on stop.
import type { X509Certificate } from "node:crypto";
import { createServer as createTcpServer } from "node:net";
import type { Server as TcpServer, Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import type { Server as TlsServer, TLSSocket } from "node:tls";
import type { Address } from "../contract/config.ts";
import { KesError, messageOf } from "../errors.ts";
import type { Exchange, Peer } from "../http/exchange.ts";
import { errorCode } from "../http2/frame.ts";
import { ProtocolError } from "../http2/protocol-error.ts";
import { addressOf, chainOf, onExpiry, peerOf } from "./connection.ts";
import type { Connection } from "./connection.ts";
import type { EngineConnection } from "./engine.ts";
import { Handshakes } from "./handshakes.ts";
import { Http1Engine } from "./http1.ts";
import { NodeHttp2Connection } from "./http2-node.ts";
import { OwnHttp2Engine } from "./http2-own.ts";
import {
  connectionAge,
  endTimeout,
  handshakeTimeout,
  idleTimeout,
  maxConnections,
  maxHandshakesPerAddress,
  sweepInterval,
} from "./limits.ts";
import { Offenders } from "./offenders.ts";
import type { Standing } from "./standing.ts";
import { contextOptions, installTrust } from "./tls.ts";
import type { TlsMaterial } from "./tls.ts";
import { isTrusted, rootsOf } from "./trust.ts";

export interface ListenerOptions {
  readonly address: Address;
  readonly material: TlsMaterial;
  /** False when at least one API is open without a certificate. */
  readonly certificateRequired: boolean;
  readonly serve: (exchange: Exchange) => void;
  /** Strangers are cut when connections run out, and an address of TLS proxies never has to wait. */
  readonly standingOf: (peer: Peer) => Standing;
  readonly events: ListenerEvents;
  /** Which HTTP/2 implementation new connections get; node's own when absent. */
  readonly http2Engine?: () => "own" | "node";
  /** Milliseconds after which an HTTP/2 client is asked to connect anew. */
  readonly connectionAge?: number;
  /** Established connections. */
  readonly maxConnections?: number;
}

export interface ListenerEvents {
  /** A handshake or a protocol failed: who and why. */
  failed(address: string, reason: string): void;
  opened(): void;
  closed(): void;
}

const plainHttpAnswer = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/** How OpenSSL calls bytes that are the beginning of an HTTP request. */
const plainHttp = "ERR_SSL_HTTP_REQUEST";

export class Listener {
  readonly #options: ListenerOptions;
  readonly #tcp: TcpServer;
  readonly #tls: TlsServer;
  readonly #http1 = new Http1Engine();
  readonly #http2 = new OwnHttp2Engine();
  readonly #connections = new Set<Connection>();
  readonly #handshakes = new Handshakes(maxHandshakesPerAddress);
  readonly #offenders = new Offenders();
  readonly #sweeper: NodeJS.Timeout;
  #material: TlsMaterial;
  #roots: readonly X509Certificate[];
  /** performance.now() of the last update: handshakes that began before it were judged by the former material. */
  #updated = Number.NEGATIVE_INFINITY;
  #certificateRequired: boolean;
  #stopping = false;

  private constructor(options: ListenerOptions) {
    this.#options = options;
    this.#material = options.material;
    this.#roots = options.material.verify ? rootsOf(options.material) : [];
    this.#certificateRequired = options.certificateRequired;
    installTrust(options.material);
    this.#tls = createTlsServer(contextOptions(options.material));
    this.#tls.on("secureConnection", (socket) => this.#accept(socket));
    this.#tls.on("tlsClientError", (error, socket) => this.#reject(error, socket));
    this.#tcp = createTcpServer({ noDelay: true, pauseOnConnect: true }, (socket) => this.#receive(socket));
    this.#sweeper = setInterval(() => this.#sweep(), sweepInterval).unref();
  }

  /** @throws KesError AddressInUse */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    const { host, port } = options.address;
    await new Promise<void>((resolve, reject) => {
      listener.#tcp.once("error", (error) => {
        clearInterval(listener.#sweeper);
        const isDenied = "code" in error && error.code === "EACCES";
        const otherwise = isDenied ? "ports below 1024 need a privilege" : "or stop what holds it";
        const hint = `choose another with --addr or \`address\`, ${otherwise}`;
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

  /** Uses new material for handshakes from now on, and ends connections that it no longer admits. */
  update(material: TlsMaterial, certificateRequired: boolean): void {
    this.#material = material;
    this.#roots = material.verify ? rootsOf(material) : [];
    this.#certificateRequired = certificateRequired;
    this.#updated = performance.now();
    installTrust(material);
    this.#tls.setSecureContext(contextOptions(material));
    for (const connection of this.#connections) {
      if (!this.#admits(connection.chain)) this.#end(connection);
    }
  }

  /** No new connections or requests; what is in flight after `grace` ms is cut. */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sweeper);
    const closed = new Promise<void>((resolve) => void this.#tcp.close(() => resolve()));
    this.#handshakes.cut();
    const open = [...this.#connections];
    for (const { engine } of open) engine.close();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.engine.destroy();
    }, grace);
    await closed;
    clearTimeout(cut);
    // Requests learn of the end of their socket a few turns later; until then they are not in the audit log.
    for (let turn = 0; turn < 100 && open.some(({ engine }) => engine.active > 0); turn += 1) await setImmediate();
  }

  #receive(socket: Socket): void {
    const address = addressOf(socket);
    // A probe that only connects, and goes, is not worth a line.
    const broken = (): void => {
      if (socket.bytesRead > 0) this.#failed(address, new Error("the client left during the handshake"));
    };
    if (this.#stopping || !this.#handshakes.begin(socket, broken)) return void socket.destroy();
    socket.on("error", () => socket.destroy());
    const wait = this.#offenders.turn(address, performance.now());
    if (wait === undefined) return void socket.destroy();
    if (wait === 0) return this.#handshake(socket);
    const timer = setTimeout(() => this.#handshake(socket), wait);
    socket.once("close", () => clearTimeout(timer));
  }

  // TLS reads the raw socket itself from its first byte on: a byte that is looked at here costs two more turns through
  // Node's streams, 5 % of a connection. A crowd is spread by libuv, which accepts one connection per turn of the event
  // loop: whoever has an open one is served in between.
  #handshake(socket: Socket): void {
    this.#tls.emit("connection", socket);
  }

  #reject(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const raw = this.#handshakes.end(socket);
    // Nobody is there any more: `broken` has told it.
    if (raw === undefined) return;
    if (error.code === plainHttp) return void raw.end(plainHttpAnswer);
    if (raw.bytesRead > 0) this.#failed(socket.remoteAddress, error);
    // Node reports a handshake that takes too long, and leaves it open.
    raw.destroy();
  }

  #accept(socket: TLSSocket): void {
    this.#handshakes.end(socket);
    const chain = chainOf(socket);
    const refusal = this.#refusalOf(socket, chain);
    if (refusal !== undefined) {
      this.#failed(socket.remoteAddress, new Error(refusal));
      return void socket.destroy();
    }
    const peer = peerOf(socket, chain);
    if (!this.#hasRoom() && !this.#makeRoom(peer)) return void socket.destroy();
    socket.on("error", () => socket.destroy());
    const renewAt = this.#renewalOf(socket);
    const connection: Connection = { socket, peer, chain, engine: this.#engineFor(socket, peer), renewAt };
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
  #refusalOf(socket: TLSSocket, chain: readonly X509Certificate[]): string | undefined {
    if (this.#stopping) return "the server is stopping";
    if (chain.length === 0) return this.#certificateRequired ? "client sent no certificate" : undefined;
    if (!this.#material.verify) return undefined;
    if (!socket.authorized) return `client certificate is not trusted: ${messageOf(socket.authorizationError)}`;
    const mayBeOlder = performance.now() - this.#updated < 2 * handshakeTimeout;
    return mayBeOlder && !this.#admits(chain) ? "client certificate is not trusted since the last reload" : undefined;
  }

  /** Whether the current material lets this certificate list in. The handshake itself is verified by OpenSSL. */
  #admits(chain: readonly X509Certificate[]): boolean {
    if (chain.length === 0) return !this.#certificateRequired;
    return !this.#material.verify || isTrusted(chain, this.#roots, Date.now());
  }

  #engineFor(socket: TLSSocket, peer: Peer): EngineConnection {
    const onProtocolError = (error: Error): void => {
      this.#failed(peer.address, error);
      const isAttack = error instanceof ProtocolError && error.code === errorCode.enhanceYourCalm;
      if (isAttack && !this.#isProxied(peer.address)) this.#offenders.add(peer.address, performance.now());
    };
    const options = { peer, serve: this.#options.serve, onProtocolError };
    if (socket.alpnProtocol !== "h2") return this.#http1.open(socket, options);
    if (this.#options.http2Engine?.() === "own") return this.#http2.open(socket, options);
    return new NodeHttp2Connection(socket, options);
  }

  /** Up to a fifth later than its age, so that clients that came together do not come together again. */
  #renewalOf(socket: TLSSocket): number {
    // Over HTTP/1.1 a request may be on its way while the connection is closed.
    if (socket.alpnProtocol !== "h2") return Infinity;
    return performance.now() + (this.#options.connectionAge ?? connectionAge) * (1 + Math.random() / 5);
  }

  /** Whether a TLS proxy is connected from there: its clients share that address, and it is not their fault. */
  #isProxied(address: string): boolean {
    const { standingOf } = this.#options;
    return [...this.#connections].some(({ peer }) => peer.address === address && standingOf(peer) === "proxy");
  }

  #hasRoom(): boolean {
    return this.#connections.size < (this.#options.maxConnections ?? maxConnections);
  }

  #makeRoom(newcomer: Peer): boolean {
    const { standingOf } = this.#options;
    if (standingOf(newcomer) === "stranger") return false;
    const stranger = [...this.#connections].find(({ peer }) => standingOf(peer) === "stranger");
    if (stranger === undefined) return false;
    stranger.engine.destroy();
    this.#connections.delete(stranger);
    return true;
  }

  #expired(connection: Connection): void {
    if (!this.#material.verify) return;
    this.#failed(connection.peer.address, new Error("client certificate has expired"));
    this.#end(connection);
  }

  // No new requests; what is still open after a while (a log stream, a peer that does not close) is cut.
  #end({ socket, engine }: Connection): void {
    engine.takeNoMore();
    const cut = setTimeout(() => engine.destroy(), endTimeout).unref();
    socket.once("close", () => clearTimeout(cut));
  }

  #sweep(): void {
    const now = performance.now();
    for (const { engine, renewAt } of this.#connections) {
      const idle = engine.active === 0 ? now - engine.quietSince : 0;
      if (engine.overdue(now) || idle > idleTimeout + endTimeout) engine.destroy();
      else if (idle > idleTimeout || now > renewAt) engine.close();
    }
  }

  #failed(address: string | undefined, error: Error): void {
    this.#options.events.failed(address ?? "", error.message);
  }
}
