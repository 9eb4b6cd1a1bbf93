// Verified client certificates (`tls.auth: on`): who gets in, and when an open connection ends (decisions T2, T3, T5).
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { SecureVersion } from "node:tls";
import { protocols } from "../../support/api-client.ts";
import type { ClientIdentity, Protocol } from "../../support/api-client.ts";
import { makeCa, makeExpired, makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes, KesOptions } from "../../support/kes-process.ts";
import { endsWithin, openConnection } from "./open-connection.ts";
import type { OpenConnection } from "./open-connection.ts";

/** Long enough for a slow machine; what ends does so at once. */
const patience = 10_000;
/** How long a connection that stays is watched. */
const glance = 300;

const tls = "  auth: on\n  ca: ca.pem";

function allowing(...clients: readonly TestCertificate[]): string {
  return `policy: { all: { allow: [/*], identities: [${clients.map(({ identity }) => identity).join(", ")}] } }`;
}

async function statusOf(kes: Kes, protocol: Protocol, identity: ClientIdentity): Promise<number> {
  using connection = await openConnection(kes, protocol, identity);
  return (await connection.ask("/v1/status")).status;
}

async function isRefused(kes: Kes, protocol: Protocol, identity: ClientIdentity | undefined): Promise<void> {
  using connection = await openConnection(kes, protocol, identity);
  await assert.rejects(connection.ask("/v1/status"));
  assert.ok(await endsWithin(connection, patience), "the connection is still open");
}

describe("a server that verifies client certificates", () => {
  let kes: Kes;
  let ca: TestCertificate;
  let intermediate: TestCertificate;
  let client: TestCertificate;

  before(async () => {
    ca = await makeCa("Trusted");
    intermediate = await makeLeaf({ cn: "Intermediate", ca: true, eku: [], issuer: ca });
    client = await makeLeaf({ issuer: ca, eku: ["client"] });
    kes = await startKes({ tls, files: { "ca.pem": ca.certPem }, extra: allowing(client) });
  });

  after(() => kes[Symbol.asyncDispose]());

  for (const protocol of protocols) {
    test(`answers a client with a trusted certificate, over ${protocol}`, async () => {
      assert.equal(await statusOf(kes, protocol, client), 200);
    });

    test(`follows the chain that a client sends, over ${protocol}`, async () => {
      const leaf = await makeLeaf({ issuer: intermediate });
      assert.equal(await statusOf(kes, protocol, { ...leaf, certPem: leaf.certPem + intermediate.certPem }), 403);
      await isRefused(kes, protocol, leaf);
    });

    const strangers: Readonly<Record<string, () => Promise<ClientIdentity | undefined>>> = {
      "whose issuer is unknown": async () => makeLeaf({ issuer: await makeCa("Trusted") }),
      "who signed its own certificate": () => makeLeaf(),
      "whose certificate has expired": () => makeExpired(ca),
      "whose certificate is not valid yet": () => makeLeaf({ issuer: ca, notBefore: new Date(Date.now() + 3_600_000) }),
      "whose certificate is for servers only": () => makeLeaf({ issuer: ca, eku: ["server"] }),
      "whose issuer is trusted but no CA": async () => {
        const leaf = await makeLeaf({ issuer: client });
        return { ...leaf, certPem: leaf.certPem + client.certPem };
      },
      "with an attacker's certificate before a trusted one": async () => {
        const leaf = await makeLeaf();
        return { ...leaf, certPem: leaf.certPem + client.certPem };
      },
      "without a certificate": () => Promise.resolve(undefined),
    };
    for (const [who, make] of Object.entries(strangers)) {
      test(`refuses a client ${who}, over ${protocol}`, async () => {
        const before = kes.stderr().length;
        await isRefused(kes, protocol, await make());
        const reason = who === "without a certificate" ? "client sent no certificate" : "is not trusted";
        await kes.until("a log line", (_, errors) => errors.slice(before).includes(reason));
      });
    }

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      test(`resumes no session of ${version}, over ${protocol}`, async () => {
        const session = await sessionOf(kes, protocol, client, version);
        const again = { session, minVersion: version, maxVersion: version } as const;
        using connection = await openConnection(kes, protocol, client, again);
        assert.equal((await connection.ask("/v1/status")).status, 200);
        assert.equal(connection.socket.isSessionReused(), false);
      });
    }
  }

  test("names no certificate authority when it asks for a certificate", async () => {
    const names = await namesInCertificateRequest(kes, client);
    assert.deepEqual([...names], []);
  });

  test("ends open connections when the client's certificate expires, and lets it in no more", async () => {
    const issued = Date.now();
    const brief = await makeLeaf({ issuer: ca, notAfter: new Date(issued + 4_000) });
    const open: OpenConnection[] = [];
    try {
      for (const protocol of protocols) {
        const connection = await openConnection(kes, protocol, brief);
        open.push(connection);
        assert.equal((await connection.ask("/v1/ready")).status, 403);
      }
      const ended = await Promise.all(open.map((connection) => endsWithin(connection, patience)));
      assert.deepEqual(ended, [true, true]);
      assert.ok(Date.now() - issued >= 2_000, "ended before the certificate did");
      for (const protocol of protocols) await isRefused(kes, protocol, brief);
      await kes.until("a log line", (_, errors) => errors.includes("client certificate has expired"));
    } finally {
      for (const connection of open) connection[Symbol.dispose]();
    }
  });
});

/** A session to come back with: the newest that the server gave, else what the handshake left. */
async function sessionOf(
  kes: Kes,
  protocol: Protocol,
  identity: ClientIdentity,
  version: SecureVersion,
): Promise<Buffer> {
  using connection = await openConnection(kes, protocol, identity, { minVersion: version, maxVersion: version });
  let session: Buffer | undefined = connection.socket.getSession();
  connection.socket.on("session", (given: Buffer) => (session = given));
  assert.equal((await connection.ask("/v1/status")).status, 200);
  assert.ok(session);
  return session;
}

/** The bytes of `certificate_authorities` in a TLS 1.2 CertificateRequest (RFC 5246 section 7.4.4), read off the wire. */
async function namesInCertificateRequest(kes: Kes, identity: ClientIdentity): Promise<Buffer> {
  const seen: Uint8Array[] = [];
  const wire = createServer((near) => {
    const far = connect(kes.port, kes.host);
    far.on("data", (chunk: Buffer) => seen.push(chunk));
    far.on("error", () => near.destroy());
    near.on("error", () => far.destroy());
    near.pipe(far).pipe(near);
  });
  await once(wire.listen(0, "127.0.0.1"), "listening");
  try {
    const { port } = wire.address() as AddressInfo;
    using connection = await openConnection({ port, server: kes.server }, "h1", identity, { maxVersion: "TLSv1.2" });
    assert.equal((await connection.ask("/v1/status")).status, 200);
  } finally {
    wire.close();
  }
  const request = handshakeMessage(Buffer.concat(seen), 13);
  const afterTypes = 1 + (request[0] ?? 0);
  const afterAlgorithms = afterTypes + 2 + request.readUInt16BE(afterTypes);
  return request.subarray(afterAlgorithms + 2, afterAlgorithms + 2 + request.readUInt16BE(afterAlgorithms));
}

/** The body of the first handshake message of this type among the records that are not encrypted. */
function handshakeMessage(records: Buffer, type: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 5 <= records.length && records[at] === 22; at += 5 + records.readUInt16BE(at + 3)) {
    parts.push(records.subarray(at + 5, at + 5 + records.readUInt16BE(at + 3)));
  }
  const messages = Buffer.concat(parts);
  for (let at = 0; at + 4 <= messages.length; at += 4 + messages.readUIntBE(at + 1, 3)) {
    if (messages[at] === type) return messages.subarray(at + 4, at + 4 + messages.readUIntBE(at + 1, 3));
  }
  return assert.fail(`no handshake message of type ${type} was sent`);
}

/** How many reloads the server has reported. */
function completed(stdout: string): number {
  return stdout.split("after SIGHUP signal completed").length;
}

describe("a reload of a server that verifies client certificates", () => {
  let kes: Kes;
  let former: TestCertificate;
  let lasting: TestCertificate;
  let leaving: TestCertificate;
  let staying: TestCertificate;

  before(async () => {
    [former, lasting] = [await makeCa("Former"), await makeCa("Lasting")];
    [leaving, staying] = [await makeLeaf({ issuer: former }), await makeLeaf({ issuer: lasting })];
    const files = { "ca.pem": former.certPem + lasting.certPem };
    kes = await startKes({ tls, files, extra: allowing(leaving, staying) });
  });

  after(() => kes[Symbol.asyncDispose]());

  /** Writes the files and the configuration, and waits until the server has taken them. */
  async function reload(pool: string, options: KesOptions): Promise<void> {
    const before = completed(kes.stdout());
    writeFileSync(join(kes.folder, "ca.pem"), pool);
    kes.rewrite(options);
    kes.signal("SIGHUP");
    await kes.until("the reload", (out) => completed(out) > before);
  }

  for (const protocol of protocols) {
    test(`ends the connections that it no longer trusts and no others, over ${protocol}`, async () => {
      const extra = allowing(leaving, staying);
      await reload(former.certPem + lasting.certPem, { tls, extra });
      using ending = await openConnection(kes, protocol, leaving);
      using open = await openConnection(kes, protocol, staying);
      assert.equal((await ending.ask("/v1/status")).status, 200);
      assert.equal((await open.ask("/v1/status")).status, 200);
      await reload(lasting.certPem, { tls, extra });
      assert.ok(await endsWithin(ending, patience), "a connection of the former CA is still open");
      assert.equal(await endsWithin(open, glance), false, "a connection that both CA files trust was ended");
      assert.equal((await open.ask("/v1/status")).status, 200);
      await isRefused(kes, protocol, leaving);
    });

    test(`takes an identity's rights from its open connection, and gives them back, over ${protocol}`, async () => {
      await reload(lasting.certPem, { tls, extra: allowing(staying) });
      using open = await openConnection(kes, protocol, staying);
      assert.equal((await open.ask("/v1/status")).status, 200);
      await reload(lasting.certPem, { tls, extra: allowing(leaving) });
      assert.equal((await open.ask("/v1/status")).status, 403);
      await reload(lasting.certPem, { tls, extra: allowing(staying) });
      assert.equal((await open.ask("/v1/status")).status, 200);
    });

    test(`that switches verification on ends the connections of strangers, over ${protocol}`, async () => {
      const extra = allowing(leaving, staying);
      await reload(lasting.certPem, { tls: "  auth: off", extra });
      using stranger = await openConnection(kes, protocol, leaving);
      using serverOnly = await openConnection(kes, protocol, await makeLeaf({ issuer: lasting, eku: ["server"] }));
      using open = await openConnection(kes, protocol, staying);
      for (const connection of [stranger, open]) assert.equal((await connection.ask("/v1/status")).status, 200);
      assert.equal((await serverOnly.ask("/v1/status")).status, 403);
      await reload(lasting.certPem, { tls, extra });
      assert.deepEqual([await endsWithin(stranger, patience), await endsWithin(serverOnly, patience)], [true, true]);
      assert.equal((await open.ask("/v1/status")).status, 200);
    });
  }

  test("waits for the rest of a CA file that is half written, and ends no connection meanwhile", async () => {
    const extra = allowing(leaving, staying);
    const whole = former.certPem + lasting.certPem;
    await reload(whole, { tls, extra });
    using open = await openConnection(kes, "h2", staying);
    assert.equal((await open.ask("/v1/status")).status, 200);
    writeFileSync(join(kes.folder, "ca.pem"), whole.slice(0, -200));
    await kes.until("the refusal", (_, err) => err.includes("ca.pem holds a PEM block without its end"));
    assert.equal(await endsWithin(open, glance), false, "a connection was ended");
    using another = await openConnection(kes, "h2", staying);
    assert.equal((await another.ask("/v1/status")).status, 200);
    await reload(whole, { tls, extra });
    assert.equal((await open.ask("/v1/status")).status, 200);
  });

  test("cuts even a log stream whose client it no longer trusts", async () => {
    const extra = allowing(leaving, staying);
    await reload(former.certPem + lasting.certPem, { tls, extra });
    const streams = await Promise.all(protocols.map((protocol) => openConnection(kes, protocol, leaving)));
    try {
      for (const stream of streams) stream.ask("/v1/log/audit").catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, glance));
      await reload(lasting.certPem, { tls, extra });
      assert.deepEqual(await Promise.all(streams.map((stream) => endsWithin(stream, 2 * patience))), [true, true]);
    } finally {
      for (const stream of streams) stream[Symbol.dispose]();
    }
  });
});
