// The files below `tls:` as a start or a reload reads them: what is refused, and in what words.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { TlsConfig } from "../../../sidecar/contract/config.ts";
import { isKesError } from "../../../sidecar/errors.ts";
import type { ErrorCode } from "../../../sidecar/errors.ts";
import { loadTls } from "../../../sidecar/server/tls.ts";
import { makeCa, makeLeaf, makeServerCertificate } from "../../support/certificates.ts";

const folder = mkdtempSync(join(tmpdir(), "kes-tls-files-"));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const [ca, other] = [await makeCa("One"), await makeCa("Other")];
const [server, nameless] = [await makeServerCertificate(ca), await makeLeaf()];
const cert = file("server.crt", server.certPem + ca.certPem);
const key = file("server.key", server.keyPem);
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const sealed = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" });
const encrypted = file("encrypted.key", sealed);

const good: TlsConfig = {
  cert,
  key,
  password: undefined,
  ca: undefined,
  auth: "off",
  proxy: { identities: [], header: undefined },
};

const notCertificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const missing = join(folder, "missing");

const refused: readonly [title: string, change: Partial<TlsConfig>, code: ErrorCode, message: RegExp][] = [
  ["a missing certificate", { cert: missing }, "FileUnreadable", /^tls\.cert: .*does not exist/],
  ["a directory as key", { key: folder }, "FileUnreadable", /^tls\.key: .*it is a directory/],
  ["a missing CA", { ca: missing }, "FileUnreadable", /^tls\.ca: .*does not exist/],
  ["a certificate file without PEM", { cert: file("empty", "") }, "PemInvalid", /^tls\.cert: .*no PEM certificate/],
  ["a key as certificate", { cert: key }, "PemInvalid", /^tls\.cert: .*only CERTIFICATE blocks belong there/],
  [
    "a broken certificate",
    { cert: file("bad.crt", notCertificate) },
    "PemInvalid",
    /^tls\.cert: .*cannot be read: it is damaged/,
  ],
  [
    "a chain whose end is missing",
    { cert: file("half.crt", server.certPem + ca.certPem.slice(0, -200)) },
    "PemInvalid",
    /^tls\.cert: .*half\.crt holds a PEM block without its end: it is cut off; put it there again whole$/,
  ],
  [
    "a CA file whose end is missing",
    { ca: file("half.ca", ca.certPem + other.certPem.slice(0, -200)) },
    "PemInvalid",
    /^tls\.ca: .*half\.ca holds a PEM block without its end/,
  ],
  [
    "a CA file that ends in the first line of a block",
    { ca: file("line.ca", ca.certPem + other.certPem.slice(0, 20)) },
    "PemInvalid",
    /^tls\.ca: .*line\.ca holds a PEM block without its end/,
  ],
  [
    "a key whose end is missing",
    { key: file("half.key", server.keyPem.slice(0, -20)) },
    "PemInvalid",
    /^tls\.key: .*half\.key holds a PEM block without its end/,
  ],
  ["a certificate as key", { key: cert }, "PemInvalid", /^tls\.key: .*no PEM private key/],
  [
    "a public key as key",
    { key: file("public", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n") },
    "PemInvalid",
    /^tls\.key: .*"PUBLIC KEY"; expected a private key/,
  ],
  [
    "a broken key",
    { key: file("bad.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") },
    "PemInvalid",
    /^tls\.key: .*cannot be read: it is damaged or of an unknown kind$/,
  ],
  ["another certificate's key", { key: file("other.key", other.keyPem) }, "PemInvalid", /is not the private key of/],
  ["an encrypted key without a password", { key: encrypted }, "PemInvalid", /is encrypted; set tls\.password/],
  ["a wrong password", { key: encrypted, password: "guessed" }, "PemInvalid", /is tls\.password right\?/],
  [
    "a certificate without a name or address",
    { cert: file("nameless.crt", nameless.certPem), key: file("nameless.key", nameless.keyPem) },
    "PemInvalid",
    /does not contain any DNS or IP address as SAN/,
  ],
  [
    "a CA file with a key in it",
    { ca: file("ca+key", ca.certPem + ca.keyPem) },
    "PemInvalid",
    /^tls\.ca: .*only CERTI/,
  ],
];

describe("TLS files", () => {
  for (const [title, change, code, message] of refused) {
    test(`with ${title} are refused`, async () => {
      await assert.rejects(loadTls({ ...good, ...change }), (error) => {
        assert.ok(isKesError(error, code), String(error));
        assert.match(error.message, message);
        assert.ok(!error.message.includes("guessed"), "a password is in the message");
        assert.doesNotMatch(error.message, /error:|routines/);
        return true;
      });
    });
  }

  test("that cannot be read for lack of rights are refused", { skip: process.getuid?.() === 0 && "root" }, async () => {
    const path = file("private", server.keyPem);
    chmodSync(path, 0);
    await assert.rejects(loadTls({ ...good, key: path }), /permission denied/);
  });

  test("hold a chain, a key behind certificates, and say when the leaf expires", async () => {
    const material = await loadTls({ ...good, key: file("both", server.certPem + server.keyPem) });
    assert.equal(material.cert.match(/BEGIN CERTIFICATE/g)?.length, 2);
    assert.equal(material.notAfter % 1000, 0);
    assert.ok(material.notAfter > Date.now());
    assert.deepEqual([material.verify, material.pool.length], [false, 0]);
  });

  test("open an encrypted key with its password", async () => {
    const material = await loadTls({ ...good, key: file("k", server.keyPem), password: "needless" });
    assert.equal(material.passphrase, "needless");
  });

  test("name every CA of a directory, but no hidden file and no directory in it", async () => {
    const pool = join(folder, "pool");
    mkdirSync(join(pool, "nested"), { recursive: true });
    for (const [name, { certPem }] of [["b.pem", other] as const, ["a.pem", ca] as const]) {
      writeFileSync(join(pool, name), certPem);
    }
    writeFileSync(join(pool, ".hidden"), "no certificate");
    const material = await loadTls({ ...good, ca: pool, auth: "on" });
    assert.equal(material.verify, true);
    assert.equal(material.pool.length, 2);
    assert.deepEqual(material.files, [key, cert, pool, join(pool, "a.pem"), join(pool, "b.pem")]);
  });
});
