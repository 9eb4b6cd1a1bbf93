// What a command throws before it becomes a line on stderr: the codes of docs/errors.md.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildProgram } from "../../../sidecar/commands/program.ts";
import type { ErrorCode } from "../../../sidecar/errors.ts";
import { makeLeaf, makeServerCertificate } from "../../support/certificates.ts";
import { makeWorld } from "../../support/environment.ts";

type Case = readonly [line: string, code: ErrorCode, message: RegExp, env?: Record<string, string>];

const apiKey = `kes:v1:${Buffer.alloc(33).toString("base64")}`;
const identity = "a".repeat(64);

/** A certificate and a key in the environment. */
function pair(cert: string, key: string): Record<string, string> {
  return { KES_CLIENT_CERT: cert, KES_CLIENT_KEY: key };
}

const cases: readonly Case[] = [
  ["identity of kes:v1:AD9E", "ApiKeyInvalid", /invalid API key/],
  ["status --api-key nonsense", "ApiKeyInvalid", /parsing API key/],
  ["identity of prose.txt", "PemInvalid", /'prose\.txt': no PEM certificate found/],
  ["server --config swapped.yaml", "PemInvalid", /tls\.key: .* is not the private key of the certificate/],
  ["server --config prose.yaml", "PemInvalid", /tls\.cert: .* holds no PEM certificate/],
  ["identity of absent.pem", "FileUnreadable", /absent\.pem/],
  ["identity new --key prose.txt --cert c", "FileExists", /already exists\. Use --force/],
  ["server --config broken.yaml", "ConfigInvalid", /adress/],
  ["identity new --key k --cert c --ip 1.2.3", "UsageInvalid", /--ip: '1\.2\.3' is not an IP address/],
  ["server --config absent.yaml", "FileUnreadable", /absent\.yaml does not exist; check the path/],
  ["key decrypt my-key - --foo", "UsageInvalid", /unknown flag: --foo/],
  ["key decrypt my-key -", "UsageInvalid", /standard input is empty/, { KES_API_KEY: apiKey }],
  [
    "identity of damaged.crt",
    "PemInvalid",
    /^failed to parse certificate in 'damaged\.crt': the PEM block is damaged; copy the file again$/,
  ],
  ["identity of cut.crt", "PemInvalid", /'cut\.crt': the PEM block is damaged/],
  ["key ls --ca=", "UsageInvalid", /^no file of certificates specified: --ca is empty$/, { KES_API_KEY: apiKey }],
  ["key ls --ca damaged.crt", "PemInvalid", /'damaged\.crt': the PEM block is damaged/, { KES_API_KEY: apiKey }],
  ["key ls --ca half.crt", "PemInvalid", /--ca: 'half\.crt' is cut off/, { KES_API_KEY: apiKey }],
  ["key ls --ca prose.txt", "PemInvalid", /--ca: 'prose\.txt' holds no PEM certificate/, { KES_API_KEY: apiKey }],
  ["key ls", "PemInvalid", /'other\.key' is not the private key of .*'server\.crt'/, pair("server.crt", "other.key")],
  ["key ls", "PemInvalid", /'other\.key' holds no PEM certificate/, pair("other.key", "server.crt")],
  ["key ls", "PemInvalid", /'prose\.txt' holds no PEM private key/, pair("server.crt", "prose.txt")],
  ["init prose.txt", "FileUnreadable", /cannot make '.*prose\.txt': there is a file in the way/],
  ["update", "NotSupported", /releases and images/],
  ["secret ls", "NotSupported", /storing secrets/],
  ["key create", "UsageInvalid", /no key name specified/],
  ["status --server :x", "AddressInvalid", /HOST:PORT/, { KES_API_KEY: apiKey }],
  ["server --dev --addr nowhere", "AddressInvalid", /--addr: found "nowhere"/],
  ["status -k --server 127.0.0.1:1", "ServerUnreachable", /127\.0\.0\.1:1/, { KES_API_KEY: apiKey }],
];

let folder: string;

function config(key: string, cert: string): string {
  const tls = `tls: { key: ${join(folder, key)}, cert: ${join(folder, cert)} }`;
  return [`admin: { identity: ${identity} }`, tls, "keystore: { memory: {} }", ""].join("\n");
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "kes-failures-"));
  const [server, other] = [await makeServerCertificate(), await makeLeaf()];
  const files = {
    "prose.txt": "no PEM here\n",
    "damaged.crt": server.certPem.replace(/^.{6}(?=\S*\n\S*\n-----END)/m, "§§"),
    "cut.crt": server.certPem.slice(0, 200),
    "half.crt": server.certPem + other.certPem.slice(0, 200),
    "server.crt": server.certPem,
    "server.key": server.keyPem,
    "other.key": other.keyPem,
    "swapped.yaml": config("other.key", "server.crt"),
    "prose.yaml": config("server.key", "prose.txt"),
    "broken.yaml": `adress: 127.0.0.1:0\n${config("server.key", "server.crt")}`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
});

after(() => rmSync(folder, { recursive: true, force: true }));

async function runToTheEnd(line: string, env: Record<string, string> = {}): Promise<void> {
  const { environment } = makeWorld({ cwd: folder, env });
  const argv = line.split(" ").map((word) => (word.endsWith(".yaml") ? join(folder, word) : word));
  const program = await buildProgram(argv[0] ?? "", environment);
  await program.parseAsync(argv, { from: "user" });
}

describe("a command that fails throws an error with its code", () => {
  for (const [line, code, message, env] of cases) {
    test(`kes ${line}: ${code} ${message.source}`, async () => {
      await assert.rejects(runToTheEnd(line, env), { code, message });
    });
  }

  test("kes server where something else listens: AddressInUse", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    try {
      const message = new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: .*stop what holds it`);
      await assert.rejects(runToTheEnd(`server --dev --addr 127.0.0.1:${port}`), { code: "AddressInUse", message });
    } finally {
      holder.close();
    }
  });
});
