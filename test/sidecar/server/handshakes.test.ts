// What comes to the port before anyone is authenticated: what is logged of it, and what it costs the others.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { apiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

const clientHelloBegins = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]);

describe("before the handshake is done", () => {
  let kes: Kes;

  before(async () => {
    kes = await startKes();
  });

  after(() => kes[Symbol.asyncDispose]());

  /** What the server writes to its error log while `what` happens, and one good request after it. */
  async function logged(what: () => Promise<void>): Promise<string> {
    const from = kes.stderr().length;
    await what();
    await using good = apiClient("h2", kes.url, kes.admin, kes.server);
    assert.equal((await good.ask("/v1/key/create/log-mark", { method: "PUT" })).status, 200);
    assert.equal((await good.ask("/v1/key/delete/log-mark", { method: "DELETE" })).status, 200);
    await kes.until("the log line of the key", (_, errors) => errors.slice(from).includes("key deleted"));
    return kes.stderr().slice(from);
  }

  async function visit(bytes: Buffer, leave: (socket: Socket) => void): Promise<string> {
    const socket = connect(kes.port, kes.host);
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    socket.on("error", () => socket.destroy());
    await once(socket, "connect");
    if (bytes.length > 0) await new Promise((resolve) => socket.write(bytes, resolve));
    leave(socket);
    await once(socket, "close");
    return text;
  }

  test("a probe that only connects leaves no line in the log", async () => {
    const log = await logged(async () => {
      await visit(Buffer.alloc(0), (socket) => socket.end());
      await visit(Buffer.alloc(0), (socket) => socket.resetAndDestroy());
    });
    assert.doesNotMatch(log, /handshake|hang up|ECONNRESET/);
  });

  test("a client that leaves during the handshake leaves one, with its address", async () => {
    const log = await logged(async () => {
      await visit(clientHelloBegins, (socket) => socket.end());
    });
    assert.match(
      log,
      /127\.0\.0\.1.*the client left during the handshake|the client left during the handshake.*127\.0\.0\.1/,
    );
    assert.equal(log.split("left during the handshake").length, 2, log);
  });

  test("bytes that are neither TLS nor HTTP get no answer, and one line", async () => {
    let answer = "";
    const log = await logged(async () => {
      answer = await visit(Buffer.from("SSH-2.0-OpenSSH_9.9\r\n"), () => undefined);
    });
    assert.doesNotMatch(answer, /HTTP/);
    assert.match(log, /wrong version number/);
  });
});
