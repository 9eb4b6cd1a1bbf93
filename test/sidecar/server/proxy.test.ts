// Behind a TLS proxy the identity belongs to the request, not to the connection (decisions T4; reference 1.6).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { buildAccess } from "../../../sidecar/access/access.ts";
import { Listener } from "../../../sidecar/server/listener.ts";
import { standingOf } from "../../../sidecar/server/standing.ts";
import { protocols } from "../../support/api-client.ts";
import { makeCa, makeExpired, makeLeaf, makeServerCertificate } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { materialOf } from "../../support/tls-material.ts";
import { endsWithin, openConnection } from "./open-connection.ts";
import type { OpenConnection } from "./open-connection.ts";

const denied = '{"message":"not authorized: insufficient permissions"\n}';

function proxyLines(proxy: TestCertificate): string {
  return `  proxy: { identities: [${proxy.identity}], header: { cert: X-Tls-Client-Cert } }`;
}

function forwarding(client: Pick<TestCertificate, "certPem">): Readonly<Record<string, string>> {
  return { "x-tls-client-cert": encodeURIComponent(client.certPem) };
}

function message(text: string): string {
  return (JSON.parse(text) as { message: string }).message;
}

describe("a server behind a TLS proxy", () => {
  let kes: Kes;
  let proxy: TestCertificate;
  let writer: TestCertificate;
  let reader: TestCertificate;

  before(async () => {
    [proxy, writer, reader] = [await makeLeaf(), await makeLeaf(), await makeLeaf()];
    const policies = [
      "policy:",
      `  writer: { allow: [/v1/status], identities: [${writer.identity}] }`,
      `  reader: { allow: [/v1/ready], identities: [${reader.identity}] }`,
    ];
    kes = await startKes({ tls: proxyLines(proxy), extra: policies.join("\n") });
  });

  after(() => kes[Symbol.asyncDispose]());

  for (const protocol of protocols) {
    test(`keeps two clients of one proxy connection apart, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, proxy);
      const clients = [
        { headers: forwarding(writer), identity: writer.identity, "/v1/status": 200, "/v1/ready": 403 },
        { headers: forwarding(reader), identity: reader.identity, "/v1/status": 403, "/v1/ready": 200 },
      ] as const;
      const round = async (): Promise<void> => {
        for (const client of clients) {
          for (const path of ["/v1/status", "/v1/ready"] as const) {
            const got = await connection.ask(path, client.headers);
            assert.equal(got.status, client[path], got.text);
          }
          const self = await connection.ask("/v1/identity/self/describe", client.headers);
          assert.equal((JSON.parse(self.text) as { identity: string }).identity, client.identity);
        }
      };
      // Many rounds at once share the one connection where the protocol can.
      if (protocol === "h2") await Promise.all(Array.from({ length: 20 }, round));
      else for (let i = 0; i < 5; i += 1) await round();
    });

    test(`never takes a forwarded certificate for the admin, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, proxy);
      for (const path of ["/v1/status", "/v1/ready", "/v1/key/list/", "/v1/identity/self/describe"]) {
        const got = await connection.ask(path, forwarding(kes.admin));
        assert.deepEqual([got.status, got.text], [403, denied], path);
      }
    });

    test(`refuses a proxy that names no client, or several, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, proxy);
      const none = await connection.ask("/v1/status");
      assert.deepEqual([none.status, message(none.text)], [400, "no client certificate is present"]);
      const [value = ""] = Object.values(forwarding(writer));
      const twice = await connection.ask("/v1/status", { "x-tls-client-cert": [value, value] });
      assert.deepEqual([twice.status, message(twice.text)], [400, "too many client certificates are present"]);
    });

    test(`refuses a forwarded certificate that it cannot read, over ${protocol}`, async () => {
      const body = writer.certPem.replace(/-----[^-]+-----/g, "").trim();
      const values: Readonly<Record<string, string>> = {
        empty: "",
        words: "certificate",
        "a broken escape": `${encodeURIComponent(writer.certPem)}%zz`,
        "bytes that are no UTF-8": "%ff%fe",
        "base64 without its frame": encodeURIComponent(body),
        "two certificates": encodeURIComponent(writer.certPem + reader.certPem),
        "a private key": encodeURIComponent(writer.keyPem),
        "another block": encodeURIComponent(writer.certPem.replaceAll("CERTIFICATE", "X509 CRL")),
        "half a certificate": encodeURIComponent(
          `-----BEGIN CERTIFICATE-----\n${body.replace(/\s/g, "").slice(0, 200)}\n-----END CERTIFICATE-----\n`,
        ),
        "words after it": encodeURIComponent(`${writer.certPem}and more`),
      };
      using connection = await openConnection(kes, protocol, proxy);
      for (const [what, value] of Object.entries(values)) {
        const got = await connection.ask("/v1/status", { "x-tls-client-cert": value });
        assert.deepEqual([got.status, message(got.text)], [400, "invalid client certificate"], what);
      }
      const fine = await connection.ask("/v1/status", forwarding(writer));
      assert.equal(fine.status, 200, "the connection serves the next client");
    });

    test(`refuses a forwarded CA certificate like one that is sent directly, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, proxy);
      const got = await connection.ask("/v1/status", forwarding(await makeCa()));
      assert.equal(got.status, 400);
      assert.match(message(got.text), /is a CA certificate/);
    });

    test(`does not look at the header of a client that is no proxy, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, reader);
      assert.equal((await connection.ask("/v1/status", forwarding(writer))).status, 403);
      assert.equal((await connection.ask("/v1/ready", forwarding(writer))).status, 200);
      assert.equal((await connection.ask("/v1/ready", { "x-tls-client-cert": "garbage" })).status, 200);
      using admin = await openConnection(kes, protocol, kes.admin);
      assert.equal((await admin.ask("/v1/key/list/", forwarding(reader))).status, 200);
    });

    test(`writes the client's identity and address to the audit log, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, proxy);
      const addresses: readonly (readonly [header: string, ip: string])[] = [
        ["203.0.113.7", "203.0.113.7"],
        ["203.0.113.8:4711, 10.0.0.1", "203.0.113.8"],
        ["2001:db8::1", "2001:db8::1"],
        ["[2001:db8::2]:443", "2001:db8::2"],
        ["unknown", "127.0.0.1"],
        ['","code":200,"x":"', "127.0.0.1"],
      ];
      const path = `/v1/key/describe/asked-for-${protocol}`;
      for (const [header] of addresses) {
        const got = await connection.ask(path, { ...forwarding(reader), "x-forwarded-for": header });
        assert.equal(got.status, 403);
      }
      const expected = addresses.map(([, ip]) => ({ ip, path, identity: reader.identity }));
      assert.deepEqual(await audited(kes, path, addresses.length), expected);
    });

    test(`believes no address that a client claims for itself, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, reader);
      const path = `/v1/key/describe/claimed-over-${protocol}`;
      await connection.ask(path, { "x-forwarded-for": "203.0.113.7" });
      assert.deepEqual(await audited(kes, path, 1), [{ ip: "127.0.0.1", path, identity: reader.identity }]);
    });
  }
});

/** What the audit log says about the requests for `path`, once there are `count` records of them. */
async function audited(kes: Kes, path: string, count: number): Promise<unknown[]> {
  const lines = (out: string): string[] => out.split("\n").filter((line) => line.includes(path) && line.endsWith("}"));
  await kes.until(`${count} audit records`, (out) => lines(out).length >= count);
  return lines(kes.stdout()).map((line) => (JSON.parse(line) as { request: unknown }).request);
}

describe("a server that verifies what a TLS proxy forwards", () => {
  let kes: Kes;
  let ca: TestCertificate;
  let proxy: TestCertificate;
  let client: TestCertificate;

  before(async () => {
    ca = await makeCa();
    [proxy, client] = [await makeLeaf({ issuer: ca }), await makeLeaf({ issuer: ca, eku: ["client"] })];
    kes = await startKes({
      tls: `  auth: on\n  ca: ca.pem\n${proxyLines(proxy)}`,
      files: { "ca.pem": ca.certPem },
      extra: `policy: { all: { allow: [/*], identities: [${client.identity}] } }`,
    });
  });

  after(() => kes[Symbol.asyncDispose]());

  for (const protocol of protocols) {
    test(`answers for a trusted certificate, over ${protocol}`, async () => {
      using connection = await openConnection(kes, protocol, proxy);
      assert.equal((await connection.ask("/v1/status", forwarding(client))).status, 200);
    });

    const strangers: Readonly<Record<string, () => Promise<TestCertificate>>> = {
      "of an unknown issuer": async () => makeLeaf({ issuer: await makeCa() }),
      "that signs itself": () => makeLeaf(),
      "that has expired": () => makeExpired(ca),
      "that is for servers only": () => makeLeaf({ issuer: ca, eku: ["server"] }),
      "that a client without a CA certificate issued": () => makeLeaf({ issuer: client }),
    };
    for (const [what, make] of Object.entries(strangers)) {
      test(`refuses a certificate ${what} without a word and logs why, over ${protocol}`, async () => {
        const from = kes.stderr().length;
        using connection = await openConnection(kes, protocol, proxy);
        const got = await connection.ask("/v1/status", forwarding(await make()));
        assert.deepEqual([got.status, got.text], [403, '{"message":""\n}']);
        await kes.until("the reason", (_, errors) => errors.slice(from).includes("that tls.ca does not trust"));
      });
    }
  }
});

test("a full listener cuts strangers for a TLS proxy as for a client with a policy, and keeps the proxy's connection", async () => {
  const [server, proxy, client, stranger] = await Promise.all([
    makeServerCertificate(),
    makeLeaf(),
    makeLeaf(),
    makeLeaf(),
  ]);
  const policy = { allow: ["/*"], deny: [], identities: [client.identity] };
  const policies = new Map([["all", policy]]);
  const access = buildAccess({ admin: "", policies, proxies: [proxy.identity], startedAt: "2024-01-01T00:00:00Z" });
  let onOpened: (() => void) | undefined;
  const listener = await Listener.open({
    address: { host: "127.0.0.1", port: 0 },
    material: materialOf(server),
    certificateRequired: true,
    serve: () => undefined,
    standingOf: (peer) => standingOf(peer, access),
    events: { failed: () => undefined, opened: () => onOpened?.(), closed: () => undefined },
    maxConnections: 3,
  });
  const { port } = listener.address;
  const connect = async (identity: TestCertificate): Promise<OpenConnection> => {
    const admitted = new Promise<void>((resolve) => (onOpened = resolve));
    const connection = await openConnection({ port, server }, "h1", identity);
    await Promise.race([admitted, connection.closed]);
    return connection;
  };
  try {
    using first = await connect(proxy);
    using older = await connect(stranger);
    using newer = await connect(stranger);
    using known = await connect(client);
    assert.ok(await endsWithin(older, 2_000), "a client with a policy found no room");
    using second = await connect(proxy);
    assert.ok(await endsWithin(newer, 2_000), "a TLS proxy found no room");
    using third = await connect(stranger);
    assert.ok(await endsWithin(third, 2_000), "a stranger found room");
    const open = await Promise.all([first, known, second].map((connection) => endsWithin(connection, 200)));
    assert.deepEqual(open, [false, false, false]);
  } finally {
    await listener.stop(100);
  }
});
