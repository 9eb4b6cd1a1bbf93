// What keeps a connection from coming about, brought about with real sockets, and the sentence each is told in.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { test } from "node:test";
import { connect, createServer as createTlsServer } from "node:tls";
import type { TlsOptions } from "node:tls";
import { networkCause } from "../../../sidecar/keystore/network-cause.ts";
import { makeServerCertificate } from "../../support/certificates.ts";

const { certPem: cert, keyPem: key } = await makeServerCertificate();

/** What a TLS connection to `server` fails with. */
async function failure(server: Server): Promise<unknown> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A TCP server that listens has this kind of address.
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  const [error]: unknown[] = await once(socket, "error");
  socket.destroy();
  server.close();
  return error;
}

const tls = (options: TlsOptions) =>
  createTlsServer({ cert, key, ...options }, (socket) => socket.on("error", () => 0));

const cases: [string, () => Promise<unknown>, RegExp, RegExp][] = [
  ["plain HTTP", () => failure(createServer()), /^what answers on that port is not TLS$/, /scheme and port/],
  [
    "another protocol",
    () => failure(createTcpServer((socket) => void socket.on("error", () => 0).write("SSH-2.0-x\r\n"))),
    /^what answers on that port is not TLS$/,
    /scheme and port/,
  ],
  [
    "an old version of TLS",
    () => failure(tls({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" })),
    /^the store speaks neither TLS 1\.2 nor 1\.3$/,
    /allow TLS 1\.2/,
  ],
  [
    "no cipher in common",
    () => failure(tls({ maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-GCM-SHA256" })),
    /^the store broke off the TLS handshake$/,
    /client certificate .* or ciphers/,
  ],
  [
    "a client certificate is wanted",
    () => failure(tls({ requestCert: true })),
    /^the store wants a client certificate$/,
    /tls\.cert and tls\.key/,
  ],
  [
    "the connection is closed",
    () => failure(createTcpServer((socket) => socket.on("error", () => 0).end())),
    /disconnected before secure TLS connection/,
    /closed the connection/,
  ],
];

for (const [what, fail, text, remedy] of cases) {
  test(`${what}: one sentence, and what to do`, async () => {
    const cause = networkCause(await fail());
    assert.match(cause?.text ?? "", text);
    assert.match(cause?.remedy ?? "", remedy);
    assert.doesNotMatch(cause?.text ?? "", /SSL routines|:error:|\n/);
  });
}

test("a failure of OpenSSL that nobody foresaw is told without its list of fields", () => {
  const error = Object.assign(new Error("40:error:0A0003F2:SSL routines:x:sslv3 alert unexpected message:file.c:1:"), {
    code: "ERR_SSL_SSLV3_ALERT_UNEXPECTED_MESSAGE",
  });
  assert.equal(networkCause(error)?.text, "TLS failed (sslv3 alert unexpected message)");
});

test("what is no failure of the network is none", () => {
  assert.equal(networkCause(new Error("something else")), undefined);
  assert.equal(networkCause("text"), undefined);
});
