// How a server starts, or says why it cannot: every problem at once, with its place, and exit code 1.
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { apiClient, protocols } from "../../support/api-client.ts";
import { apiKeyCertificate, makeLeaf, makeServerCertificate } from "../../support/certificates.ts";
import { kes } from "../../support/environment.ts";
import type { RunResult } from "../../support/environment.ts";
import { startKes as startProcess } from "../../support/process.ts";

const identity = "a".repeat(64);
let folder: string;
let password: string;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "kes-start-"));
  const [server, other, noSan] = [await makeServerCertificate(), await makeServerCertificate(), await makeLeaf()];
  password = "correct horse";
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cipher = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: password } as const;
  const files = {
    "server.key": server.keyPem,
    "server.crt": server.certPem,
    "other.key": other.keyPem,
    "no-san.key": noSan.keyPem,
    "no-san.crt": noSan.certPem,
    "encrypted.key": privateKey.export(cipher),
    "empty.pem": "",
    "damaged.crt": server.certPem.replace("\nM", "\n$"),
    "garbage.pem": "garbage\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
});

after(() => rmSync(folder, { recursive: true, force: true }));

interface Settings {
  readonly key?: string;
  readonly cert?: string;
  /** Lines of the file after its head. */
  readonly lines?: readonly string[];
  readonly address?: string;
}

/** Writes a configuration file. @returns its path */
function configure({ key = "server.key", cert = "server.crt", lines = [], address = "127.0.0.1:0" }: Settings): string {
  const path = join(folder, "server.yaml");
  const head = ["version: v1", `address: ${address}`, `admin: { identity: ${identity} }`];
  const tls = ["tls:", `  key: ${join(folder, key)}`, `  cert: ${join(folder, cert)}`];
  writeFileSync(path, [...head, ...tls, ...lines, "keystore: { memory: {} }", ""].join("\n"));
  return path;
}

function start(settings: Settings, ...flags: readonly string[]): Promise<RunResult> {
  return kes(["server", "--config", configure(settings), ...flags]);
}

const threeProblems = [
  "cache: { expirry: { any: 1h } }",
  "policy:",
  `  my-app: { allow: [/v1/status], identities: [${identity}] }`,
  "log: { error: loud }",
];

describe("a configuration with several mistakes", () => {
  const places = [
    /server\.yaml:7: cache\.expirry: .*"expiry"/,
    /server\.yaml:9: policy\.my-app\.identities/,
    /:10: log\.error/,
  ];

  for (const flags of [[], ["--check"]]) {
    test(`is refused with all of them, each with its line (kes server ${flags.join(" ")})`, async () => {
      const { code, stdout, stderr } = await start({ lines: threeProblems }, ...flags);
      assert.deepEqual([code, stdout], [1, ""]);
      for (const place of places) assert.match(stderr, place);
    });
  }

  test("is described to programs by --check --json", async () => {
    const { code, stdout } = await start({ lines: threeProblems }, "--check", "--json");
    assert.equal(code, 1);
    const report = JSON.parse(stdout) as {
      valid: boolean;
      problems: { line: number; path: string; message: string }[];
    };
    assert.equal(report.valid, false);
    assert.deepEqual(
      report.problems.map(({ line, path }) => [line, path]),
      [
        [7, "cache.expirry"],
        [9, "policy.my-app.identities[0]"],
        [10, "log.error"],
      ],
    );
  });
});

describe("--check of a configuration that names files that cannot be used", () => {
  const store =
    "keystore: { fs: { path: /nowhere, encryption: { keys: [{ file: w1.key }, { env: WRAP }, { file: / }] } } }";
  const file = [
    "admin: { identity: disabled }",
    "tls:",
    "  key: nowhere.key",
    "  cert: nowhere.crt",
    "  ca: nowhere.ca",
    store,
  ].join("\n");
  const check = (...flags: readonly string[]): Promise<RunResult> => {
    const path = join(folder, "files.yaml");
    writeFileSync(path, file);
    return kes(["server", "--config", path, "--check", ...flags], { cwd: folder, env: { WRAP: "none" } });
  };

  test("tells of all of them, each with the line of its setting", async () => {
    const { code, stdout, stderr } = await check();
    assert.deepEqual([code, stdout], [1, ""]);
    assert.deepEqual(stderr.replaceAll(join(folder, "files.yaml"), "f").trimEnd().split("\n"), [
      "f:3: tls.key: cannot read nowhere.key: the file does not exist",
      "f:4: tls.cert: cannot read nowhere.crt: the file does not exist",
      "f:5: tls.ca: cannot read nowhere.ca: the file does not exist",
      "f:6: keystore.fs.encryption.keys[0]: the wrapping key file w1.key does not exist; restore it from its backup: a new one does not open the store",
      "f:6: keystore.fs.encryption.keys[1]: the environment variable WRAP holds no wrapping key: it must be kes-wrap:v1: followed by 32 bytes in base64",
      "f:6: keystore.fs.encryption.keys[2]: the wrapping key file / is a directory; name the file in it",
    ]);
  });

  test("names the flag where a flag names the file", async () => {
    const { stderr } = await check("--key", "other.nowhere");
    assert.match(stderr, /^--key: cannot read other\.nowhere: the file does not exist\n/);
    const { stdout } = await check("--json");
    const report = JSON.parse(stdout) as { problems: { line: number; path: string }[] };
    assert.deepEqual(report.problems.map(({ line, path }) => `${line} ${path}`).slice(0, 2), [
      "3 tls.key",
      "4 tls.cert",
    ]);
  });
});

describe("--check of a configuration that a server can start from", () => {
  test("says so, ends with 0 and listens nowhere", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { code, stdout, stderr } = await start({ address: `127.0.0.1:${port}` }, "--check");
    taken.close();
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /server\.yaml: valid\n$/);
  });

  test("prints one JSON value when asked to", async () => {
    const { code, stdout } = await start({ lines: ["policy: { p: { allow: [v1/status] } }"] }, "--check", "--json");
    assert.equal(code, 0);
    const report = JSON.parse(stdout) as { valid: boolean; notes: string[] };
    assert.equal(report.valid, true);
    assert.ok(
      report.notes.some((note) => note.includes("every path begins with a slash")),
      stdout,
    );
  });
});

describe("a server does not start", () => {
  const pairs: readonly (readonly [what: string, settings: Settings, sentence: RegExp])[] = [
    ["without its key", { key: "nowhere.key" }, /tls\.key: cannot read .*nowhere\.key: the file does not exist/],
    [
      "without its certificate",
      { cert: "nowhere.crt" },
      /tls\.cert: cannot read .*nowhere\.crt: the file does not exist/,
    ],
    ["with an empty certificate file", { cert: "empty.pem" }, /tls\.cert: .*empty\.pem holds no PEM certificate/],
    ["with a damaged certificate", { cert: "damaged.crt" }, /tls\.cert: .*damaged\.crt cannot be read: it is damaged/],
    ["with garbage for a key", { key: "garbage.pem" }, /tls\.key: .*garbage\.pem holds no PEM private key/],
    ["with a key in place of the certificate", { cert: "server.key" }, /tls\.cert: .*holds a PEM block "PRIVATE KEY"/],
    [
      "with the key of another certificate",
      { key: "other.key" },
      /tls\.key: .* is not the private key of the certificate/,
    ],
    ["with an encrypted key and no password", { key: "encrypted.key" }, /tls\.key: .*is encrypted; set tls\.password/],
    [
      "with an encrypted key and a wrong password",
      { key: "encrypted.key", lines: ["  password: wrong"] },
      /tls\.key: .*cannot be read: it is damaged .*is tls\.password right\?/,
    ],
    [
      "with a certificate that names no host",
      { key: "no-san.key", cert: "no-san.crt" },
      /invalid TLS certificate: certificate does not contain any DNS or IP address as SAN/,
    ],
  ];
  for (const [what, settings, sentence] of pairs) {
    test(what, async () => {
      for (const flags of [[], ["--check"]]) {
        const { code, stdout, stderr } = await start(settings, ...flags);
        assert.deepEqual([code, stdout], [1, ""]);
        assert.match(stderr, sentence);
        assert.match(stderr, flags.length > 0 ? /^\/[^\n]+server\.yaml:[56]: tls\.[^\n]+\n$/ : /^Error: [^\n]+\n$/);
        assert.doesNotMatch(stderr, /error:\d/);
      }
    });
  }

  test("on a port that somebody else holds", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { code, stderr } = await start({ address: `127.0.0.1:${port}` });
    taken.close();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`Error: cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*; choose another`));
  });

  test("on an operations port that somebody else holds", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const { code, stderr } = await start({ lines: [`ops: { address: 127.0.0.1:${port} }`] });
    taken.close();
    assert.equal(code, 1);
    assert.match(stderr, /Error: cannot listen on ops\.address/);
  });

  test("without a configuration, or with one that is not there", async () => {
    assert.match((await kes(["server"])).stderr, /Error: no configuration file given: name one with --config/);
    const { code, stderr } = await kes(["server", "--config", join(folder, "nowhere.yaml")]);
    assert.equal(code, 1);
    assert.match(stderr, /nowhere\.yaml/);
  });
});

describe("kes server --dev", () => {
  test("prints an API key that works, and nothing is kept", async () => {
    await using server = startProcess(["server", "--dev", "--addr", "127.0.0.1:0"], { cwd: folder });
    await server.shows("Server is up and running");
    const apiKey = /API Key +(kes:v1:\S+)/.exec(server.stdout())?.[1] ?? "";
    const url = /https:\/\/127\.0\.0\.1:\d+/.exec(server.stdout())?.[0] ?? "";
    const admin = await apiKeyCertificate(apiKey);
    assert.match(server.stdout(), new RegExp(`Admin +${admin.identity}`));
    const shown = await certificateOf(url, admin);
    for (const protocol of protocols) {
      await using client = apiClient(protocol, url, admin, { certPem: shown });
      assert.equal((await client.ask(`/v1/key/create/key-${protocol}`, { method: "PUT" })).status, 200);
      assert.equal((await client.ask(`/v1/key/generate/key-${protocol}`, { method: "PUT", body: {} })).status, 200);
    }
    assert.equal(await server.stop("SIGINT"), 0);
    assert.ok(server.stdout().endsWith("\n=> Stopping server... Goodbye.\n"));
  });

  test("says which flags have no effect there", async () => {
    const flags = ["--key", "nope", "--tls-cert", "nope", "--root", "me", "--auth", "foo", "--mtls-auth", "verify"];
    await using server = startProcess(["server", "--dev", "--addr", "127.0.0.1:0", ...flags], { cwd: folder });
    await server.shows("Server is up and running");
    assert.equal(await server.stop("SIGINT"), 0);
    for (const flag of ["--key", "--cert", "--root", "--auth", "--mtls-auth"]) {
      assert.ok(server.stderr().includes(`'${flag}' flag has no effect in development mode`), server.stderr());
    }
  });
});

/** The certificate a server shows, PEM: nobody else can know a generated one. */
async function certificateOf(url: string, client: { certPem: string; keyPem: string }): Promise<string> {
  const { hostname, port } = new URL(url);
  const { connect } = await import("node:tls");
  const options = { host: hostname, port: Number(port), cert: client.certPem, key: client.keyPem };
  const socket = connect({ ...options, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const pem = socket.getPeerX509Certificate()?.toString() ?? "";
  socket.destroy();
  return pem;
}
