// What a protocol engine is to the listener: it takes one authenticated TLS socket and hands up one Exchange per
// request. Engines count what is in flight, so that the listener can tell an idle connection from a working one.
import type { Exchange, Peer } from "../http/exchange.ts";

export interface EngineConnection {
  /** Requests that are not answered yet. */
  readonly active: number;
  /** performance.now() when the last request ended or, before the first, when the connection opened. */
  readonly quietSince: number;
  /** True when the peer is too slow with what it began (looked at every sweep). */
  overdue(now: number): boolean;
  /** Tells the peer to send no new requests; closes when those in flight are answered (GOAWAY, `Connection: close`). */
  close(): void;
  /** As `close`, but from now on nothing new is taken, whatever the peer has heard: it is not trusted any more. */
  takeNoMore(): void;
  /** Cuts the connection now. */
  destroy(): void;
}

export interface EngineOptions {
  readonly peer: Peer;
  readonly serve: (exchange: Exchange) => void;
  /** A peer that broke the protocol; one log line. */
  readonly onProtocolError: (error: Error) => void;
}
