// Hostile clients over TLS against an engine in a process of its own. Each loses its connection or its stream, while a
// well-behaved client sees not one failure and the process stays small.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { RawClient } from "./raw-client.ts";
import { floods, to } from "./floods.ts";
import { block, endHeaders, endStream, frame, get, headers, post, string, type, uint32 } from "./raw-frames.ts";

const [refused, calm] = [7, 11];
/** KiB; what a process with no more than 80 MiB at rest may grow to stay below 120. */
const mostGrowth = 40 * 1024;

let port = 0;
let pid = 0;
let atRest = 0;
const child = spawn(process.execPath, [join(import.meta.dirname, "engine-process/main.ts")], {
  stdio: ["ignore", "pipe", "inherit"],
});

before(async () => {
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  port = Number(line.toString());
  pid = child.pid ?? 0;
  atRest = residentMemory();
});

after(async () => {
  const gone = once(child, "exit");
  child.kill();
  await gone;
});

describe("while a good client works, the connection of an attacker is closed after", () => {
  for (const [title, first, flood] of floods) {
    it(title, async () => {
      await using good = goodClient();
      using client = await RawClient.greeted(port);
      client.send(...first);
      for (let n = 0; n < 20_000 && !client.closed; n += 100) {
        client.send(...Array.from({ length: 100 }, (_, more) => flood(n + more)));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.ended();
      const goaway = client.frames.find((f) => f.type === type.goaway);
      if (goaway !== undefined) assert.equal(goaway.payload.readUInt32BE(4), calm);
      assertSmall();
      await good.finish();
    });
  }
});

describe("while a good client works, nothing grows by", () => {
  it("header blocks that are short on the wire and long in memory", async () => {
    await using good = goodClient();
    using client = await RawClient.greeted(port);
    const insert = Buffer.concat([Buffer.of(0x40), string("x"), string("y".repeat(4_000))]);
    client.send(frame(type.headers, endHeaders | endStream, 1, Buffer.concat([block(get), insert])));
    await client.body(1);
    const bomb = Buffer.concat([block(get), Buffer.alloc(16_000, 0xbe)]);
    for (let n = 1; n <= 200; n++) client.send(frame(type.headers, endHeaders | endStream, 2 * n + 1, bomb));
    const answer = await client.until((f) => f.type === type.headers && f.stream === 401, "an answer to the last");
    assert.equal(answer.payload.toString("latin1", 2, 5), "431");
    assertSmall();
    await good.finish();
  });

  it("answers that a client with windows of zero does not take", async () => {
    await using good = goodClient();
    using client = await RawClient.greeted(port, [4, 0]);
    for (let n = 0; n < 250; n++) client.send(headers(2 * n + 1, to("/large")));
    // More than a megabyte waits beside the largest: what comes now is refused, and may be tried again.
    assert.equal(await client.resetOf(499), refused);
    assert.equal(client.frames.filter((f) => f.type === type.headers).length, 3);
    assertSmall();
    await good.finish();
  });

  it("answers that a client with large windows does not read", async () => {
    await using good = goodClient();
    using client = await RawClient.greeted(port, [4, 0x7fff_ffff]);
    client.send(frame(type.windowUpdate, 0, 0, uint32(0x7fff_0000)));
    client.socket.pause();
    for (let n = 0; n < 2_000; n++) client.send(headers(2 * n + 1, to("/large")));
    await new Promise((resolve) => setTimeout(resolve, 500));
    assertSmall();
    await good.finish();
  });

  it("small answers that a client does not read", async () => {
    await using good = goodClient();
    using client = await RawClient.greeted(port);
    client.socket.pause();
    for (let n = 0; n < 100_000; n++) {
      client.send(headers(2 * n + 1, get));
      if (n % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assertSmall();
    await good.finish();
  });

  it("bodies that never end", async () => {
    await using good = goodClient();
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawClient.greeted(port)));
    for (const client of clients) {
      for (let n = 0; n < 15; n++) {
        const chunks = Array.from({ length: 4 }, () => frame(type.data, 0, 2 * n + 1, Buffer.alloc(16_000)));
        client.send(headers(2 * n + 1, post, endHeaders), ...chunks);
      }
    }
    await Promise.all(clients.map((client) => client.settle()));
    assertSmall();
    for (const client of clients) client[Symbol.dispose]();
    await good.finish();
  });

  // About a megabyte of each waits; the rest is refused. Without that it would be more than 80 MB in all.
  for (const [what, path, method] of [
    ["bodies", "/medium", "GET"],
    ["headers", "/elsewhere", "POST"],
  ] as const) {
    it(`${what} that a client with large windows asks for in a few bytes and does not read`, async () => {
      await using good = goodClient();
      const before = residentMemory();
      const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.greeted(port, [4, 0x7fff_ffff])));
      const named = Buffer.concat([Buffer.of(0x40), string(":path"), string(path)]);
      const first = Buffer.concat([Buffer.of(method === "GET" ? 0x82 : 0x83, 0x87), named]);
      const again = Buffer.of(method === "GET" ? 0x82 : 0x83, 0x87, 0xbe);
      for (const client of clients) {
        client.socket.pause();
        const more = Array.from({ length: 900 }, (_, n) =>
          frame(type.headers, endHeaders | endStream, 2 * n + 3, again),
        );
        const window = frame(type.windowUpdate, 0, 0, uint32(0x7fff_0000));
        client.send(window, frame(type.headers, endHeaders | endStream, 1, first), ...more);
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      assertSmall(before);
      for (const client of clients) client[Symbol.dispose]();
      await good.finish();
    });
  }
});

function assertSmall(before: number = atRest): void {
  const resident = residentMemory();
  assert.ok(resident - before < mostGrowth, `from ${before} to ${resident} KiB`);
}

function residentMemory(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** Asks one request after the other, on a connection of its own, and fails with the first that fails. */
function goodClient() {
  const client = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  let failure: unknown;
  const state = { going: true };
  client.on("error", (error) => (failure ??= error));
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = client.request({ ":method": "POST", ":path": "/" });
      let text = "";
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      stream.on("error", reject);
      stream.on("close", () => (text === "a good request" ? resolve() : reject(new Error(`answered: ${text}`))));
      stream.end("a good request");
    });
  const work = async (): Promise<number> => {
    let count = 0;
    for (; state.going || count === 0; count++) await ask();
    return count;
  };
  const working = work().catch((error: unknown) => {
    failure ??= error;
    return 0;
  });
  return {
    async finish(): Promise<void> {
      state.going = false;
      assert.ok((await working) > 0, "the good client was served");
      assert.equal(failure, undefined);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      state.going = false;
      await working;
      client.destroy();
    },
  };
}
