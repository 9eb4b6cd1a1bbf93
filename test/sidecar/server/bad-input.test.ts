// Whatever comes in, the server answers as it should or closes, writes one line, stays up and changes no key.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import * as fc from "fast-check";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { ApiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { openConnection } from "./open-connection.ts";
import { sendRaw } from "./raw-bytes.ts";

const plaintext = Buffer.from("text").toString("base64");
const invalidBody = '{"message":"invalid request body"\n}';

/** A request for the encryption of something, with other head lines or another body. */
function encryptRequest(head: string, body: string): string {
  return `POST /v1/key/encrypt/my-key HTTP/1.1\r\nHost: kes\r\n${head}\r\n\r\n${body}`;
}

/** Name → bytes that are no HTTP/1.1 request, and the answer; 0 = closed without one. */
const malformed: Readonly<Record<string, readonly [bytes: string, status: number]>> = {
  "an unknown method": ["FROB /v1/status HTTP/1.1\r\nHost: kes\r\n\r\n", 400],
  "a lower-case method": ["get /v1/status HTTP/1.1\r\nHost: kes\r\n\r\n", 400],
  "an unknown version": ["GET /v1/status HTTP/9.9\r\nHost: kes\r\n\r\n", 400],
  "a request without a version": ["GET /v1/status\r\n\r\n", 400],
  "a blank in the target": ["GET /v1/ status HTTP/1.1\r\nHost: kes\r\n\r\n", 400],
  "a header without a colon": ["GET /v1/status HTTP/1.1\r\nHost: kes\r\nnonsense\r\n\r\n", 400],
  "a blank before the colon": ["GET /v1/status HTTP/1.1\r\nHost: kes\r\nContent-Length : 0\r\n\r\n", 400],
  "a zero byte in a header": ["GET /v1/status HTTP/1.1\r\nHost: kes\r\nX: a\0b\r\n\r\n", 400],
  "a header of 64 KiB": [`GET /v1/status HTTP/1.1\r\nHost: kes\r\nX: ${"x".repeat(65_536)}\r\n\r\n`, 431],
  "ten thousand headers": [`GET /v1/status HTTP/1.1\r\nHost: kes\r\n${"x: y\r\n".repeat(10_000)}\r\n`, 431],
  "a target of 64 KiB": [`GET /v1/key/describe/${"x".repeat(65_536)} HTTP/1.1\r\nHost: kes\r\n\r\n`, 431],
  "two body lengths": [encryptRequest("Content-Length: 5\r\nContent-Length: 6", "{}   "), 400],
  "a body length and chunks": [encryptRequest("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), 400],
  "chunks and a body length": [encryptRequest("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"), 400],
  "a negative body length": [encryptRequest("Content-Length: -1", ""), 400],
  "a body length in words": [encryptRequest("Content-Length: five", "{}   "), 400],
  "an encoding after chunked": [encryptRequest("Transfer-Encoding: chunked, identity", "0\r\n\r\n"), 400],
  "a chunk size that is no number": [encryptRequest("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n"), 400],
  "a TLS record inside TLS": ["\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001", 400],
};

/** Target → status, for the admin's GET. */
const targets: Readonly<Record<string, number>> = {
  "/v1/key/describe/my-key": 200,
  "/v1/key/describe/my-key?name=other": 200,
  "//v1/status": 301,
  "/v1//status": 301,
  "/v1/./status": 301,
  "/v1/key/../status": 301,
  "/../../etc/passwd": 301,
  "/v1/key/describe/../../status": 301,
  "/v1/key/describe/%2e%2e": 400,
  "/v1/key/describe/..%2f..%2fstatus": 400,
  "/v1/key/describe/my%2Fkey": 400,
  "/v1/key/describe/my-key%00": 400,
  "/v1/key/describe/my-key%0a": 400,
  "/v1/key/describe/%": 400,
  "/v1/key/describe/%4": 400,
  "/v1/key/describe/%zz": 400,
  "/v1/key/describe/%ff%fe": 400,
  "/v1/key/describe/%c0%af": 400,
  "/v1/key/describe/my-key%252F": 400,
  "/v1/key/describe/m%79-key": 200,
  "/v1/key/describe/": 400,
  "/v1/key/describe/__proto__": 404,
  "/v1/key/describe/constructor": 404,
  [`/v1/key/describe/${"a".repeat(20_000)}`]: 400,
  [`/v1/key/describe/${"%41".repeat(80)}`]: 404,
  [`/v1/key/describe/${"%41".repeat(81)}`]: 400,
  "/V1/STATUS": 404,
  "/v1/status/": 404,
  "/v1/status%2f": 404,
  "/v1/status#part": 404,
  "/": 404,
  "/constructor": 404,
  [`/${"a/".repeat(10_000)}`]: 404,
};

/** Name → body of an encrypt request and its status. */
const bodies: Readonly<Record<string, readonly [body: string, status: number]>> = {
  "nothing but blanks": ["  ", 400],
  "half an object": [`{"plaintext":"${plaintext}"`, 400],
  "an array": ["[]", 400],
  "a word": ["plaintext", 400],
  "a plaintext that is a number": ['{"plaintext":5}', 400],
  "base64 of the URL alphabet": ['{"plaintext":"_-8="}', 400],
  "base64 without padding": ['{"plaintext":"AAA"}', 400],
  "numbers beyond bytes": ['{"plaintext":[1,256]}', 400],
  "a bare control character": ['{"plaintext":"\u0001"}', 400],
  "a hundred thousand brackets": [`{"x":${"[".repeat(100_000)}`, 400],
  "a name that is a property of every object": [`{"__proto__":{"plaintext":"AAAA"},"plaintext":"${plaintext}"}`, 200],
  "words after the first value": [`{"plaintext":"${plaintext}"} and more`, 200],
  "a number array": ['{"plaintext":[1,2,255]}', 200],
  "more than the limit": [`{"plaintext":"${"A".repeat(1_200_000)}"}`, 400],
  "more than the limit after the first value": [`{"plaintext":"${plaintext}"}${" ".repeat(1_200_000)}`, 200],
};

describe("bad input", () => {
  let kes: Kes;
  let good: ApiClient;
  let keyBefore: string;

  const describeKey = async (): Promise<string> => (await good.ask("/v1/key/describe/my-key")).text;

  before(async () => {
    kes = await startKes({ extra: "api: { /v1/key/encrypt/: { timeout: 2s } }" });
    good = apiClient("h2", kes.url, kes.admin, kes.server);
    assert.equal((await good.ask("/v1/key/create/my-key", { method: "PUT" })).status, 200);
    keyBefore = await describeKey();
    assert.match(keyBefore, /"fingerprint"/);
    await kes.until("the log line of the new key", (_, errors) => errors.includes("key created"));
  });

  after(async () => {
    await good[Symbol.asyncDispose]();
    await kes[Symbol.asyncDispose]();
  });

  for (const [what, [bytes, status]] of Object.entries(malformed)) {
    test(`${what} gets ${status}, a closed connection and one log line`, async () => {
      const from = kes.stderr().length;
      const answer = await sendRaw(kes, bytes);
      assert.deepEqual([answer.status, answer.closed], [status, true], answer.text);
      assert.equal(answer.text.split("HTTP/1.1 ").length, 2, "more than one answer");
      await kes.until("the log line", (_, errors) => errors.slice(from).includes("\n"));
      assert.equal(await describeKey(), keyBefore);
      assert.equal(kes.stderr().slice(from).trimEnd().split("\n").length, 1, kes.stderr().slice(from));
    });
  }

  test("a malformed request behind a good one is not answered in its place", async () => {
    const answer = await sendRaw(kes, "GET /v1/status HTTP/1.1\r\nHost: kes\r\n\r\nFROB / HTTP/1.1\r\n\r\n");
    assert.ok(answer.closed);
    assert.ok(answer.status === 200 || answer.status === 0, answer.text);
  });

  test("plain HTTP on the TLS port is told so, and never fills the places of real clients", async () => {
    const ask = async (): Promise<string> => {
      const socket = connect(kes.port, kes.host);
      let text = "";
      socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
      socket.on("error", () => socket.destroy());
      socket.write("GET /v1/status HTTP/1.1\r\nHost: kes\r\n\r\n");
      await once(socket, "close");
      return text;
    };
    const expected = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    assert.equal(await ask(), expected);
    // More than one address may have in handshakes at a time.
    for (let i = 0; i < 6; i += 1) await Promise.all(Array.from({ length: 50 }, ask));
    assert.equal(await ask(), expected);
    using late = await openConnection(kes, "h2", kes.admin);
    assert.equal((await late.ask("/v1/status")).status, 200);
  });

  for (const protocol of protocols) {
    test(`every strange target gets its status, over ${protocol}`, async () => {
      for (const [target, status] of Object.entries(targets)) {
        using connection = await openConnection(kes, protocol, kes.admin);
        const got = await connection.ask(target);
        assert.equal(got.status, status, `${target.slice(0, 80)}: ${got.text.slice(0, 200)}`);
      }
    });

    test(`every strange body gets its status, over ${protocol}`, async () => {
      for (const [what, [body, status]] of Object.entries(bodies)) {
        await using client = apiClient(protocol, kes.url, kes.admin, kes.server);
        const got = await client.ask("/v1/key/encrypt/my-key", { method: "PUT", body });
        assert.equal(got.status, status, `${what}: ${got.text.slice(0, 200)}`);
        if (status === 400) assert.equal(got.text, invalidBody, what);
      }
      assert.equal(await describeKey(), keyBefore);
    });

    test(`no target makes the server fail, over ${protocol}`, async () => {
      const piece = fc.constantFrom(
        "/",
        "//",
        ".",
        "..",
        "%",
        "%2f",
        "%00",
        "%ff",
        "%2e",
        "key",
        "v1",
        "*",
        "?",
        "a",
        "~",
      );
      const target = fc.array(piece, { maxLength: 12 }).map((pieces) => `/v1/key/describe/${pieces.join("")}`);
      await fc.assert(
        fc.asyncProperty(target, async (path) => {
          using connection = await openConnection(kes, protocol, kes.admin);
          const { status } = await connection.ask(path);
          assert.ok([200, 301, 400, 404].includes(status), `${path}: ${status}`);
        }),
        { numRuns: 150 },
      );
    });

    test(`no body makes the server fail, over ${protocol}`, async () => {
      await using client = apiClient(protocol, kes.url, kes.admin, kes.server);
      const value = fc.oneof(fc.base64String(), fc.jsonValue());
      const object = fc.record({ plaintext: value, context: value, ciphertext: value }, { requiredKeys: [] });
      const body = fc.oneof(
        fc.json(),
        fc.string({ unit: "binary" }),
        object.map((fields) => JSON.stringify(fields)),
      );
      const path = fc.constantFrom("/v1/key/encrypt/my-key", "/v1/key/decrypt/my-key", "/v1/key/generate/my-key");
      await fc.assert(
        fc.asyncProperty(path, body, async (route, text) => {
          const got = await client.ask(route, { method: "PUT", body: text });
          assert.ok(got.status === 200 || got.status === 400, `${route} ${text}: ${got.status}`);
        }),
        { numRuns: 150 },
      );
      assert.equal(await describeKey(), keyBefore);
    });
  }

  test("a target of 64 KiB over h2 is refused and the server goes on", async () => {
    using connection = await openConnection(kes, "h2", kes.admin);
    const asked = connection.ask(`/v1/key/describe/${"x".repeat(65_536)}`);
    const status = await asked.then((got) => got.status).catch(() => 0);
    assert.ok(status === 431 || status === 0, String(status));
    assert.equal(await describeKey(), keyBefore);
  });

  test("a body in chunks is a body like any other", async () => {
    const json = JSON.stringify({ plaintext });
    const chunks = json.replace(/./g, "1\r\n$&\r\n");
    const request = encryptRequest("Transfer-Encoding: chunked\r\nConnection: close", `${chunks}0\r\n\r\n`);
    const answer = await sendRaw(kes, request);
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.text, /"ciphertext"/);
  });

  test("a body that never ends is cut by the deadline of its route without an answer", async () => {
    const started = performance.now();
    const answer = await sendRaw(kes, encryptRequest("Content-Length: 100", '{"plain'));
    assert.deepEqual([answer.text, answer.closed], ["", true]);
    assert.ok(performance.now() - started >= 1_900);
  });

  test("a client that leaves in the middle of its body is no failure of the server", async () => {
    const path = "/v1/key/encrypt/left-early";
    const from = kes.stderr().length;
    const request = encryptRequest("Content-Length: 100", '{"plain').replace("/v1/key/encrypt/my-key", path);
    await sendRaw(kes, request, { patience: 200 });
    await kes.until("its audit record", (out) => out.includes(path));
    const record =
      kes
        .stdout()
        .split("\n")
        .find((line) => line.includes(path)) ?? "";
    assert.match(record, /"code":499/);
    assert.doesNotMatch(kes.stderr().slice(from), /request failed/);
  });

  test("no damaged HTTP/1.1 request makes the server fail", async () => {
    const request = Buffer.from(encryptRequest("Content-Length: 24\r\nX-Other: value", JSON.stringify({ plaintext })));
    const damaged = fc
      .tuple(fc.nat(request.length), fc.nat(8), fc.uint8Array({ maxLength: 8 }))
      .map(([at, cut, bytes]) => {
        return Buffer.concat([request.subarray(0, at), bytes, request.subarray(at + cut)]);
      });
    await fc.assert(
      fc.asyncProperty(fc.array(damaged, { minLength: 8, maxLength: 8 }), async (requests) => {
        const answers = await Promise.all(requests.map((bytes) => sendRaw(kes, bytes, { end: true })));
        for (const { status, closed, text } of answers) {
          assert.ok(closed && status < 500, text);
        }
      }),
      { numRuns: 20 },
    );
    assert.equal(await describeKey(), keyBefore);
  });

  test("no damaged HTTP/2 frame makes the server fail", async () => {
    const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    const frame = fc
      .tuple(fc.nat(12), fc.nat(255), fc.nat(5), fc.uint8Array({ maxLength: 40 }))
      .map(([type, flags, stream, payload]) => {
        return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, stream]), payload]);
      });
    const bytes = fc
      .array(frame, { minLength: 1, maxLength: 6 })
      .map((frames) => Buffer.concat([preface, settings, ...frames]));
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { minLength: 8, maxLength: 8 }), async (connections) => {
        await Promise.all(connections.map((sent) => sendRaw(kes, sent, { alpn: "h2", patience: 150 })));
        assert.equal(kes.child.exitCode, null);
      }),
      { numRuns: 15 },
    );
    await sendRaw(kes, "GET / HTTP/1.1\r\nHost: kes\r\n\r\n", { alpn: "h2", patience: 2_000 });
    assert.equal(await describeKey(), keyBefore);
  });
});
