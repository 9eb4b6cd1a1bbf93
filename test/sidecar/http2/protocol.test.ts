// What breaks RFC 9113 costs the stream or the connection, with the right code. h2spec asks much of this too; here it is
// part of every test run.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RequestStream } from "../../../sidecar/http2/stream.ts";
import { answerFixed, startEngine } from "./engine-listener.ts";
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
  preface,
  settings,
  string,
  type,
  uint32,
} from "./raw-frames.ts";
import type { Fields } from "./raw-frames.ts";

const [protocol, flowControl, streamClosed, frameSize, refused, compression, calm] = [1, 3, 5, 6, 7, 9, 11];

function without(name: string): Fields {
  return get.filter(([other]) => other !== name);
}

/** Requests that are malformed (8.1.1): a stream error each. */
const malformed: readonly (readonly [why: string, fields: Fields])[] = [
  ["an upper-case name", [...get, ["X-Upper", "1"]]],
  ["an empty name", [...get, ["", "1"]]],
  ["a space in a name", [...get, ["x y", "1"]]],
  ["a colon in a name", [...get, ["x:y", "1"]]],
  ["a line feed in a value", [...get, ["x", "a\nb"]]],
  ["a carriage return in a value", [...get, ["x", "a\rb"]]],
  ["a zero byte in a value", [...get, ["x", "a\0b"]]],
  ["a space before a value", [...get, ["x", " a"]]],
  ["a tab after a value", [...get, ["x", "a\t"]]],
  ["an unknown pseudo-header field", [...get, [":x", "1"]]],
  ["that of answers", [[":status", "200"], ...get]],
  ["a pseudo-header field after others", [["x", "1"], ...get]],
  ["a pseudo-header field twice", [...get, [":path", "/"]]],
  ["no method", without(":method")],
  ["no path", without(":path")],
  ["no scheme", without(":scheme")],
  ["an empty path", [...without(":path"), [":path", ""]]],
  ["a path that is none", [...without(":path"), [":path", "a"]]],
  ["a space in a path", [...without(":path"), [":path", "/a b"]]],
  ["a method that is no token", [...without(":method"), [":method", "GET /"]]],
  ["connection", [...get, ["connection", "close"]]],
  ["keep-alive", [...get, ["keep-alive", "1"]]],
  ["proxy-connection", [...get, ["proxy-connection", "close"]]],
  ["transfer-encoding", [...get, ["transfer-encoding", "chunked"]]],
  ["upgrade", [...get, ["upgrade", "h2c"]]],
  ["te but trailers", [...get, ["te", "gzip"]]],
  ["a content-length that is no number", [...get, ["content-length", "1x"]]],
  ["a negative content-length", [...get, ["content-length", "-1"]]],
  ["an enormous content-length", [...get, ["content-length", "9999999999999999"]]],
  ["two content-lengths", [...get, ["content-length", "0"], ["content-length", "0"]]],
  ["a content-length without a body", [...get, ["content-length", "1"]]],
  ["CONNECT with a path", [[":method", "CONNECT"], ...without(":method")]],
];

type Sent = readonly (Buffer | readonly Buffer[])[];

/** What costs a stream, after a request on stream 1 that waits for its body. */
const streamErrors: readonly (readonly [why: string, code: number, sent: Sent])[] = [
  ["more body than declared", protocol, [frame(type.data, 0, 1, Buffer.alloc(11))]],
  ["less body than declared", protocol, [frame(type.data, endStream, 1, Buffer.alloc(9))]],
  ["trailers without an end", protocol, [headers(1, [["a", "b"]], endHeaders)]],
  ["trailers with a pseudo-header field", protocol, [headers(1, [[":path", "/"]])]],
  ["trailers before the declared length", protocol, [headers(1, [["a", "b"]])]],
  ["a window update of nothing", protocol, [frame(type.windowUpdate, 0, 1, uint32(0))]],
  ["a window above 2^31-1", flowControl, [frame(type.windowUpdate, 0, 1, uint32(0x7fff_ffff))]],
];

/** What costs the connection. */
const connectionErrors: readonly (readonly [why: string, code: number, sent: Sent])[] = [
  ["a frame that is too long", frameSize, [frame(type.data, 0, 1, Buffer.alloc(16_385))]],
  ["DATA on no stream", protocol, [frame(type.data, 0, 0)]],
  ["DATA on an idle stream", protocol, [frame(type.data, 0, 3)]],
  ["HEADERS on no stream", protocol, [headers(0, get)]],
  ["HEADERS on an even stream", protocol, [headers(2, get)]],
  ["HEADERS on a lower stream", protocol, [headers(5, get), headers(3, get)]],
  ["a priority that is cut off", frameSize, [frame(type.headers, 0x24, 3, Buffer.alloc(4))]],
  ["padding longer than its frame", protocol, [frame(type.headers, endHeaders | padded, 3, Buffer.of(200, 0x82))]],
  ["padding in an empty frame", protocol, [frame(type.data, padded, 1)]],
  ["padding of all its frame", protocol, [frame(type.data, padded, 1, Buffer.of(1))]],
  ["PRIORITY of four bytes", frameSize, [frame(type.priority, 0, 1, Buffer.alloc(4))]],
  ["PRIORITY on itself", protocol, [frame(type.priority, 0, 1, Buffer.of(0, 0, 0, 1, 0))]],
  ["RST_STREAM of five bytes", frameSize, [frame(type.rstStream, 0, 1, Buffer.alloc(5))]],
  ["RST_STREAM on no stream", protocol, [frame(type.rstStream, 0, 0, uint32(0))]],
  ["RST_STREAM on an idle stream", protocol, [frame(type.rstStream, 0, 3, uint32(0))]],
  ["SETTINGS on a stream", protocol, [frame(type.settings, 0, 1)]],
  ["SETTINGS of seven bytes", frameSize, [frame(type.settings, 0, 0, Buffer.alloc(7))]],
  ["SETTINGS with an acknowledgement", frameSize, [frame(type.settings, ack, 0, settings([1, 1]))]],
  ["SETTINGS with a bad push", protocol, [frame(type.settings, 0, 0, settings([2, 2]))]],
  ["SETTINGS with a bad window", flowControl, [frame(type.settings, 0, 0, settings([4, 0x8000_0000]))]],
  ["SETTINGS with small frames", protocol, [frame(type.settings, 0, 0, settings([5, 16_383]))]],
  ["SETTINGS with large frames", protocol, [frame(type.settings, 0, 0, settings([5, 0x100_0000]))]],
  [
    "SETTINGS that overflow an open stream",
    flowControl,
    [frame(type.windowUpdate, 0, 1, uint32(0x7fff_0000)), frame(type.settings, 0, 0, settings([4, 0x7fff_ffff]))],
  ],
  ["PUSH_PROMISE", protocol, [frame(type.pushPromise, endHeaders, 1, uint32(2))]],
  ["PING of seven bytes", frameSize, [frame(type.ping, 0, 0, Buffer.alloc(7))]],
  ["PING on a stream", protocol, [frame(type.ping, 0, 1, Buffer.alloc(8))]],
  ["GOAWAY on a stream", protocol, [frame(type.goaway, 0, 1, Buffer.alloc(8))]],
  ["GOAWAY that is cut off", frameSize, [frame(type.goaway, 0, 0, Buffer.alloc(7))]],
  ["WINDOW_UPDATE of three bytes", frameSize, [frame(type.windowUpdate, 0, 0, Buffer.alloc(3))]],
  ["WINDOW_UPDATE of nothing", protocol, [frame(type.windowUpdate, 0, 0, uint32(0))]],
  ["WINDOW_UPDATE on an idle stream", protocol, [frame(type.windowUpdate, 0, 3, uint32(1))]],
  ["a window above 2^31-1", flowControl, [frame(type.windowUpdate, 0, 0, uint32(0x7fff_ffff))]],
  ["CONTINUATION out of nowhere", protocol, [frame(type.continuation, endHeaders, 1, block(get))]],
  ["CONTINUATION of another stream", protocol, [headers(3, get, 0), frame(type.continuation, endHeaders, 1)]],
  ["another frame in a header block", protocol, [headers(3, get, 0), frame(type.ping, 0, 0, Buffer.alloc(8))]],
  ["a header block that is no HPACK", compression, [frame(type.headers, endHeaders | endStream, 3, Buffer.of(0x80))]],
];

describe("a malformed request loses its stream:", () => {
  for (const [why, fields] of malformed) {
    it(why, async () => {
      let served = 0;
      await using listener = await startEngine({ onRequest: () => (served += 1) });
      using client = await RawClient.greeted(listener.port);
      client.send(headers(1, fields));
      assert.equal(await client.resetOf(1), protocol);
      await client.settle();
      assert.equal(served, 0);
    });
  }
});

describe("a stream ends by", () => {
  for (const [why, code, sent] of streamErrors) {
    it(why, async () => {
      await using listener = await startEngine();
      using client = await RawClient.greeted(listener.port);
      client.send(headers(1, [...post, ["content-length", "10"]], endHeaders), ...sent.flat());
      assert.equal(await client.resetOf(1), code);
      // Others go on.
      client.send(headers(3, get));
      assert.equal(await client.body(3), "a body of some length\n");
    });
  }

  it("DATA after its end, while it is not answered", async () => {
    await using listener = await startEngine({ onRequest: () => undefined });
    using client = await RawClient.greeted(listener.port);
    client.send(headers(1, get), frame(type.data, endStream, 1, Buffer.from("x")));
    assert.equal(await client.resetOf(1), streamClosed);
  });

  it("HEADERS after its end, while it is not answered", async () => {
    await using listener = await startEngine({ onRequest: () => undefined });
    using client = await RawClient.greeted(listener.port);
    client.send(headers(1, get), headers(1, [["a", "b"]]));
    assert.equal(await client.resetOf(1), streamClosed);
  });

  it("depending on itself", async () => {
    await using listener = await startEngine();
    using client = await RawClient.greeted(listener.port);
    const payload = Buffer.concat([uint32(1), Buffer.of(0), block(get)]);
    client.send(frame(type.headers, endHeaders | endStream | 0x20, 1, payload));
    assert.equal(await client.resetOf(1), protocol);
  });

  it("more DATA than its window has", async () => {
    await using listener = await startEngine({ onRequest: () => undefined });
    using client = await RawClient.greeted(listener.port);
    const chunk = frame(type.data, 0, 1, Buffer.alloc(16_384));
    client.send(headers(1, post, endHeaders), chunk, chunk, chunk, chunk);
    assert.equal(await client.resetOf(1), flowControl);
  });

  it("being one too many", async () => {
    await using listener = await startEngine({ onRequest: () => undefined });
    using client = await RawClient.greeted(listener.port);
    client.send(...Array.from({ length: 251 }, (_, n) => headers(2 * n + 1, get)));
    assert.equal(await client.resetOf(501), refused);
    assert.deepEqual(
      [...listener.connections].map(({ active }) => active),
      [250],
    );
  });
});

describe("the connection ends by", () => {
  for (const [why, code, sent] of connectionErrors) {
    it(why, async () => {
      await using listener = await startEngine({ onRequest: () => undefined });
      using client = await RawClient.greeted(listener.port);
      client.send(headers(1, post, endHeaders), ...sent.flat());
      assert.equal(await client.goaway(), code);
      await client.ended();
      assert.equal(listener.errors.length, 1);
    });
  }

  it("a preface that is none", async () => {
    await using listener = await startEngine();
    using client = await RawClient.connect(listener.port);
    client.send(Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert.equal(await client.goaway(), protocol);
    await client.ended();
  });

  it("a first frame that is not SETTINGS", async () => {
    await using listener = await startEngine();
    using client = await RawClient.connect(listener.port);
    client.send(preface, headers(1, get));
    assert.equal(await client.goaway(), protocol);
    await client.ended();
  });

  it("DATA on an answered stream", async () => {
    await using listener = await startEngine();
    using client = await RawClient.greeted(listener.port);
    client.send(headers(1, get));
    await client.body(1);
    client.send(frame(type.data, endStream, 1, Buffer.from("x")));
    assert.equal(await client.goaway(), streamClosed);
  });

  it("HEADERS on an answered stream", async () => {
    await using listener = await startEngine();
    using client = await RawClient.greeted(listener.port);
    client.send(headers(1, get));
    await client.body(1);
    client.send(headers(1, get));
    assert.equal(await client.goaway(), streamClosed);
  });

  it("more DATA than the connection's window has", async () => {
    await using listener = await startEngine({ onRequest: () => undefined });
    using client = await RawClient.greeted(listener.port);
    const chunk = Buffer.alloc(16_000);
    for (let n = 0; n < 17; n++) {
      const stream = 2 * n + 1;
      client.send(
        headers(stream, post, endHeaders),
        ...Array.from({ length: 4 }, () => frame(type.data, 0, stream, chunk)),
      );
    }
    assert.equal(await client.goaway(), flowControl);
  });

  it("a fault of its own, which is no client's", async () => {
    await using listener = await startEngine({
      onRequest: () => {
        throw new Error("a fault");
      },
    });
    using client = await RawClient.greeted(listener.port);
    client.send(headers(1, get));
    assert.equal(await client.goaway(), 2);
    assert.deepEqual(listener.errors, ["a fault"]);
  });
});

it("DATA that costs a stream counts as taken for the connection (6.9)", async () => {
  await using listener = await startEngine({ onRequest: () => undefined });
  using client = await RawClient.greeted(listener.port);
  const chunk = Buffer.alloc(16_384);
  for (let n = 0; n < 40; n++) {
    const [wrong, excess] = [4 * n + 1, 4 * n + 3];
    client.send(headers(wrong, [...post, ["content-length", "10"]], endHeaders), frame(type.data, 0, wrong, chunk));
    client.send(
      headers(excess, post, endHeaders),
      ...Array.from({ length: 4 }, () => frame(type.data, 0, excess, chunk)),
    );
    assert.deepEqual([await client.resetOf(wrong), await client.resetOf(excess)], [protocol, flowControl]);
  }
  // The first one is the server's larger window, as it begins.
  const updates = client.frames.filter((f) => f.type === type.windowUpdate && f.stream === 0).slice(1);
  const credited = updates.reduce((sum, f) => sum + f.payload.readUInt32BE(0), 0);
  const sent = 40 * 5 * 16_384;
  assert.ok(credited > sent - 524_288 && credited <= sent, `${credited} of ${sent} bytes`);
});

/** A request without a body whose header block takes several frames. */
function inFrames(stream: number, bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) {
    const flags = (at === 0 ? endStream : 0) | (at + 16_384 >= bytes.length ? endHeaders : 0);
    frames.push(frame(at === 0 ? type.headers : type.continuation, flags, stream, bytes.subarray(at, at + 16_384)));
  }
  return frames;
}

describe("header lists", () => {
  it("that are too large get 431", async () => {
    let served = 0;
    await using listener = await startEngine({ onRequest: () => (served += 1) });
    using client = await RawClient.greeted(listener.port);
    const many: Fields = Array.from({ length: 110 }, (_, n) => [`x-${n}`, "1"] as const);
    client.send(headers(1, [...get, ...many]));
    const answer = await client.until((f) => f.type === type.headers && f.stream === 1);
    assert.equal(answer.flags & endStream, endStream);
    assert.equal(answer.payload.toString("latin1", 2, 5), "431");
    assert.equal(served, 0);
    assert.deepEqual(listener.errors, ["the header fields of a request are too large"]);
  });

  // A proxy's other clients are not to suffer from one with too many cookies (RFC 9113, 10.5.1).
  it("whose bytes are too many get 431, and leave the header table and other requests as they were", async () => {
    const { promise: first, resolve: onRequest } = Promise.withResolvers<RequestStream>();
    const paths: string[] = [];
    const serve = (stream: RequestStream): void => {
      paths.push(stream.head.path);
      if (paths.length === 1) onRequest(stream);
      else answerFixed(stream);
    };
    await using listener = await startEngine({ onRequest: serve });
    using client = await RawClient.greeted(listener.port);
    client.send(headers(1, get));
    // Its path enters the table, and is the newest entry afterwards.
    const path = Buffer.concat([Buffer.of(0x44), string("/indexed")]);
    const bytes = Buffer.concat([Buffer.of(0x82, 0x87), path, block([["x", "y".repeat(18_000)]])]);
    client.send(...inFrames(3, bytes));
    const answer = await client.until((f) => f.type === type.headers && f.stream === 3, "an answer");
    assert.equal(answer.payload.toString("latin1", 2, 5), "431");
    client.send(frame(type.headers, endHeaders | endStream, 5, Buffer.of(0x82, 0x87, 0xbe)));
    assert.equal(await client.body(5), "a body of some length\n");
    assert.deepEqual(paths, ["/", "/indexed"]);
    answerFixed(await first);
    assert.equal(await client.body(1), "a body of some length\n");
  });

  it("of 64 KiB get 431, longer ones end the connection", async () => {
    await using listener = await startEngine();
    using client = await RawClient.greeted(listener.port);
    // Four bytes say how long the value is, where one says that it is empty.
    const long = block([...get, ["x", ""]]).length + 3;
    client.send(...inFrames(1, block([...get, ["x", "y".repeat(65_536 - long)]])));
    const answer = await client.until((f) => f.type === type.headers && f.stream === 1, "an answer");
    assert.equal(answer.payload.toString("latin1", 2, 5), "431");
    client.send(...inFrames(3, block([...get, ["x", "y".repeat(65_537 - long)]])));
    assert.equal(await client.goaway(), calm);
  });
});

it("what was sent to streams long reset ends the connection, to the last ones it is ignored", async () => {
  await using listener = await startEngine();
  using client = await RawClient.greeted(listener.port);
  const bad = [...get, ["Upper", "1"] as const];
  client.send(...Array.from({ length: 300 }, (_, n) => headers(2 * n + 1, bad)));
  assert.equal(await client.resetOf(599), protocol);
  client.send(frame(type.data, 0, 599, Buffer.alloc(10)), frame(type.data, 0, 101, Buffer.alloc(10)));
  await client.settle();
  client.send(frame(type.data, 0, 1, Buffer.alloc(10)));
  assert.equal(await client.goaway(), streamClosed);
});
