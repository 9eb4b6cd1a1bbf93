// Mutated traffic against the engine: real requests, changed byte by byte and frame by frame, in chunks of any size.
// Nothing may throw, nothing may stay open after the connection is gone, and what the engine sends is always frames.
import { setImmediate as nextTurn } from "node:timers/promises";
import { Http2Connection } from "../../sidecar/http2/connection.ts";
import { SlabPool } from "../../sidecar/http2/output.ts";
import { ProtocolError } from "../../sidecar/http2/protocol-error.ts";
import type { RequestStream } from "../../sidecar/http2/stream.ts";
import {
  block,
  endHeaders,
  endStream,
  frame,
  get,
  headers,
  padded,
  post,
  preface,
  settings,
  string,
  type,
  uint32,
} from "../sidecar/http2/raw-frames.ts";
import { FakeSocket } from "./fake-socket.ts";
import { Random } from "./random.ts";

const largeBody = Buffer.alloc(100_000, "x");

/** Runs so many mutated connections; throws with the seed of the first that breaks a promise. */
export async function fuzzMutations(count: number, seed: number): Promise<void> {
  const pool = new SlabPool();
  for (let n = 0; n < count; n++) {
    const random = new Random(seed + n);
    try {
      runOne(random, pool);
    } catch (error) {
      throw new Error(`mutation ${seed + n}`, { cause: error });
    }
    // Timers and microtasks get their turn now and then.
    if (n % 8 === 0) await nextTurn();
  }
}

function runOne(random: Random, pool: SlabPool): void {
  const socket = new FakeSocket();
  const errors: Error[] = [];
  const streams: RequestStream[] = [];
  const connection = new Http2Connection(socket, {
    pool,
    onRequest: (stream) => serve(stream, streams, random),
    onError: (error) => errors.push(error),
  });
  for (const chunk of chunks(random, mutated(random, traffic(random)))) socket.feed(chunk);
  if (random.chance(0.3)) for (const stream of streams) stream.respond(200, {}, largeBody);
  if (random.chance(0.2)) connection.close();
  connection.overdue(performance.now() + random.below(100_000));
  socket.emit("close");
  if (connection.active !== 0) throw new Error(`${connection.active} streams outlive their connection`);
  // Anything else than a fault of the peer is one of the engine.
  const fault = errors.find((error) => !(error instanceof ProtocolError));
  if (fault !== undefined) throw fault;
  socket.frames();
}

/** What a server of requests may do. */
function serve(stream: RequestStream, later: RequestStream[], random: Random): void {
  const way = random.below(6);
  if (way === 0) later.push(stream);
  else if (way === 1) stream.reset(8);
  else if (way === 2) {
    stream.start(200, { "content-type": "text/plain" });
    stream.write(largeBody);
    if (random.chance(0.5)) stream.end();
  } else if (way === 3) stream.respond(200, { location: "/elsewhere" }, largeBody);
  else {
    Promise.resolve(stream.read(random.below(1_000))).then(
      ({ bytes }) => stream.respond(200, { "content-type": "text/plain" }, bytes),
      () => undefined,
    );
  }
}

/** The frames of a lively client. */
function traffic(random: Random): Buffer[] {
  const frames = [frame(type.settings, 0, 0, settings([4, random.pick([0, 10, 65_535, 1_000_000])]))];
  let stream = 1;
  for (let n = random.below(12); n >= 0; n--) {
    frames.push(...request(random, stream));
    if (random.chance(0.3))
      frames.push(frame(type.windowUpdate, 0, random.pick([0, stream]), uint32(random.below(70_000))));
    if (random.chance(0.1)) frames.push(frame(type.ping, 0, 0, Buffer.alloc(8)));
    if (random.chance(0.1)) frames.push(frame(type.rstStream, 0, stream, uint32(8)));
    if (random.chance(0.1)) frames.push(frame(type.settings, 0, 0, settings([4, random.below(100_000)], [1, 0])));
    stream += 2;
  }
  return frames;
}

function request(random: Random, stream: number): Buffer[] {
  const insert = Buffer.concat([
    Buffer.of(0x40),
    string("x-new"),
    string("v".repeat(random.below(200)), random.chance(0.5)),
  ]);
  const index = Buffer.of(0xbe);
  const extra = random.pick([Buffer.alloc(0), insert, index, Buffer.of(0x20)]);
  if (random.chance(0.4))
    return [frame(type.headers, endHeaders | endStream, stream, Buffer.concat([block(get), extra]))];
  const length = random.below(40_000);
  const body = Buffer.alloc(Math.min(length, 16_000));
  const declared = random.chance(0.5) ? [["content-length", String(body.length)] as const] : [];
  const bytes = Buffer.concat([block([...post, ...declared]), extra]);
  const cut = random.below(bytes.length);
  const head = random.chance(0.2)
    ? [
        frame(type.headers, 0, stream, bytes.subarray(0, cut)),
        frame(type.continuation, endHeaders, stream, bytes.subarray(cut)),
      ]
    : [frame(type.headers, endHeaders, stream, bytes)];
  if (random.chance(0.2))
    return [
      ...head,
      frame(type.data, padded | endStream, stream, Buffer.concat([Buffer.of(3), body, Buffer.alloc(3)])),
    ];
  const trailers = random.chance(0.2) ? [frame(type.data, 0, stream, body), headers(stream, [["x", "y"]])] : undefined;
  return [...head, ...(trailers ?? [frame(type.data, endStream, stream, body)])];
}

/** The same, with frames lost, doubled, swapped or changed. */
function mutated(random: Random, frames: readonly Buffer[]): Buffer {
  const changed = frames.map((bytes) => Buffer.from(bytes));
  for (let n = random.below(4); n > 0 && changed.length > 1; n--) {
    const at = random.below(changed.length);
    const bytes = changed[at] ?? Buffer.alloc(0);
    const way = random.below(6);
    if (way === 0) changed.splice(at, 1);
    else if (way === 1) changed.splice(at, 0, bytes);
    else if (way === 2) changed.push(...changed.splice(at, 1));
    else if (way === 3) bytes[random.below(Math.min(bytes.length, 60))] = random.below(256);
    else if (way === 4) bytes[random.below(9)] = random.below(256);
    else changed[at] = bytes.subarray(0, random.below(bytes.length));
  }
  return Buffer.concat([random.chance(0.99) ? preface : preface.subarray(3), ...changed]);
}

function chunks(random: Random, bytes: Buffer): Buffer[] {
  const most = random.pick([1 << 20, 20_000, 300, 30]);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + random.below(most));
    parts.push(bytes.subarray(at, end));
    at = end;
  }
  return parts;
}
