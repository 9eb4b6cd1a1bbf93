// Key material never reaches a log: secrets are planted in every place that takes one, every operation is made to work and
// to fail, and then everything that the server wrote is searched for them in every form they could have.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { encodeApiKey } from "../../../sidecar/contract/identity.ts";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { ApiClient, Ask } from "../../support/api-client.ts";
import { apiKeyCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

const context = Buffer.from("context").toString("base64");
const canaries = new Map<string, Buffer>();

function plant(name: string, bytes: Buffer = randomBytes(32)): Buffer {
  canaries.set(name, bytes);
  return bytes;
}

/** What base64 of longer data shows of `bytes`, for each of the three places in a group of three. */
function base64Forms(bytes: Buffer): string[] {
  return [0, 2, 3].map((skip, shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=*$/, "");
    return text.slice(skip, -3);
  });
}

function formsOf(bytes: Buffer): string[] {
  const hex = bytes.toString("hex");
  const base64 = base64Forms(bytes);
  return [
    bytes.toString("latin1"),
    bytes.toString("utf8"),
    hex,
    hex.toUpperCase(),
    hex.replace(/..(?!$)/g, "$& "),
    [...bytes].join(","),
    ...base64,
    ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    ...base64.map((text) => text.replaceAll("/", "\\/")),
  ];
}

function shows(text: string, bytes: Buffer): boolean {
  return formsOf(bytes).some((form) => text.includes(form));
}

let kes: Kes;
let written = "";

before(async () => {
  const seed = plant("API key");
  const password = plant("value of a variable", Buffer.from(randomBytes(24).toString("hex")));
  const user = await apiKeyCertificate(encodeApiKey(seed));
  kes = await startKes({
    extra: [
      "log: { error: DEBUG, audit: DEBUG, file: { audit: $FOLDER/audit.log } }",
      "ops: { address: 127.0.0.1:0 }",
      `policy: { some: { allow: [/v1/key/*, /v1/log/*], identities: [${user.identity}] } }`,
    ].join("\n"),
    env: { CANARY: password.toString() },
  });
  plant("wrapping key", secretOf(readFileSync(join(kes.folder, "wrapping.key"), "utf8")));
  plant("private key of the server", secretOf(readFileSync(join(kes.folder, "server.key"), "utf8")));
  for (const protocol of protocols) {
    await using client = apiClient(protocol, kes.url, user, kes.server);
    await useKeys(client, protocol);
    await mistakeKeys(client, protocol);
    await misuseApiKeys(client, encodeApiKey(seed));
  }
  await breakThings();
  assert.equal(await kes.stop(), 0);
  written = kes.stdout() + kes.stderr() + readFileSync(join(kes.folder, "audit.log"), "utf8");
});

after(() => kes[Symbol.asyncDispose]());

/** The longest run of base64 in a text, decoded: a PEM body or a wrapping key. */
function secretOf(text: string): Buffer {
  const body = text.replace(/-----[^-]+-----/g, "").replace(/\s/g, "");
  const [longest = ""] = (body.match(/[A-Za-z0-9+/_-]+=*/g) ?? []).toSorted((a, b) => b.length - a.length);
  const bytes = Buffer.from(longest, /^[0-9a-f]+$/.test(longest) ? "hex" : "base64");
  assert.ok(bytes.length >= 32, text.length.toString());
  return bytes.subarray(-32);
}

async function useKeys(client: ApiClient, protocol: string): Promise<void> {
  const key = `imported-${protocol}`;
  const secret = plant(`imported key, ${protocol}`).toString("base64");
  const message = plant(`message, ${protocol}`).toString("base64");
  const plaintext = plant(`plaintext, ${protocol}`).toString("base64");
  assert.equal((await put(client, `import/${key}`, { key: secret, cipher: "AES256" })).status, 200);
  const generated = (await put(client, `generate/${key}`, { context })).json() as Record<string, string>;
  plant(`data key, ${protocol}`, Buffer.from(generated["plaintext"] ?? "", "base64"));
  const sealed = (await put(client, `encrypt/${key}`, { plaintext, context })).json() as Record<string, string>;
  const { ciphertext } = sealed;
  assert.deepEqual((await put(client, `decrypt/${key}`, { ciphertext, context })).json(), { plaintext });
  assert.equal((await put(client, `decrypt/${key}`, { ciphertext, context: plaintext })).status, 400);
  assert.equal((await put(client, `hmac/${key}`, { message })).status, 200);
}

/** Everything that takes a secret, with one that is wrong in some way. */
async function mistakeKeys(client: ApiClient, protocol: string): Promise<void> {
  const key = `imported-${protocol}`;
  const secret = plant(`refused key, ${protocol}`).toString("base64");
  const text = plant(`secret in a malformed body, ${protocol}`).toString("base64");
  const refused: readonly (readonly [path: string, body: Ask["body"], status: number])[] = [
    [`import/${key}`, { key: secret, cipher: "AES256" }, 400],
    ["import/short", { key: secret.slice(0, 40), cipher: "AES256" }, 406],
    ["import/unknown", { key: secret, cipher: "ROT13" }, 406],
    ["import/none", { key: secret }, 406],
    ["import/bad.name", { key: secret, cipher: "AES256" }, 400],
    ["import/url-safe", { key: `-_${secret}`, cipher: "AES256" }, 400],
    [`encrypt/${key}`, `{"plaintext":"${text}"`, 400],
    [`encrypt/${key}`, `{"plaintext":${text}}`, 400],
    [`encrypt/${key}`, { plaintext: { value: text } }, 400],
    [`encrypt/${key}`, { plaintext: text.repeat(30_000) }, 400],
    ["encrypt/unknown-key", { plaintext: text }, 404],
    [`decrypt/${key}`, { ciphertext: text }, 400],
    [`decrypt/${key}`, { ciphertext: text, context: [1, 2, 300] }, 400],
    ["hmac/unknown-key", { message: text }, 404],
  ];
  for (const [path, body, status] of refused) {
    const answer = await put(client, path, body);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
  }
}

/** People paste API keys where none belongs. */
async function misuseApiKeys(client: ApiClient, apiKey: string): Promise<void> {
  await client.ask("/v1/status", { headers: { authorization: `Bearer ${apiKey}`, "x-api-key": apiKey } });
  await client.ask(`/v1/status?apiKey=${encodeURIComponent(apiKey)}`);
}

function put(client: ApiClient, path: string, body: Ask["body"]): ReturnType<ApiClient["ask"]> {
  return client.ask(`/v1/key/${path}`, body === undefined ? { method: "PUT" } : { method: "PUT", body });
}

/** A damaged value, a store that is away, and reloads that fail in several ways. */
async function breakThings(): Promise<void> {
  await using client = apiClient("h2", kes.url, kes.admin, kes.server);
  const keys = join(kes.folder, "keys");
  assert.equal((await client.ask("/v1/key/create/damaged", { method: "PUT" })).status, 200);
  appendFileSync(join(keys, "damaged"), "x");
  assert.equal((await put(client, "generate/damaged", {})).status, 502);
  renameSync(keys, `${keys}-away`);
  assert.equal((await client.ask("/v1/key/create/other", { method: "PUT" })).status, 502);
  renameSync(`${keys}-away`, keys);
  await put(client, "generate/damaged", {});

  const good = readFileSync(kes.configFile, "utf8");
  const wrapping = join(kes.folder, "wrapping.key");
  const broken = [
    () =>
      writeFileSync(kes.configFile, good.replace("version: v1", "version: v1\ncache: { expiry: { any: ${CANARY} } }")),
    () => writeFileSync(kes.configFile, good.replace("tls:", "tls:\n  password: [ ${CANARY} ]")),
    () =>
      writeFileSync(join(kes.folder, "server.key"), readFileSync(join(kes.folder, "server.key"), "utf8").slice(0, -40)),
    () => {
      // Another place, so that the store is opened anew, with the key's text where the path of its file belongs.
      const text = readFileSync(wrapping, "utf8").trim();
      writeFileSync(kes.configFile, good.replace("encryption:", "init: true\n    encryption:"));
      writeFileSync(wrapping, text.slice(0, -5));
    },
  ];
  const serverKey = readFileSync(join(kes.folder, "server.key"));
  for (const [i, spoil] of broken.entries()) {
    spoil();
    kes.signal("SIGHUP");
    await kes.until(`failure ${i}`, (_, err) => err.split('"cause":"SIGHUP","reason"').length > i + 1);
    writeFileSync(kes.configFile, good);
    writeFileSync(join(kes.folder, "server.key"), serverKey);
  }
}

describe("what a server writes", () => {
  test("is searched thoroughly: what may be shown is found", () => {
    assert.ok(written.includes('"level":"debug"') || written.includes('"level":"info"'));
    assert.ok(shows(written, Buffer.from(kes.admin.identity, "hex")));
    const inside = Buffer.concat([Buffer.from("ab"), canaries.get("API key") ?? Buffer.alloc(0), Buffer.from("cde")]);
    for (const encoding of ["base64", "base64url", "hex", "latin1"] as const) {
      assert.ok(shows(inside.toString(encoding), canaries.get("API key") ?? Buffer.alloc(0)), encoding);
    }
  });

  test("holds none of the secrets", () => {
    assert.ok(canaries.size >= 14);
    const shown = [...canaries].filter(([, bytes]) => shows(written, bytes)).map(([name]) => name);
    assert.deepEqual(shown, []);
  });

  test("is in the places that were searched", () => {
    const known = ["audit.log", "keys", "server.crt", "server.key", "server.yaml", "wrapping.key"];
    assert.deepEqual(readdirSync(kes.folder).toSorted(), known);
    assert.ok(existsSync(join(kes.folder, "keys/imported-h1")));
  });
});
