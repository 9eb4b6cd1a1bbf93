// The engine as ordinary clients see it: Node's HTTP/2 client and frames by hand, over TLS.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session, OutgoingHttpHeaders } from "node:http2";
import { test } from "node:test";
import type { RequestStream } from "../../../sidecar/http2/stream.ts";
import { answerFixed, startEngine } from "./engine-listener.ts";
import type { EngineListener } from "./engine-listener.ts";
import { to } from "./floods.ts";
import { RawClient } from "./raw-client.ts";
import {
  ack,
  block,
  endHeaders,
  endStream,
  frame,
  get,
  headers,
  padded,
  post,
  settings,
  type,
  uint32,
} from "./raw-frames.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

function session(port: number): ClientHttp2Session {
  const client = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  client.on("error", () => undefined);
  return client;
}

function ask(
  client: ClientHttp2Session,
  head: OutgoingHttpHeaders,
  body?: Buffer | readonly Buffer[],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = client.request(head, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    let received: Record<string, unknown> = {};
    stream.on("response", (answer) => (received = answer));
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("close", () => {
      if (received[":status"] === undefined) return reject(new Error(`closed with ${stream.rstCode}`));
      resolve({ status: Number(received[":status"]), headers: received, body: Buffer.concat(chunks) });
    });
    for (const chunk of body === undefined ? [] : [body].flat()) stream.write(chunk);
    if (body !== undefined) stream.end();
  });
}

async function withEngine(
  onRequest: (stream: RequestStream) => void,
  use: (client: ClientHttp2Session, listener: EngineListener) => Promise<void>,
): Promise<void> {
  await using listener = await startEngine({ onRequest });
  const client = session(listener.port);
  try {
    await use(client, listener);
  } finally {
    client.destroy();
  }
}

/** Answers with the body that came. */
function echo(stream: RequestStream): void {
  Promise.resolve(stream.read(10_000_000)).then(
    ({ bytes }) => stream.respond(200, { "content-type": "application/octet-stream" }, bytes),
    () => undefined,
  );
}

function refuse(stream: RequestStream): void {
  stream.respond(403, {}, Buffer.from("no"));
}

function writeTwice(stream: RequestStream): void {
  stream.start(200, { "content-type": "application/x-ndjson" });
  stream.write(Buffer.from("one\n"));
  setTimeout(() => {
    stream.write(Buffer.from("two\n"));
    stream.end();
  }, 20);
}

test("a request arrives with its method, target, length and fields, and its answer with what was given", async () => {
  let seen: unknown;
  const onRequest = (stream: RequestStream): void => {
    const { method, path, contentLength } = stream.head;
    seen = { method, path, contentLength, custom: stream.head.values("x-custom"), bodyless: stream.bodyless };
    stream.respond(418, { "content-type": "text/plain", location: "/elsewhere", "x-own": "1" }, Buffer.from("short"));
  };
  await withEngine(onRequest, async (client) => {
    const head = { ":method": "PUT", ":path": "/a/b?c=d", "x-custom": ["one", "two"], "content-length": 4 };
    const answer = await ask(client, head, Buffer.from("body"));
    assert.deepEqual(seen, {
      method: "PUT",
      path: "/a/b?c=d",
      contentLength: 4,
      custom: ["one", "two"],
      bodyless: false,
    });
    assert.equal(answer.body.toString(), "short");
    const { date, ...rest } = answer.headers;
    assert.ok(Math.abs(Date.parse(String(date)) - Date.now()) < 60_000);
    assert.deepEqual(Object.fromEntries(Object.entries(rest)), {
      ":status": 418,
      "content-type": "text/plain",
      location: "/elsewhere",
      "x-own": "1",
      "content-length": "5",
    });
  });
});

test("bodies of every size come whole, both ways", async () => {
  await withEngine(echo, async (client) => {
    for (const size of [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 200_000, 3_000_000]) {
      const body = Buffer.alloc(size, "0123456789abcdef");
      const answer = await ask(client, { ":method": "POST", ":path": "/" }, body);
      assert.ok(answer.body.equals(body), `${size} bytes`);
      assert.equal(answer.headers["content-length"], String(size));
      const declared = await ask(client, { ":method": "POST", ":path": "/", "content-length": size }, body);
      assert.ok(declared.body.equals(body), `${size} declared bytes`);
    }
  });
});

test("a complete body is there at once, a body over the limit is cut and said to be", async () => {
  const got: unknown[] = [];
  const onRequest = (stream: RequestStream): void => {
    const body = stream.read(10);
    got.push(body instanceof Promise ? "later" : [body.bytes.toString(), body.exceeded]);
    answerFixed(stream);
  };
  await withEngine(onRequest, async (client) => {
    await ask(client, { ":method": "POST", ":path": "/" }, Buffer.from("0123456789"));
    await ask(client, { ":method": "POST", ":path": "/" }, Buffer.from("0123456789a"));
    await ask(client, { ":method": "GET", ":path": "/" });
    assert.deepEqual(got, [
      ["0123456789", false],
      ["0123456789", true],
      ["", false],
    ]);
  });
});

test("HEAD gets the length and no body", async () => {
  await withEngine(answerFixed, async (client) => {
    const answer = await ask(client, { ":method": "HEAD", ":path": "/" });
    assert.equal(answer.headers["content-length"], "22");
    assert.equal(answer.body.length, 0);
  });
});

test("a thousand requests at once are all answered, each with its own body", async () => {
  await withEngine(echo, async (client) => {
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) =>
        ask(client, { ":method": "POST", ":path": `/${n}` }, Buffer.from(`${n}`)),
      ),
    );
    assert.deepEqual(
      answers.map(({ body }) => body.toString()),
      Array.from({ length: 1_000 }, (_, n) => `${n}`),
    );
  });
});

test("a request whose body does not come is served without it, and one that leaves is rejected", async () => {
  const { promise: served, resolve: onServed } = Promise.withResolvers<RequestStream>();
  await using listener = await startEngine({ onRequest: onServed });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, post, endHeaders), frame(type.data, 0, 1, Buffer.from("half")));
  const stream = await served;
  let closed = 0;
  stream.onClose = () => (closed += 1);
  const body = stream.read(100);
  assert.ok(body instanceof Promise);
  client.send(frame(type.rstStream, 0, 1, uint32(8)));
  await assert.rejects(body, /left before the end/);
  assert.equal(closed, 1);
  assert.deepEqual(
    [...listener.connections].map(({ active }) => active),
    [0],
  );
  // All of this does nothing on a closed stream.
  stream.respond(200, {}, undefined);
  stream.end();
  assert.equal(stream.write(Buffer.from("x")), false);
  await assert.rejects(async () => stream.read(100));
  await client.settle();
  assert.ok(!client.frames.some(({ stream }) => stream === 1));
});

test("an early answer comes, and the rest of its request is called off without an error", async () => {
  await withEngine(refuse, async (client) => {
    const body = Buffer.alloc(500_000);
    const answer = await ask(client, { ":method": "POST", ":path": "/", "content-length": body.length }, body);
    assert.equal(answer.status, 403);
    assert.equal(answer.body.toString(), "no");
    // The connection goes on.
    assert.equal((await ask(client, { ":method": "GET", ":path": "/" })).status, 403);
  });
});

test("an answer can be written over time", async () => {
  await withEngine(writeTwice, async (client) => {
    const answer = await ask(client, { ":method": "GET", ":path": "/" });
    assert.equal(answer.body.toString(), "one\ntwo\n");
    assert.equal(answer.headers["content-length"], undefined);
  });
});

test("a writer is told when its client does not read", async () => {
  let took = 0;
  const onRequest = (stream: RequestStream): void => {
    stream.start(200, {});
    while (stream.write(Buffer.alloc(10_000, "x"))) took += 1;
  };
  await using listener = await startEngine({ onRequest });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, get));
  await client.settle();
  // A window of 64 KiB went out, another waits.
  assert.ok(took >= 10 && took < 20, `${took} chunks`);
  assert.equal(client.bodySoFar(1).length, 65_535);
});

test("answers keep to the windows, however these change", async () => {
  await using listener = await startEngine({
    onRequest: (stream) => stream.respond(200, {}, Buffer.alloc(40_000, "0123456789")),
  });
  using client = await RawClient.greeted(listener.port, [4, 10]);
  client.send(headers(1, get));
  await client.settle();
  assert.equal(client.bodySoFar(1).length, 10);
  // One byte less than was sent already: the window is negative and has to be made up for (RFC 9113, 6.9.2).
  client.send(frame(type.settings, 0, 0, settings([4, 9])), frame(type.windowUpdate, 0, 1, uint32(1)));
  await client.settle();
  assert.equal(client.bodySoFar(1).length, 10);
  client.send(frame(type.windowUpdate, 0, 1, uint32(3)));
  await client.settle();
  assert.equal(client.bodySoFar(1).toString(), "0123456789012");
  client.send(headers(3, get), frame(type.settings, 0, 0, settings([4, 100_000])));
  await client.settle();
  // Two answers of 40,000 bytes share the connection's 65,535.
  assert.equal(client.bodySoFar(1).length + client.bodySoFar(3).length, 65_535);
  client.send(frame(type.windowUpdate, 0, 0, uint32(100_000)));
  assert.equal((await client.body(1)).length, 40_000);
  assert.equal(await client.body(3), "0123456789".repeat(4_000));
});

test("windows are opened again as a body is read", async () => {
  await withEngine(echo, async (client) => {
    const chunks = Array.from({ length: 500 }, () => Buffer.alloc(4_000, "y"));
    const answer = await ask(client, { ":method": "POST", ":path": "/" }, chunks);
    assert.equal(answer.body.length, 2_000_000);
  });
});

test("trailers end a request", async () => {
  await using listener = await startEngine({ onRequest: echo });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, post, endHeaders), frame(type.data, 0, 1, Buffer.from("body")));
  client.send(headers(1, [["x-checksum", "1"]]));
  assert.equal(await client.body(1), "body");
});

test("padding and priority are taken off", async () => {
  await using listener = await startEngine({ onRequest: echo });
  using client = await RawClient.greeted(listener.port);
  const fields = block(post);
  const head = Buffer.concat([Buffer.of(3), uint32(0), Buffer.of(7), fields, Buffer.alloc(3)]);
  client.send(frame(type.headers, endHeaders | padded | 0x20, 1, head));
  client.send(frame(type.data, endStream | padded, 1, Buffer.from("\x04body\0\0\0\0")));
  assert.equal(await client.body(1), "body");
});

test("a header block may come in several frames, and bytes one by one", async () => {
  await using listener = await startEngine({ onRequest: echo });
  using client = await RawClient.greeted(listener.port);
  const fields = block(post);
  const bytes = Buffer.concat([
    frame(type.headers, 0, 1, fields.subarray(0, 5)),
    frame(type.continuation, 0, 1, fields.subarray(5, 30)),
    frame(type.continuation, endHeaders, 1, fields.subarray(30)),
    frame(type.data, 0, 1),
    frame(type.data, endStream, 1, Buffer.from("body")),
  ]);
  client.socket.setNoDelay(true);
  for (const byte of bytes) {
    client.socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await client.body(1), "body");
});

test("a client without a dynamic table gets answers without one", async () => {
  await using listener = await startEngine({ onRequest: echo });
  const client = connect(`https://127.0.0.1:${listener.port}`, {
    rejectUnauthorized: false,
    settings: { headerTableSize: 0 },
  });
  for (let n = 0; n < 3; n++) assert.equal((await ask(client, { ":path": "/" })).status, 200);
  client.destroy();
});

test("an answer whose headers exceed a frame comes in several", async () => {
  const long = "/".repeat(30_000);
  const onRequest = (stream: RequestStream): void => stream.respond(301, { location: long }, undefined);
  await withEngine(onRequest, async (client) => {
    const answer = await ask(client, { ":path": "/" });
    assert.equal(answer.headers["location"], long);
  });
});

test("a closing connection takes what was on its way, finishes it, looks at nothing new, and ends", async () => {
  const waiting: RequestStream[] = [];
  await using listener = await startEngine({ onRequest: (stream) => waiting.push(stream) });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, get), headers(3, get));
  await client.settle();
  for (const connection of listener.connections) connection.close();
  assert.equal(await client.goaway(), 0);
  const [announced] = goaways(client);
  assert.equal(announced, 2 ** 31 - 1);
  const ping = await client.until((f) => f.type === type.ping && f.flags === 0, "a ping");
  // Sent before the client could know.
  client.send(headers(5, get), frame(type.ping, ack, 0, ping.payload));
  await client.until(() => goaways(client).length === 2, "the second GOAWAY");
  assert.deepEqual(goaways(client), [2 ** 31 - 1, 5]);
  client.send(headers(7, get));
  await client.settle();
  assert.equal(waiting.length, 3);
  for (const stream of waiting) answerFixed(stream);
  for (const stream of [1, 3, 5]) assert.equal(await client.body(stream), "a body of some length\n");
  await client.ended();
  assert.ok(!client.frames.some(({ stream }) => stream === 7));
});

test("a closing connection without requests ends when the client has heard it, or has had its time", async () => {
  await using listener = await startEngine();
  using polite = await RawClient.greeted(listener.port);
  using silent = await RawClient.greeted(listener.port);
  for (const connection of listener.connections) connection.close();
  const ping = await polite.until((f) => f.type === type.ping && f.flags === 0, "a ping");
  polite.send(frame(type.ping, ack, 0, ping.payload));
  await polite.ended();
  assert.ok(!silent.closed);
  await silent.ended();
  for (const client of [polite, silent]) assert.deepEqual(goaways(client), [2 ** 31 - 1, 0]);
});

test("a closing connection that then fails names no later stream than before (6.8)", async () => {
  await using listener = await startEngine({ onRequest: () => undefined });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, get));
  await client.settle();
  for (const connection of listener.connections) connection.takeNoMore();
  client.send(headers(3, get), frame(type.ping, 0, 0, Buffer.alloc(7)));
  await client.ended();
  assert.deepEqual(goaways(client), [1, 1]);
});

test("a client that waits to hear that its body is wanted hears it (RFC 9110, 10.1.1)", async () => {
  await using listener = await startEngine({ onRequest: echo });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, [...post, ["expect", "100-continue"]], endHeaders));
  const interim = await client.until((f) => f.type === type.headers && f.stream === 1, "an interim answer");
  assert.equal(interim.flags, endHeaders);
  assert.equal(interim.payload.toString("latin1", 2, 5), "100");
  client.send(frame(type.data, endStream, 1, Buffer.from("body")));
  assert.equal(await client.body(1), "body");
  // Neither one that does not ask hears it, nor one whose body has begun.
  const asks = headers(5, [...post, ["expect", "100-continue"]], endHeaders);
  client.send(headers(3, post, endHeaders), asks, frame(type.data, 0, 5, Buffer.from("bo")));
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.send(frame(type.data, endStream, 3, Buffer.from("body")), frame(type.data, endStream, 5, Buffer.from("dy")));
  for (const stream of [3, 5]) {
    assert.equal(await client.body(stream), "body");
    assert.equal(client.frames.filter((f) => f.type === type.headers && f.stream === stream).length, 1);
  }
});

test("more than a megabyte that waits makes further requests wait for another time, one long answer alone does not", async () => {
  const sizes: Readonly<Record<string, number>> = { "/list": 5_000_000, "/more": 1_100_000, "/": 10 };
  const onRequest = (stream: RequestStream): void =>
    stream.respond(200, {}, Buffer.alloc(sizes[stream.head.path] ?? 0));
  await using listener = await startEngine({ onRequest });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, to("/list")), headers(3, to("/")), headers(5, to("/more")), headers(7, to("/")));
  assert.equal(await client.resetOf(7), 7);
  assert.deepEqual(
    client.frames.filter((f) => f.type === type.headers).map((f) => f.stream),
    [1, 3, 5],
  );
  // Whoever takes its answers is served again.
  client.send(...[0, 1, 5].map((stream) => frame(type.windowUpdate, 0, stream, uint32(10_000_000))));
  for (const stream of [1, 3, 5]) await client.body(stream);
  client.send(headers(9, to("/")));
  assert.equal((await client.body(9)).length, 10);
});

/** The last streams that each GOAWAY named. */
function goaways(client: RawClient): number[] {
  return client.frames.filter((f) => f.type === type.goaway).map((f) => f.payload.readUInt32BE(0));
}

test("the listener hears which connections are at work", async () => {
  const waiting: RequestStream[] = [];
  await using listener = await startEngine({ onRequest: (stream) => waiting.push(stream) });
  using client = await RawClient.greeted(listener.port);
  const [connection] = listener.connections;
  assert.ok(connection);
  const opened = connection.quietSince;
  client.send(headers(1, get));
  await client.settle();
  assert.equal(connection.active, 1);
  assert.equal(connection.overdue(opened + 1_000), false);
  for (const stream of waiting) answerFixed(stream);
  await client.body(1);
  assert.equal(connection.active, 0);
  assert.ok(connection.quietSince >= opened + 1_000);
});

test("a stream that the server resets ends, and the connection goes on", async () => {
  await using listener = await startEngine({ onRequest: (stream) => stream.reset(8) });
  using client = await RawClient.greeted(listener.port);
  client.send(headers(1, post, endHeaders), frame(type.data, endStream, 1, Buffer.from("x")));
  assert.equal(await client.resetOf(1), 8);
  // What the client had sent before it knew is ignored, trailers and windows too.
  client.send(frame(type.data, 0, 1, Buffer.alloc(1_000)), headers(1, [["a", "b"]]));
  client.send(frame(type.windowUpdate, 0, 1, uint32(5)), frame(type.rstStream, 0, 1, uint32(8)));
  await client.settle();
  client.send(headers(3, get));
  assert.equal(await client.resetOf(3), 8);
});

test("pings are echoed and settings acknowledged", async () => {
  await using listener = await startEngine();
  using client = await RawClient.greeted(listener.port);
  await client.settle();
  client.send(frame(type.ping, ack, 0, Buffer.alloc(8)), frame(99, 0xff, 7, Buffer.from("unknown")));
  await client.settle();
  assert.equal(client.frames.filter((f) => f.type === type.ping).length, 2);
  const [first] = client.frames;
  assert.equal(first?.type, type.settings);
  await once(client.socket.end(), "close");
});
