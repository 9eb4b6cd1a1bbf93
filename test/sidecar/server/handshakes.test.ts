// What comes to the port before anyone is authenticated: what is logged of it, and what it costs the others.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { overheadBurst } from "../../../sidecar/http2/limits.ts";
import { maxOffenders, offencePace, offenceTime, offenceWait } from "../../../sidecar/server/limits.ts";
import { Offenders } from "../../../sidecar/server/offenders.ts";
import { apiClient } from "../../support/api-client.ts";
import type { ClientIdentity } from "../../support/api-client.ts";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { RawClient } from "../http2/raw-client.ts";
import { frame, get, headers, type } from "../http2/raw-frames.ts";
import { openConnection } from "./open-connection.ts";

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

  test("the cheapest cipher suite is chosen among those that a client can do, and none is needed", async () => {
    const cheapest = "TLS_AES_128_GCM_SHA256";
    const others = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] as const;
    const offers = [[...others, cheapest], [others[0]], [others[1]]] as const;
    for (const offered of offers) {
      const ciphers = offered.join(":");
      using connection = await openConnection(kes, "h2", kes.admin, { ciphers, minVersion: "TLSv1.3" });
      assert.equal(connection.socket.getCipher().name, offered.at(-1));
      assert.equal((await connection.ask("/v1/status")).status, 200);
    }
    using older = await openConnection(kes, "h2", kes.admin, { maxVersion: "TLSv1.2" });
    assert.equal((await older.ask("/v1/status")).status, 200);
  });

  test("header fields that are too large are no attack: their address does not wait", async () => {
    const { port, admin } = kes;
    using large = await RawClient.greeted({ port, key: admin.keyPem, cert: admin.certPem });
    large.send(headers(1, [...get, ...Array.from({ length: 101 }, (_, n) => [`x-${n}`, "1"] as const)]));
    const answer = await large.until((each) => each.type === type.headers && each.stream === 1);
    assert.equal(answer.payload.toString("latin1", 2, 5), "431");
    await comeInAtOnce(kes);
  });

  test("an address that has attacked waits before it comes in again, and nobody else does", async () => {
    using open = await openConnection(kes, "h2", kes.admin);
    await attack(kes);
    const began = performance.now();
    const returning = Array.from({ length: 12 }, () => newcomer(kes, "127.0.0.1"));
    const other = await newcomer(kes, "127.0.0.2");
    const [first = 0, ...further] = (await Promise.all(returning)).map((at) => at - began).toSorted((a, b) => a - b);
    const last = further.at(-1) ?? 0;
    assert.ok(last >= 11 * offencePace - 20, `twelve came in within ${last} ms`);
    assert.ok(first < last / 2, `even the first waited ${first} ms of ${last}`);
    assert.ok(other - began < last / 2, `another address waited ${other - began} ms of ${last}`);
    assert.equal((await open.ask("/version")).status, 200);
  });
});

describe("an address from which a TLS proxy is connected", () => {
  let kes: Kes;
  let proxy: TestCertificate;

  before(async () => {
    proxy = await makeLeaf();
    kes = await startKes({ tls: `  proxy: { identities: [${proxy.identity}], header: { cert: X-Tls-Client-Cert } }` });
  });

  after(() => kes[Symbol.asyncDispose]());

  test("does not wait when one of the proxy's clients attacks", async () => {
    await attack(kes, proxy);
    await comeInAtOnce(kes);
  });

  test("does not wait when a client beside the proxy attacks", async () => {
    using connection = await openConnection(kes, "h1", proxy);
    await attack(kes);
    await comeInAtOnce(kes);
    assert.equal((await connection.ask("/version")).status, 200);
  });
});

/** Floods a connection until the server ends it with GOAWAY. */
async function attack(kes: Kes, identity: ClientIdentity = kes.admin): Promise<void> {
  const { keyPem: key, certPem: cert } = identity;
  using attacker = await RawClient.greeted({ port: kes.port, key, cert });
  const ping = frame(type.ping, 0, 0, Buffer.alloc(8));
  attacker.send(...Array.from({ length: overheadBurst + 200 }, () => ping));
  await attacker.ended();
  assert.ok(attacker.frames.some((each) => each.type === type.goaway));
}

/** Twelve newcomers that nobody holds up. */
async function comeInAtOnce(kes: Kes): Promise<void> {
  const began = performance.now();
  const last = Math.max(...(await Promise.all(Array.from({ length: 12 }, () => newcomer(kes, "127.0.0.1")))));
  assert.ok(last - began < 11 * offencePace - 20, `twelve came in within ${last - began} ms`);
}

/** Connects from an address of this machine, and asks. @returns performance.now() of the answer */
async function newcomer(kes: Kes, localAddress: string): Promise<number> {
  using connection = await openConnection(kes, "h2", kes.admin, { localAddress });
  assert.equal((await connection.ask("/version")).status, 200);
  return performance.now();
}

describe("an address that has attacked", () => {
  const address = "192.0.2.1";

  test("gets a turn every so often, until too many wait", () => {
    const offenders = new Offenders();
    offenders.add(address, 0);
    const most = offenceWait / offencePace;
    for (let n = 0; n <= most; n += 1) assert.equal(offenders.turn(address, 0), n * offencePace);
    assert.equal(offenders.turn(address, 0), undefined);
    assert.equal(offenders.turn(address, offencePace), offenceWait);
    assert.equal(offenders.turn("192.0.2.2", 0), 0);
  });

  test("keeps its queue when it attacks again, and is forgiven after a while", () => {
    const offenders = new Offenders();
    offenders.add(address, 0);
    assert.equal(offenders.turn(address, 0), 0);
    offenders.add(address, 10);
    assert.equal(offenders.turn(address, 10), offencePace - 10);
    assert.equal(offenders.turn(address, offenceTime + 9), 0);
    assert.equal(offenders.turn(address, offenceTime + 9), offencePace);
    assert.equal(offenders.turn(address, 2 * offenceTime), 0);
    assert.equal(offenders.turn(address, 2 * offenceTime), 0);
  });

  test("is forgiven so long after its last offence, however often it connects meanwhile", () => {
    const offenders = new Offenders();
    offenders.add(address, 0);
    for (let now = 0; now < offenceTime; now += offencePace / 4) offenders.turn(address, now);
    offenders.add(address, offenceTime - 1);
    assert.deepEqual(
      [1, 2].map(() => offenders.turn(address, 2 * offenceTime - 2)),
      [0, offencePace],
    );
    for (let n = 0; n < 100; n += 1) assert.equal(offenders.turn(address, 2 * offenceTime - 1), 0);
  });

  test("that attacks again queues up behind those that still wait since before it was forgiven", () => {
    const offenders = new Offenders();
    offenders.add(address, 0);
    while (offenders.turn(address, offenceTime - 1) !== undefined);
    assert.equal(offenders.turn(address, offenceTime), 0);
    offenders.add(address, offenceTime);
    assert.equal(offenders.turn(address, offenceTime), undefined);
    assert.equal(offenders.turn(address, offenceTime + offencePace), offenceWait - 1);
  });

  test("is one of a bounded number, of which the oldest is forgotten", () => {
    const offenders = new Offenders();
    for (let n = 0; n <= maxOffenders; n += 1) offenders.add(`192.0.2.${n}`, 0);
    for (const first of ["192.0.2.0", "192.0.2.1"]) assert.equal(offenders.turn(first, 0), 0);
    assert.equal(offenders.turn("192.0.2.0", 0), 0);
    assert.equal(offenders.turn("192.0.2.1", 0), offencePace);
  });
});
