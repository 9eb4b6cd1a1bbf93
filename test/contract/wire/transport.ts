// What happens below the requests: TLS, protocol choice, and broken HTTP/1.1 (reference 1.1). Asked once per server.
import assert from "node:assert/strict";
import { connect as connectPlain } from "node:net";
import { describe, it } from "node:test";
import { connect } from "node:tls";
import type { ConnectionOptions } from "node:tls";
import type { WireTarget } from "./target.ts";

const patience = 10_000;

export function transportTests(target: WireTarget): void {
  describe("wire format below the requests", () => {
    handshakeTests(target);
    framingTests(target);
  });
}

function handshakeTests(target: WireTarget): void {
  const offers: readonly (readonly [string[] | undefined, string | false])[] = [
    [["h2", "http/1.1"], "h2"],
    [["http/1.1", "h2"], "h2"],
    [["h2"], "h2"],
    [["http/1.1"], "http/1.1"],
    [["http/1.0", "http/1.1"], "http/1.1"],
    [undefined, false],
  ];
  for (const [offer, chosen] of offers) {
    it(`chooses ${String(chosen)} for a client that offers ${offer?.join(", ") ?? "nothing"}`, async () => {
      const { protocol } = await handshake(target, offer === undefined ? {} : { ALPNProtocols: offer });
      assert.equal(protocol, chosen);
    });
  }

  it("turns away a client that offers other protocols only", async () => {
    await assert.rejects(handshake(target, { ALPNProtocols: ["spdy/3"] }));
  });

  it("speaks TLS 1.2 and 1.3 and nothing older", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      assert.equal((await handshake(target, { minVersion: version, maxVersion: version })).version, version);
    }
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT:@SECLEVEL=0" } as const;
    await assert.rejects(handshake(target, old));
  });
}

function framingTests(target: WireTarget): void {
  it("tells a plain HTTP client what is wrong", async () => {
    const answer = await exchange(
      connectPlain(Number(target.url.port), target.url.hostname),
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert.equal(answer, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
  });

  const broken: readonly (readonly [why: string, request: string])[] = [
    ["no request line", "garbage\r\n\r\n"],
    ["no host", "GET /version HTTP/1.1\r\n\r\n"],
    ["a negative length", "PUT /v1/key/hmac/a HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\n{}"],
    [
      "two different lengths",
      "PUT /v1/key/hmac/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    ],
    ["a space in the target", "GET /ver sion HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["a header without a colon", "GET /version HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"],
    ["a space before the colon", "GET /version HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n"],
  ];
  for (const [why, request] of broken) {
    it(`refuses a request with ${why} and closes`, async () => {
      const answer = await exchange(secure(target), request);
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request/);
      assert.match(answer, /\r\nConnection: close\r\n/i);
    });
  }

  it("answers requests sent in one go in their order", async () => {
    const answer = await exchange(
      secure(target),
      "GET /version HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*HTTP\/1\.1 404 Not Found\r\n/);
  });

  it("says 'go on' to a client that waits with its body", async () => {
    const answer = await exchange(
      secure(target),
      "PUT /v1/key/hmac/wire-nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 404 Not Found\r\n/);
  });

  it("writes an HTTP/1.1 answer with these fields and no others", async () => {
    const answer = await exchange(secure(target), "GET /v1/nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const [head = "", body] = answer.split("\r\n\r\n");
    const [line, ...fields] = head.split("\r\n");
    assert.equal(line, "HTTP/1.1 404 Not Found");
    assert.equal(body, "404 page not found\n");
    const names = fields.map((field) => field.slice(0, field.indexOf(":")).toLowerCase());
    assert.deepEqual(names.toSorted(), [
      "connection",
      "content-length",
      "content-type",
      "date",
      "x-content-type-options",
    ]);
  });
}

function secure(target: WireTarget, options: ConnectionOptions = {}) {
  const { key, cert } = target.admin;
  const base = { host: target.url.hostname, port: Number(target.url.port), rejectUnauthorized: false };
  return connect({ ...base, key, cert, ...options });
}

async function handshake(target: WireTarget, options: ConnectionOptions) {
  const socket = secure(target, options);
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  socket.on("error", reject);
  socket.on("close", () => reject(new Error("the connection was closed")));
  socket.on("secureConnect", () => resolve(undefined));
  try {
    await promise;
    return { protocol: socket.alpnProtocol, version: socket.getProtocol() };
  } finally {
    socket.destroy();
  }
}

/** Everything the server sends until it closes. */
async function exchange(socket: ReturnType<typeof connectPlain>, request: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  let answer = "";
  socket.setTimeout(patience, () => socket.destroy(new Error(`the server did not close; it said: ${answer}`)));
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
  socket.on("error", reject);
  socket.on("close", () => resolve(undefined));
  socket.write(request);
  await promise;
  return answer;
}
