// Every limit of the listeners, with its reason. Not configurable: each protects all clients from one.

/** A client that cannot finish a TLS handshake in this time is not one (milliseconds). */
export const handshakeTimeout = 5_000;
/** From the end of the handshake, or the first byte of a further request, to the end of its headers on HTTP/1.1. */
export const headerTimeout = 5_000;
/** A connection without a request (reference 1.1). */
export const idleTimeout = 90_000;
/**
 * After about this long an HTTP/2 client is asked to connect anew (GOAWAY, which loses no request). MinIO reads its certificate
 * again and keeps its one connection: without this it would show the old key until that is no longer allowed, and then fail;
 * and servers that came later would never get a client.
 */
export const connectionAge = 300_000;
/** From the wish to end a connection (expired, no longer trusted) to its cut, for what is in flight on it. */
export const endTimeout = 5_000;
/** Answers that wait while the client reads nothing at all (Go's write deadline does this). */
export const stallTimeout = 30_000;
/** How often idle and slow connections are looked for. */
export const sweepInterval = 1_000;
/** Request line and header block, bytes. Go allows 1 MiB; the longest legitimate one is a forwarded certificate. */
export const maxHeaderBytes = 32 * 1024;
/** Streams in flight on one HTTP/2 connection, as Go's server offers. */
export const maxStreams = 250;
/** Handshakes in progress from one address: nobody is authenticated yet, so none may crowd out the rest. */
export const maxHandshakesPerAddress = 256;
/**
 * After an attack (ENHANCE_YOUR_CALM) from an address: for so long its handshakes begin so far apart (five a second, about 1 %
 * of the thread), and wait at most so long for that; further ones are closed at once. Milliseconds.
 */
export const offenceTime = 10_000;
export const offencePace = 200;
export const offenceWait = 5_000;
/** Addresses remembered for that; the oldest offence is forgotten first. */
export const maxOffenders = 1_024;
/** Established connections; beyond it those of identities without a policy, TLS proxies apart, are closed first (decisions T6). */
export const maxConnections = 4_096;
/** After a body went over its limit: how much more is read and thrown away so that the client sees the answer. */
export const drainBytes = 8 * 1024 * 1024;
export const drainTime = 1_000;
