// Clients that are too slow, and clients that merely have nothing to say: the first are cut, each at its own limit, the
// second are left alone (decisions T6). The tests wait at the same time, on one server.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { protocols } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { openConnection } from "./open-connection.ts";
import type { OpenConnection } from "./open-connection.ts";

/** A limit of 5 s is noticed by a sweep every second; a slow machine may take its time. */
const least = 4_000;
const most = 15_000;

let kes: Kes;

before(async () => {
  kes = await startKes({
    extra: ["api: { /v1/key/generate/: { timeout: 2s } }", "ops: { address: 127.0.0.1:0 }"].join("\n"),
  });
});

after(() => kes[Symbol.asyncDispose]());

/** Milliseconds until the server ends the connection; it must be within the limits. */
async function endsBetween(socket: Socket, from: number, to: number): Promise<void> {
  const began = performance.now();
  socket.on("error", () => socket.destroy()).resume();
  const giveUp = setTimeout(() => socket.destroy(new Error("given up")), to);
  await once(socket, "close");
  clearTimeout(giveUp);
  const took = performance.now() - began;
  assert.ok(took >= from && took < to, `the connection ended after ${took} ms, not between ${from} and ${to}`);
}

async function isAlive(connection: OpenConnection): Promise<void> {
  assert.equal((await connection.ask("/version")).status, 200);
}

describe("a server with slow clients", { concurrency: true }, () => {
  const beginnings: readonly (readonly [what: string, bytes: Buffer])[] = [
    ["sends nothing", Buffer.alloc(0)],
    ["begins a TLS handshake", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])],
  ];
  for (const [what, bytes] of beginnings) {
    test(`cuts a client that ${what} and then waits`, async () => {
      const socket = connectTcp(kes.port, kes.host);
      if (bytes.length > 0) socket.write(bytes);
      await endsBetween(socket, least, most);
    });
  }

  test("cuts an HTTP/1.1 client that sends its headers a byte at a time", async () => {
    using connection = await openConnection(kes, "h1", kes.admin);
    const { socket } = connection;
    const head = Buffer.from(`GET /v1/status HTTP/1.1\r\nHost: kes\r\nX-Slow: ${"a".repeat(100)}`);
    let sent = 0;
    const drip = setInterval(() => socket.write(head.subarray(sent, (sent += 1))), 500);
    await endsBetween(socket, least, most);
    clearInterval(drip);
    assert.ok(sent < head.length);
  });

  test("cuts an HTTP/1.1 client that begins a second request and does not finish it", async () => {
    using connection = await openConnection(kes, "h1", kes.admin);
    await isAlive(connection);
    connection.socket.write("GET /v1/sta");
    await endsBetween(connection.socket, least, most);
  });

  test("cuts an HTTP/1.1 connection whose request body does not come before the route's deadline", async () => {
    using connection = await openConnection(kes, "h1", kes.admin);
    let received = "";
    connection.socket.on("data", (chunk: Buffer) => (received += chunk.toString()));
    connection.socket.write('PUT /v1/key/generate/my-key HTTP/1.1\r\nHost: kes\r\nContent-Length: 20\r\n\r\n{"con');
    await endsBetween(connection.socket, 1_500, most);
    assert.equal(received, "", "there is no answer after the deadline");
  });

  test("resets only the HTTP/2 stream whose body does not come before the route's deadline", async () => {
    const { certPem: cert, keyPem: key } = kes.admin;
    const session = connectHttp2(kes.url, { ca: kes.server.certPem, cert, key });
    const stream = session.request({ ":method": "PUT", ":path": "/v1/key/generate/my-key" });
    let answered = false;
    stream.on("response", () => (answered = true)).on("error", () => undefined);
    const began = performance.now();
    stream.write('{"con');
    await once(stream, "close");
    assert.ok(performance.now() - began >= 1_500);
    assert.equal(answered, false);
    assert.equal(stream.rstCode, 8, "CANCEL");
    const other = session.request({ ":path": "/version" });
    const [headers] = (await once(other, "response")) as [Record<string, unknown>];
    assert.equal(headers[":status"], 200);
    session.destroy();
  });

  for (const protocol of protocols) {
    test(`leaves a client alone that rests between two requests over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, kes.admin);
      await isAlive(connection);
      await sleep(8_000);
      await isAlive(connection);
    });
  }
});

describe("a follower of the audit log that never reads", () => {
  for (const protocol of protocols) {
    test(`is dropped over ${protocol}, and the server's memory stays bounded`, async () => {
      const follower = await (protocol === "h1" ? followHttp1() : followHttp2());
      const dropped = await droppedFollowers();
      const before = residentMegabytes();
      // A record has 1.7 kB, since each "<" takes six; the buffers of the system between the two hold a few megabytes.
      using busy = await openConnection(kes, "h1", kes.admin);
      const path = `/v1/key/describe/${"<".repeat(300)}`;
      for (let i = 0; (await droppedFollowers()) === dropped; i += 1) {
        assert.ok(i < 400, "the follower was not dropped");
        for (let j = 0; j < 50; j += 1) assert.equal((await busy.ask(path)).status, 400);
      }
      const grown = residentMegabytes() - before;
      assert.ok(grown < 100, `the server grew by ${grown} MB`);
      await follower.end();
    });
  }
});

interface Follower {
  /** Reads what there is; resolves when the server has ended it. */
  end(): Promise<unknown>;
}

async function followHttp1(): Promise<Follower> {
  const { socket, closed } = await openConnection(kes, "h1", kes.admin);
  socket.write("GET /v1/log/audit HTTP/1.1\r\nHost: kes\r\n\r\n");
  await once(socket, "data");
  socket.pause();
  return {
    end: () => {
      socket.resume();
      return closed;
    },
  };
}

async function followHttp2(): Promise<Follower> {
  const { certPem: cert, keyPem: key } = kes.admin;
  const session = connectHttp2(kes.url, { ca: kes.server.certPem, cert, key });
  const stream = session.request({ ":path": "/v1/log/audit" });
  stream.on("error", () => undefined);
  await once(stream, "response");
  const closed = once(stream, "close");
  return {
    end: async () => {
      stream.resume();
      await closed;
      session.destroy();
    },
  };
}

function droppedFollowers(): Promise<number> {
  return metric('kes_log_followers_dropped_total{log="audit"}');
}

async function metric(name: string): Promise<number> {
  const ops = /http:\/\/127\.0\.0\.1:\d+/.exec(kes.stdout())?.[0] ?? "";
  const text = await (await fetch(`${ops}/metrics`)).text();
  const line = text.split("\n").find((found) => found.startsWith(`${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

function residentMegabytes(): number {
  const status = readFileSync(`/proc/${kes.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
