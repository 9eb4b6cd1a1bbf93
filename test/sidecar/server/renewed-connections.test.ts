// A connection that is never idle is renewed all the same: its client may have another certificate by now, and there may be
// servers that have no client yet. No request is lost by it, on either HTTP/2 engine.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import type { ClientHttp2Session } from "node:http2";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Exchange } from "../../../sidecar/http/exchange.ts";
import { Listener } from "../../../sidecar/server/listener.ts";
import { makeLeaf, makeServerCertificate } from "../../support/certificates.ts";
import { materialOf } from "../../support/tls-material.ts";
import { RawClient } from "../http2/raw-client.ts";
import { ack, frame, get, headers, type } from "../http2/raw-frames.ts";

const connectionAge = 500;
const [server, client] = await Promise.all([makeServerCertificate(), makeLeaf({ cn: "client" })]);

function answer(exchange: Exchange): void {
  // Some requests are under way when the connection is to end.
  setTimeout(() => {
    exchange.reply({ status: 200, headers: {}, body: undefined, close: false, source: undefined });
  }, 20);
}

function openListener(engine: "own" | "node"): Promise<Listener> {
  return Listener.open({
    address: { host: "127.0.0.1", port: 0 },
    material: materialOf(server),
    certificateRequired: true,
    serve: answer,
    standingOf: () => "client",
    events: { failed: () => undefined, opened: () => undefined, closed: () => undefined },
    http2Engine: () => engine,
    connectionAge,
  });
}

/** As Go's client: a connection that is to end takes no new requests, and what was refused unseen is sent again (RFC 9113, 8.7). */
class Client {
  connections = 0;
  readonly #url: string;
  #session: ClientHttp2Session | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async ask(): Promise<number> {
    for (;;) {
      try {
        return await this.#askOnce();
      } catch (error) {
        if (!isUnseen(error)) throw error;
      }
    }
  }

  async #askOnce(): Promise<number> {
    const stream = this.#open().request({ ":path": "/" });
    stream.resume().end();
    const [headers] = (await once(stream, "response")) as [Record<string, number>];
    return headers[":status"] ?? 0;
  }

  close(): void {
    this.#session?.destroy();
  }

  #open(): ClientHttp2Session {
    if (this.#session !== undefined) return this.#session;
    const options = { ca: server.certPem, cert: client.certPem, key: client.keyPem };
    const session = connect(this.#url, options);
    session.on("error", () => undefined);
    session.on("goaway", () => (this.#session = undefined));
    this.connections += 1;
    this.#session = session;
    return session;
  }
}

/** The server refused it unseen, or the client heard of the end before it sent anything. */
function isUnseen(error: unknown): boolean {
  return /NGHTTP2_REFUSED_STREAM|ERR_HTTP2_GOAWAY_SESSION/.test(String(error));
}

describe("connections that are always in use", { concurrency: true }, () => {
  for (const engine of ["own", "node"] as const) {
    test(`are renewed when they are old, and no request fails (${engine})`, async () => {
      const listener = await openListener(engine);
      const { host, port } = listener.address;
      const asking = new Client(`https://${host}:${port}`);
      const statuses: number[] = [];
      try {
        for (const end = Date.now() + 4000; Date.now() < end; await sleep(2)) statuses.push(await asking.ask());
      } finally {
        asking.close();
        await listener.stop(100);
      }
      assert.ok(statuses.length > 50, `${statuses.length} requests`);
      assert.ok(statuses.every((status) => status === 200));
      assert.ok(asking.connections >= 3, `${asking.connections} connections`);
    });
  }

  // nghttp2, in node:http2, looks at nothing new as soon as it has sent a GOAWAY, whatever that says.
  test("take what a client sent before it knew (own)", async () => {
    const listener = await openListener("own");
    const { port } = listener.address;
    try {
      using raw = await RawClient.greeted({ port, key: client.keyPem, cert: client.certPem });
      raw.send(headers(1, get));
      assert.equal(await raw.goaway(), 0);
      assert.deepEqual(lastStreams(raw), [2 ** 31 - 1]);
      raw.send(headers(3, get));
      await raw.body(3);
      const ping = await raw.until((f) => f.type === type.ping && f.flags === 0, "a ping");
      raw.send(frame(type.ping, ack, 0, ping.payload));
      await raw.until(() => lastStreams(raw).length === 2, "the second GOAWAY");
      assert.deepEqual(lastStreams(raw), [2 ** 31 - 1, 3]);
      await raw.ended();
    } finally {
      await listener.stop(100);
    }
  });

  for (const engine of ["own", "node"] as const) {
    test(`of a client that is no longer trusted take nothing more, whatever it answers (${engine})`, async () => {
      const listener = await openListener(engine);
      try {
        using raw = await RawClient.greeted({ port: listener.address.port, key: client.keyPem, cert: client.certPem });
        raw.send(headers(1, get));
        await raw.body(1);
        listener.update({ ...materialOf(server), verify: true }, true);
        // Whatever is sent from here on comes after the connection's end was decided.
        raw.send(headers(3, get));
        await raw.ended();
        assert.ok(!raw.frames.some(({ stream }) => stream === 3));
      } finally {
        await listener.stop(100);
      }
    });
  }
});

/** That each GOAWAY named. */
function lastStreams(raw: RawClient): number[] {
  return raw.frames.filter((f) => f.type === type.goaway).map((f) => f.payload.readUInt32BE(0));
}
