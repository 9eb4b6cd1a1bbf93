// Clients that begin something and do not go on. Time is the sweep's argument, so no test waits for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { RequestStream } from "../../../sidecar/http2/stream.ts";
import { startEngine } from "./engine-listener.ts";
import type { EngineListener } from "./engine-listener.ts";
import { RawClient } from "./raw-client.ts";
import { endHeaders, frame, get, headers, post, preface, settings, type, uint32 } from "./raw-frames.ts";

/** Until the sockets, both in this process, have read and noted what was written, also where the timer was late. */
async function quiet(): Promise<void> {
  await sleep(50);
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
}

/** Sweeps once now and once so many milliseconds later; the later verdict. */
function overdueAfter(listener: EngineListener, milliseconds: number): boolean {
  const [connection] = listener.connections;
  assert.ok(connection);
  const now = performance.now();
  assert.equal(connection.overdue(now), false);
  return connection.overdue(now + milliseconds);
}

/** Waits until the server has read so many bytes. */
async function read(listener: EngineListener, bytes: number): Promise<void> {
  const [socket] = listener.sockets;
  assert.ok(socket);
  while (socket.bytesRead < bytes) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a client that sends no preface is late", async () => {
  await using listener = await startEngine();
  using client = await RawClient.connect(listener.port);
  await client.until((f) => f.type === type.settings);
  assert.equal(overdueAfter(listener, 4_900), false);
  assert.equal(overdueAfter(listener, 5_100), true);
});

test("a client that sends half a header block is late", async () => {
  await using listener = await startEngine();
  using client = await RawClient.greeted(listener.port);
  await client.settle();
  assert.equal(overdueAfter(listener, 60_000), false);
  const [socket] = listener.sockets;
  const before = socket?.bytesRead ?? 0;
  client.send(headers(1, get, 0));
  await read(listener, before + 1);
  await quiet();
  assert.equal(overdueAfter(listener, 4_900), false);
  assert.equal(overdueAfter(listener, 5_100), true);
});

test("a client that sends half a frame is late", async () => {
  await using listener = await startEngine();
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, post, endHeaders), frame(type.data, 0, 1, Buffer.alloc(100)).subarray(0, 50));
  await quiet();
  assert.equal(overdueAfter(listener, 14_900), false);
  assert.equal(overdueAfter(listener, 15_100), true);
});

test("a stream whose answer nobody takes is reset, the connection is not", async () => {
  await using listener = await startEngine({ onRequest: answerLarge });
  using client = await RawClient.greeted(listener.port, [4, 5]);
  client.send(headers(1, get));
  await client.settle();
  await quiet();
  assert.equal(client.bodySoFar(1).length, 5);
  assert.equal(overdueAfter(listener, 29_000), false);
  client.send(frame(type.windowUpdate, 0, 1, uint32(1_024)));
  await client.settle();
  await quiet();
  // It got on: the time starts again, and then it is over.
  assert.equal(overdueAfter(listener, 29_000), false);
  assert.equal(overdueAfter(listener, 31_000), false);
  assert.equal(await client.resetOf(1), 8);
  assert.deepEqual(
    [...listener.connections].map(({ active }) => active),
    [0],
  );
});

test("a client that takes its answer byte by byte loses it, one that takes all that is there does not", async () => {
  const writers: RequestStream[] = [];
  const onRequest = (stream: RequestStream): void => {
    if (stream.head.method === "GET") return answerLarge(stream);
    stream.start(200, {});
    stream.write(Buffer.from("a line\n"));
    writers.push(stream);
  };
  await using listener = await startEngine({ onRequest });
  using client = await RawClient.greeted(listener.port, [4, 5]);
  client.send(headers(1, get), headers(3, post));
  await client.settle();
  await quiet();
  assert.equal(overdueAfter(listener, 29_000), false);
  // The second stream has nothing more to send for a while, and then a little that waits again.
  client.send(frame(type.windowUpdate, 0, 1, uint32(1)), frame(type.windowUpdate, 0, 3, uint32(2)));
  await client.settle();
  for (const stream of writers) stream.write(Buffer.from("another\n"));
  await quiet();
  const [connection] = listener.connections;
  connection?.overdue(performance.now() + 31_000);
  assert.equal(await client.resetOf(1), 8);
  await client.settle();
  assert.ok(!client.frames.some((f) => f.type === type.rstStream && f.stream === 3));
});

/** GET takes a long answer, POST one without an end. */
function answerOrFollow(stream: RequestStream): void {
  if (stream.head.method === "GET") return answerLarge(stream);
  stream.start(200, {});
  stream.write(Buffer.from("a line\n"));
}

test("a client that was told of the end and dawdles over its answers is cut, one that follows a log is not", async () => {
  await using listener = await startEngine({ onRequest: answerOrFollow });
  using client = await RawClient.greeted(listener.port, [4, 5]);
  client.send(headers(1, get), headers(3, post));
  await client.settle();
  const [connection] = listener.connections;
  assert.ok(connection);
  connection.takeNoMore();
  const now = performance.now();
  for (let seconds = 0; seconds <= 130; seconds += 10) {
    client.send(frame(type.windowUpdate, 0, 1, uint32(1_024)), frame(type.windowUpdate, 0, 3, uint32(1_024)));
    await client.settle();
    await quiet();
    assert.equal(connection.overdue(now + 1_000 * seconds), seconds > 120, `after ${seconds} s`);
  }
  client.send(frame(type.rstStream, 0, 1, uint32(8)));
  await client.settle();
  assert.equal(connection.overdue(now + 140_000), false);
  assert.equal(connection.overdue(now + 300_000), false);
});

test("a client that reads nothing is not read either, and then gets everything", async () => {
  await using listener = await startEngine({ onRequest: answerLarge });
  using client = await deafClient(listener);
  client.socket.resume();
  for (const stream of [1, 3]) assert.equal((await client.body(stream)).length, largeSize);
});

test("a client that goes on reading nothing is late", async () => {
  await using listener = await startEngine({ onRequest: answerLarge });
  using _client = await deafClient(listener);
  assert.equal(overdueAfter(listener, 29_000), false);
  assert.equal(overdueAfter(listener, 31_000), true);
});

/** More than the buffers between the two sockets take. */
const largeSize = 20_000_000;
const large = Buffer.alloc(largeSize);

function answerLarge(stream: RequestStream): void {
  stream.respond(200, {}, large);
}

/** Asks for 40 megabytes with windows for all of them, reads nothing, and waits until the server has had enough. */
async function deafClient(listener: EngineListener): Promise<RawClient> {
  const client = await RawClient.connect(listener.port);
  client.socket.pause();
  const windows = frame(type.settings, 0, 0, settings([4, 0x7fff_ffff]));
  client.send(preface, windows, frame(type.windowUpdate, 0, 0, uint32(0x7fff_0000)));
  client.send(headers(1, get), headers(3, get));
  while (listener.sockets.size === 0) await quiet();
  const [socket] = listener.sockets;
  assert.ok(socket);
  while (!socket.isPaused()) await quiet();
  assert.ok(socket.writableLength < 1_000_000, `${socket.writableLength} bytes wait in the socket`);
  return client;
}

test("a connection that was ended and is not closed is cut", async () => {
  await using listener = await startEngine();
  using client = await RawClient.connect(listener.port);
  client.socket.allowHalfOpen = true;
  client.send(Buffer.from("no preface of this protocol"));
  await client.goaway();
  assert.equal(overdueAfter(listener, 1_100), true);
});
