// One authenticated connection: its peer, its engine, and when it has to end by itself.
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Peer } from "../http/exchange.ts";
import type { EngineConnection } from "./engine.ts";
import { validUntil } from "./validity.ts";

/** setTimeout takes no more than this; a later expiry is looked at again then. */
const longestTimer = 2_147_483_647;

export interface Connection {
  readonly socket: TLSSocket;
  readonly peer: Peer;
  /** The list the client sent, leaf first; empty without a certificate. */
  readonly chain: readonly X509Certificate[];
  readonly engine: EngineConnection;
  /** performance.now() when the client is to connect anew; Infinity: it need not. */
  readonly renewAt: number;
}

/** The certificates a client sent, in order. Node links each to the next one sent, issuer or not (appendix A). */
export function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let current = socket.getPeerX509Certificate();
  while (current !== undefined && chain.length < 10) {
    chain.push(current);
    current = current.issuerCertificate;
  }
  return chain;
}

export function peerOf(socket: TLSSocket, chain: readonly X509Certificate[]): Peer {
  return { address: addressOf(socket), certificates: chain.map((certificate) => certificate.raw) };
}

/** Where a socket comes from; empty when it has closed before anyone asked. */
export function addressOf({ remoteAddress: address = "" }: Socket): string {
  // Dual-stack sockets write IPv4 clients as ::ffff:a.b.c.d.
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}

/** Calls `expire` when the certificate's time is over; returns the way to call it off. */
export function onExpiry(certificate: X509Certificate, expire: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const arm = (): void => {
    const left = validUntil(certificate) - Date.now();
    // A date that nobody can read gives no number: it is over, or this would look again every millisecond.
    timer = left > 0 ? setTimeout(arm, Math.min(left + 1, longestTimer)) : setTimeout(expire, 0);
    timer.unref();
  };
  arm();
  return () => clearTimeout(timer);
}
