// How a server stops (decisions P7): what is in flight may end within the grace, nothing new begins, nobody can hold it up.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import { connect as connectTcp, createServer } from "node:net";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { TLSSocket } from "node:tls";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { Protocol } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

const farewell = "\n=> Stopping server... Goodbye.\n";
const body = JSON.stringify({ context: Buffer.from("bucket/object").toString("base64") });

/** A request of which the server has the head and half of the body. */
interface HalfSent {
  /** Sends the other half. @returns the status */
  finish(): Promise<number>;
  /** Another request on the same connection; true when it was answered. */
  askAgain(): Promise<boolean>;
  readonly closed: Promise<unknown>;
}

function halfSend(kes: Kes, protocol: Protocol): Promise<HalfSent> {
  return protocol === "h1" ? halfSendHttp1(kes) : halfSendHttp2(kes);
}

async function halfSendHttp1(kes: Kes): Promise<HalfSent> {
  const socket = await secure(kes);
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (received += chunk));
  const closed = once(socket, "close");
  socket.write(`PUT /v1/key/generate/my-key HTTP/1.1\r\nHost: kes\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body.slice(0, 9));
  return {
    closed,
    async finish() {
      socket.write(body.slice(9));
      await closed;
      assert.match(received, /\r\nconnection: close\r\n/i);
      assert.equal(received.split("HTTP/1.1").length, 2, "one answer and no more");
      return Number(received.slice(9, 12));
    },
    async askAgain() {
      // There is no place for it before the end of the body: it would be a part of that.
      return Promise.resolve(false);
    },
  };
}

async function halfSendHttp2(kes: Kes): Promise<HalfSent> {
  const { certPem: cert, keyPem: key } = kes.admin;
  const session = connectHttp2(kes.url, { ca: kes.server.certPem, cert, key });
  session.on("error", () => undefined);
  const stream = session.request({ ":method": "PUT", ":path": "/v1/key/generate/my-key" });
  stream.on("error", () => undefined);
  const answered = new Promise<number>((resolve) => {
    stream.once("response", (headers) => resolve(headers[":status"] ?? 0));
    stream.once("close", () => resolve(0));
  });
  stream.resume().write(body.slice(0, 9));
  return {
    closed: once(session, "close"),
    finish() {
      stream.end(body.slice(9));
      return answered;
    },
    askAgain: () => asks(session),
  };
}

function asks(session: ClientHttp2Session): Promise<boolean> {
  return new Promise((resolve) => {
    if (session.closed) return resolve(false);
    const stream = session.request({ ":path": "/version" });
    stream.once("response", () => resolve(true));
    stream.on("error", () => resolve(false)).once("close", () => resolve(false));
    stream.resume();
    return undefined;
  });
}

async function secure(kes: Kes): Promise<TLSSocket> {
  const { certPem: cert, keyPem: key } = kes.admin;
  const socket = connectTls({ host: kes.host, port: kes.port, ca: kes.server.certPem, cert, key });
  socket.on("error", () => socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

/** Polls until the server takes no connections any more. */
async function untilRefused(kes: Kes): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (await isRefused(kes)) return;
    await sleep(20);
  }
  assert.fail("the server still takes connections");
}

function isRefused({ host, port }: Kes): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connectTcp(port, host, () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}

async function withKey(grace: string): Promise<Kes> {
  const kes = await startKes({ extra: `shutdown: { grace: ${grace} }\nops: { address: 127.0.0.1:0 }` });
  await using client = apiClient("h2", kes.url, kes.admin, kes.server);
  assert.equal((await client.ask("/v1/key/create/my-key", { method: "PUT" })).status, 200);
  return kes;
}

/** Polls until so many requests have begun and are not answered. */
async function untilUnderWay(kes: Kes, count: number): Promise<void> {
  const ops = /http:\/\/127\.0\.0\.1:\d+/.exec(kes.stdout())?.[0] ?? assert.fail(kes.stdout());
  for (let tries = 0; tries < 500; tries += 1) {
    const text = await (await fetch(`${ops}/metrics`)).text();
    if (text.includes(`\nkes_http_request_active ${count}\n`)) return;
    await sleep(20);
  }
  assert.fail(`there are no ${count} requests under way`);
}

/** Resolves with the exit code when the process has ended and all that it wrote has been read. Call it before the signal. */
async function ended({ child }: Kes): Promise<number | null> {
  await once(child, "close");
  return child.exitCode;
}

describe("a server that is told to stop", () => {
  const signals = { h1: "SIGTERM", h2: "SIGINT" } as const;
  for (const protocol of protocols) {
    test(`lets a request over ${protocol} end, begins nothing new and says goodbye (${signals[protocol]})`, async () => {
      await using kes = await withKey("30s");
      const request = await halfSend(kes, protocol);
      await untilUnderWay(kes, 1);
      const end = ended(kes);
      kes.signal(signals[protocol]);
      await untilRefused(kes);
      assert.equal(await request.askAgain(), false);
      // Ctrl-C under npm comes twice.
      kes.signal(signals[protocol]);
      assert.ok(!kes.stdout().includes("Goodbye"));
      assert.equal(await request.finish(), 200);
      await request.closed;
      assert.equal(await end, 0);
      assert.ok(kes.stdout().endsWith(farewell), kes.stdout());
      assert.match(kes.stdout(), /"path":"\/v1\/key\/generate\/my-key",.*"code":200/);
      const again = createServer().listen(kes.port, kes.host);
      await once(again, "listening");
      again.close();
    });
  }

  test("cuts clients after the grace that would never end", async () => {
    await using kes = await withKey("300ms");
    const stuck = await Promise.all(protocols.map((protocol) => halfSend(kes, protocol)));
    const idle = await secure(kes);
    const silent = connectTcp(kes.port, kes.host).on("error", () => undefined);
    const half = connectTcp(kes.port, kes.host, () => half.write(Buffer.from([0x16, 0x03, 0x01]))).on("error", () => 0);
    const plain = connectTcp({ port: kes.port, host: kes.host, allowHalfOpen: true }).on("error", () => undefined);
    plain.resume().write("GET / HTTP/1.1\r\n\r\n");
    await untilUnderWay(kes, stuck.length);
    await sleep(300);
    const began = performance.now();
    const end = ended(kes);
    kes.signal("SIGTERM");
    assert.equal(await end, 0);
    const took = performance.now() - began;
    assert.ok(took >= 300, `${took} ms is less than the grace`);
    // A handshake may take 5 s and an unfinished body 15 s: neither was waited for.
    assert.ok(took < 4_500, `it took ${took} ms to stop`);
    assert.ok(kes.stdout().endsWith(farewell), kes.stdout());
    await Promise.all(stuck.map(({ closed }) => closed));
    for (const socket of [idle, silent, half, plain]) socket.destroy();
  });

  test("ends log streams at once", async () => {
    await using kes = await withKey("30s");
    const socket = await secure(kes);
    const closed = once(socket, "close");
    socket.write("GET /v1/log/audit HTTP/1.1\r\nHost: kes\r\n\r\n");
    await once(socket, "data");
    socket.resume();
    const end = ended(kes);
    kes.signal("SIGTERM");
    await closed;
    assert.equal(await end, 0);
  });
});
