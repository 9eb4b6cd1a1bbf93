// Exchanges over real connections with a server that does as it is told, which no Vault would.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Connection } from "../../../../sidecar/keystore/vault/connection.ts";
import { BrokenConnection, exchange } from "../../../../sidecar/keystore/vault/exchange.ts";
import type { Answer } from "../../../../sidecar/keystore/vault/exchange.ts";
import { Patience } from "../../../../sidecar/keystore/vault/patience.ts";

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

interface World extends AsyncDisposable {
  readonly connection: Connection;
  readonly sockets: Socket[];
  /** What came on all connections. */
  readonly received: () => string;
  ask(
    question?: { path?: string; content?: string; headers?: Record<string, string> },
    signal?: AbortSignal,
  ): Promise<Answer>;
}

async function until(test: () => boolean): Promise<void> {
  while (!test()) await sleep(5);
}

/** @param onRequest called with each piece that comes */
async function world(onRequest: (socket: Socket, count: number) => void): Promise<World> {
  const sockets: Socket[] = [];
  let received = "";
  let count = 0;
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString();
      count += 1;
      onRequest(socket, count);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = await Connection.open(origin, { client: undefined, ca: undefined });
  return {
    connection,
    sockets,
    received: () => received,
    async ask({ path = "/v1/a", content, headers = {} } = {}, signal = AbortSignal.timeout(10_000)) {
      using patience = new Patience(signal);
      const method = content === undefined ? "GET" : "PUT";
      const url = new URL(path, origin);
      return await exchange(url, { method, headers, content, limit: 1000 }, { connection, patience });
    },
    async [Symbol.asyncDispose]() {
      connection[Symbol.dispose]();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

describe("an exchange", () => {
  it("sends head and body as they are, in one piece", async () => {
    let pieces = 0;
    await using at = await world((socket) => {
      pieces += 1;
      socket.write(ok);
    });
    const answer = await at.ask({ content: '{"a":"ü"}', headers: { "X-Vault-Token": "t" } });
    assert.deepEqual([answer.statusCode, answer.bytes.toString(), pieces], [200, "ok", 1]);
    const [head = "", body] = at.received().split("\r\n\r\n");
    assert.match(head, /^PUT \/v1\/a HTTP\/1\.1\r\n/);
    for (const field of [
      /^host: 127\.0\.0\.1:\d+$/,
      /^X-Vault-Token: t$/,
      /^content-type: application\/json$/,
      /^content-length: 10$/,
    ]) {
      assert.ok(
        head.split("\r\n").some((line) => field.test(line)),
        `${field} in ${head}`,
      );
    }
    assert.equal(body, '{"a":"ü"}');
  });

  it("sends no header that would end its line", async () => {
    await using at = await world((socket) => void socket.write(ok));
    await assert.rejects(at.ask({ headers: { "X-Vault-Token": "secret\r\nX-Other: a" } }), (error: Error) => {
      assert.match(error.message, /X-Vault-Token/i);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    assert.equal(at.received(), "");
    assert.equal((await at.ask()).statusCode, 200);
  });

  it("takes the connection that is there", async () => {
    await using at = await world((socket) => void socket.write(ok));
    for (let n = 0; n < 10; n += 1) await at.ask();
    // One that has just answered rests for a turn of the event loop, and then serves again.
    assert.ok(at.sockets.length <= 2, `${at.sockets.length} connections`);
  });

  it("closes a connection on which something came that nobody asked for", async () => {
    await using at = await world((socket, count) => {
      socket.write(ok);
      if (count === 1) setTimeout(() => socket.write(ok.replace("ok", "no")), 20);
    });
    await at.ask();
    await until(() => at.sockets[0]?.destroyed === true);
    assert.equal((await at.ask()).bytes.toString(), "ok");
    assert.equal(at.sockets.length, 2);
  });

  it("takes no connection that the server has closed", async () => {
    await using at = await world((socket) => void socket.write(ok));
    await at.ask();
    at.sockets[0]?.end();
    await until(() => at.sockets[0]?.destroyed === true);
    await at.ask();
    assert.equal(at.sockets.length, 2);
  });

  it("closes an idle connection before something in between forgets it", async () => {
    await using at = await world((socket) => void socket.write(ok));
    await at.ask();
    const closed = once(at.sockets[0] as Socket, "close");
    const started = performance.now();
    await closed;
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds > 3 && seconds < 6, `${seconds} s`);
  });

  it("makes so many at a time, and all of them in the end", async () => {
    let most = 0;
    let under = 0;
    // The first answers come when there are as many as there may be, and time for one too many.
    const filled = Promise.withResolvers<void>();
    const answer = async (socket: Socket): Promise<void> => {
      await filled.promise;
      under -= 1;
      socket.write(ok);
    };
    await using at = await world((socket) => {
      under += 1;
      most = Math.max(most, under);
      if (under === 64) setTimeout(filled.resolve, 20);
      void answer(socket);
    });
    const answers = await Promise.all(Array.from({ length: 200 }, () => at.ask()));
    assert.ok(answers.every(({ statusCode }) => statusCode === 200));
    assert.equal(most, 64);
  });
});

describe("an exchange that fails", () => {
  it("says that the connection broke, and whether it had served before", async () => {
    await using at = await world((socket, count) => void (count % 2 === 1 ? socket.write(ok) : socket.destroy()));
    await at.ask();
    await sleep(20);
    await assert.rejects(at.ask(), (error) => error instanceof BrokenConnection && error.reused);
    await at.ask();
    at.connection.dropIdle();
    await assert.rejects(at.ask(), (error) => error instanceof BrokenConnection && !error.reused);
  });

  it("takes no answer that is larger than wanted", async () => {
    await using at = await world((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n${"a".repeat(1001)}`);
    });
    await assert.rejects(at.ask(), /larger than 1000 bytes/);
    await until(() => at.sockets[0]?.destroyed === true);
  });

  it("is no broken connection once an answer had begun", async () => {
    await using at = await world((socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"));
    await assert.rejects(at.ask(), (error: NodeJS.ErrnoException) => {
      assert.ok(!(error instanceof BrokenConnection));
      assert.equal(error.code, "UND_ERR_SOCKET");
      return true;
    });
  });

  it("ends on the wire when it is given up, and the next goes another way", async () => {
    await using at = await world((socket, count) => void (count > 1 && socket.write(ok)));
    const controller = new AbortController();
    const asked = at.ask({}, controller.signal);
    await until(() => at.received() !== "");
    const closed = once(at.sockets[0] as Socket, "close");
    controller.abort(new Error("enough"));
    await assert.rejects(asked, /enough/);
    await closed;
    assert.equal((await at.ask()).statusCode, 200);
  });

  it("ends at its own deadline, whatever the caller's patience", async () => {
    await using at = await world(() => undefined);
    const started = performance.now();
    await assert.rejects(at.ask({}, new AbortController().signal), { name: "TimeoutError" });
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds > 4.5 && seconds < 7, `${seconds} s`);
  });

  it("while it waits for its turn takes nobody else's", async () => {
    let answers = false;
    let asking = 0;
    await using at = await world((socket, count) => {
      asking = count;
      if (answers) socket.write(ok);
    });
    const controller = new AbortController();
    const asked = Array.from({ length: 70 }, () => at.ask({}, controller.signal));
    await until(() => asking === 64);
    controller.abort(new Error("enough"));
    const outcomes = await Promise.allSettled(asked);
    assert.ok(outcomes.every(({ status }) => status === "rejected"));
    const before = at.received();
    await until(() => at.sockets.slice(0, 64).every(({ destroyed }) => destroyed));
    assert.equal(at.received(), before, "nothing is asked that was given up");
    answers = true;
    const later = await Promise.all(Array.from({ length: 70 }, () => at.ask()));
    assert.ok(later.every(({ statusCode }) => statusCode === 200));
  });

  it("while it connects, when the pool is closed", async () => {
    await using at = await world(() => undefined);
    const asked = at.ask();
    at.connection[Symbol.dispose]();
    await assert.rejects(asked, { code: "UND_ERR_DESTROYED" });
  });
});
