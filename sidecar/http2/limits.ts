// Every limit of the HTTP/2 engine, with its reason. Not configurable: each protects all clients from one. Times in
// milliseconds, sizes in bytes.

/** Requests in flight on one connection, as Go's server offers. Further ones are refused and may be tried again. */
export const maxStreams = 250;
/** SETTINGS_MAX_FRAME_SIZE: the smallest allowed (RFC 9113, 4.2), because request bodies here are small. */
export const maxFrameSize = 16_384;
/** A header block as sent, over all its frames; a longer one is answered with 431. */
export const maxHeaderBlock = 16_384;
/**
 * One that is longer still ends the connection (CVE-2024-27316). What lies between is decoded and thrown away, to keep the header
 * table that of the peer: it may be a proxy, and has other clients than the one with the many cookies.
 */
export const longestHeaderBlock = 65_536;
/** CONTINUATION frames of one header block; 64 KiB need three, so this is generous. */
export const maxContinuations = 8;
/** Decoded header list, counted as RFC 9113 6.5.2 does: a few bytes sent may stand for a long entry of the table. */
export const maxHeaderList = 32_768;
export const maxHeaderFields = 100;
/** SETTINGS_HEADER_TABLE_SIZE: the default. */
export const maxHeaderTable = 4_096;
/** What a stream may send before anyone reads its body: the default, so that no setting is needed before it holds. */
export const streamWindow = 65_535;
/** The same for all streams of a connection together; it is what an unread connection can hold in memory. */
export const connectionWindow = 1_048_576;
/** How long a request waits for the rest of a small body before it is served without it, so that a body that arrives
 * with its headers is read at once, and a slow one meets the deadline of its route. */
export const bodyPatience = 20;
/** From the first byte to the client's first SETTINGS, and from the first byte of a header block to its last. */
export const headerTimeout = 5_000;
/** From the first byte of a frame to its last. */
export const frameTimeout = 15_000;
/** An answer that waits for a window or a reader, without getting on (Go's write deadline does this). */
export const stallTimeout = 30_000;
/** What has to be sent of an answer in that time, unless it ends: byte by byte it would be held for hours (CVE-2019-9511). */
export const stallProgress = 1_024;
/** How long a peer that is told of the end of its connection may send requests that are taken, if it never says that it heard. */
export const farewellPatience = 1_000;
/** From the end of new requests on a connection to its cut while complete answers wait for a peer that dawdles. */
export const closingPatience = 120_000;
/** From the last frame of a connection to its cut, for a peer that does not close. */
export const lingerTime = 1_000;
/**
 * Frames that carry no part of a request (RST_STREAM, PING, SETTINGS, PRIORITY, empty DATA, unknown …) and streams in
 * error: so many at once, so many per second after that, and one for each request that was answered
 * (CVE-2019-9511…9518, CVE-2023-44487).
 */
export const overheadBurst = 1_000;
export const overheadPerSecond = 100;
/** Streams that this side reset: so many are remembered, to ignore what the peer had sent before it knew. */
export const rememberedResets = 256;
/** Output blocks: large enough for the answers of a read batch; and how many are kept for the next ones. */
export const slabSize = 65_536;
export const maxFreeSlabs = 16;
/** What an answer that is written over time may have unsent before its writer is told to stop. */
export const streamBacklog = 65_536;
/**
 * What may wait for a peer before its further requests are refused, to be tried again: a few bytes of a request may stand for
 * kilobytes of an answer. The largest answer does not count: a client that takes a long list may ask for other things meanwhile.
 */
export const maxUnsent = 1_048_576;
