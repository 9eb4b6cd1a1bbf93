// Keys that are inside Vault's transit engine (transit.mode: remote), through the front door of real servers: what works,
// what is refused, and that Vault, not this process, holds everything that opens a ciphertext.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { openVaultKeystore } from "../../../sidecar/keystore/vault/open-vault-keystore.ts";
import { failure } from "../../env/vault/failure.ts";
import { vaultSection } from "../../env/vault/vault-section.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import { apiClient } from "../../support/api-client.ts";
import type { ApiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

const remote = { engine: "transit", key: "derived", mode: "remote" } as const;
const context = Buffer.from("bucket/object").toString("base64");
const soon = () => AbortSignal.timeout(30_000);

let fixture: VaultFixture;
let config: VaultKeystoreConfig;
let servers: readonly Kes[] = [];
let clients: readonly ApiClient[] = [];

before(async () => {
  fixture = await VaultFixture.start();
  config = await fixture.config({ transit: remote });
  const keystore = vaultSection(config);
  servers = await Promise.all([0, 1].map(() => startKes({ keystore, extra: "cache: { expiry: { offline: 1h } }" })));
  clients = servers.map((kes) => apiClient("h2", kes.url, kes.admin, kes.server));
});
after(async () => {
  for (const client of clients) await client[Symbol.asyncDispose]();
  for (const kes of servers) await kes[Symbol.asyncDispose]();
  await fixture[Symbol.asyncDispose]();
});

interface DataKey {
  readonly plaintext: string;
  readonly ciphertext: string;
}

async function put(at: 0 | 1, path: string, body?: object): Promise<{ status: number; text: string }> {
  const client = clients[at];
  assert.ok(client);
  return client.ask(`/v1/key/${path}`, { method: "PUT", ...(body !== undefined && { body }) });
}

async function dataKey(name: string): Promise<DataKey> {
  const made = await put(0, `generate/${name}`, { context });
  assert.equal(made.status, 200, made.text);
  return JSON.parse(made.text) as DataKey;
}

describe("keys inside the transit engine", () => {
  it("one server makes a data key, the other opens it; another context, another key and a changed byte do not", async () => {
    for (const name of ["a", "b"]) assert.equal((await put(0, `create/${name}`)).status, 200);
    const { plaintext, ciphertext } = await dataKey("a");
    assert.equal(Buffer.from(plaintext, "base64").length, 32);
    const opened = await put(1, "decrypt/a", { ciphertext, context });
    assert.deepEqual(JSON.parse(opened.text), { plaintext });
    const changed = Buffer.from(ciphertext, "base64");
    changed.writeUInt8(changed.readUInt8(changed.length - 5) ^ 1, changed.length - 5);
    const refusals = [
      await put(1, "decrypt/a", { ciphertext, context: "AAAA" }),
      await put(1, "decrypt/a", { ciphertext }),
      await put(1, "decrypt/b", { ciphertext, context }),
      await put(1, "decrypt/a", { ciphertext: changed.toString("base64"), context }),
    ];
    for (const { status, text } of refusals) {
      assert.equal(status, 400);
      assert.match(text, /decryption failed: ciphertext is not authentic/);
    }
  });

  it("messages up to the largest body are encrypted and opened", async () => {
    await put(0, "create/message");
    for (const size of [0, 1, 700_000]) {
      const plaintext = Buffer.alloc(size, "m").toString("base64");
      const { ciphertext } = JSON.parse((await put(0, "encrypt/message", { plaintext })).text) as DataKey;
      const opened = await put(1, "decrypt/message", { ciphertext });
      assert.equal(opened.status, 200, opened.text);
      assert.ok((JSON.parse(opened.text) as DataKey).plaintext === plaintext, `${size} bytes`);
    }
  });

  it("Vault alone opens a ciphertext, given what the record and the request say", async () => {
    await put(0, "create/alone");
    const { plaintext, ciphertext } = await dataKey("alone");
    const bytes = Buffer.from(ciphertext, "base64");
    const hash = await crypto.subtle.digest(
      "SHA-256",
      Buffer.concat([
        Buffer.from("kes-remote-v1\0\x01", "latin1"),
        bytes.subarray(9, 25),
        Buffer.from(context, "base64"),
      ]),
    );
    const { body } = await fixture.server.must("POST", "transit/decrypt/derived", {
      ciphertext: bytes.toString("latin1", 25, 34) + bytes.toString("base64", 34),
      context: Buffer.from(hash).toString("base64"),
    });
    assert.equal(body.data.plaintext, plaintext);
  });

  it("after the transit key was rotated old and new ciphertexts open", async () => {
    await put(0, "create/rotated");
    const before = await dataKey("rotated");
    await fixture.server.must("POST", "transit/keys/derived/rotate", {});
    const after = await dataKey("rotated");
    assert.match(Buffer.from(after.ciphertext, "base64").toString("latin1", 25), /^vault:v2:/);
    for (const { plaintext, ciphertext } of [before, after]) {
      assert.deepEqual(JSON.parse((await put(1, "decrypt/rotated", { ciphertext, context })).text), { plaintext });
    }
  });

  it("import and HMAC are refused in so many words", async () => {
    const key = Buffer.alloc(32, 7).toString("base64");
    const imported = await put(0, "import/imported", { key, cipher: "AES256" });
    assert.equal(imported.status, 501);
    assert.match(imported.text, /none can be imported/);
    await put(0, "create/hmac");
    const hmac = await put(0, "hmac/hmac", { message: "AAAA" });
    assert.equal(hmac.status, 409);
    assert.match(hmac.text, /key does not support HMAC/);
  });

  it("the policy of `kes doctor` allows no export, no other transit key and no overwriting", async () => {
    assert.ok(config.login.method === "approle");
    const credentials = { role_id: config.login.id, secret_id: config.login.secret };
    const { body } = await fixture.server.ask("PUT", "auth/approle/login", credentials, "");
    const token = body.auth.client_token;
    await put(0, "create/policy");
    const forbidden = [
      ["GET", "transit/export/encryption-key/derived"],
      ["POST", "transit/encrypt/kes"],
      ["POST", "transit/keys/derived/rotate"],
      ["DELETE", "transit/keys/derived"],
      ["POST", `kv2/data/${config.prefix}/policy`],
    ] as const;
    for (const [method, path] of forbidden) {
      const { status } = await fixture.server.ask(
        method,
        path,
        method === "POST" ? { data: { policy: "x" } } : undefined,
        token,
      );
      assert.equal(status, 403, path);
    }
  });

  it("the offline cache is said to have no effect", () => {
    assert.match(servers[0]?.stderr() ?? "", /cache\.expiry\.offline has no effect/);
  });
});

describe("a transit key that will not do", () => {
  it("one that is not derived is refused before anything is made with it, with the command that makes another", async () => {
    await using store = await fixture.open({ transit: { ...remote, key: "kes" } });
    const error = await failure(store.status(soon()));
    assert.equal(error.code, "StoreFailed");
    assert.match(error.message, /transit\/kes is not derived.*vault write transit\/keys\/NAME derived=true/);
    await failure(store.keyring?.dataKey(Buffer.alloc(32), soon()) ?? Promise.resolve());
  });

  it("one that is missing is named", async () => {
    await using store = await fixture.open({ transit: { ...remote, key: "none" } });
    assert.match((await failure(store.status(soon()))).message, /encrypting by transit key none failed/);
  });

  it("a missing right is explained to `kes doctor` with the whole policy", async () => {
    const policy = 'path "transit/encrypt/derived" { capabilities = ["update"] }';
    await using store = await fixture.open({ transit: remote }, { policy });
    const step = store.diagnosis().steps.find(({ name }) => name === "transit");
    await assert.rejects(step?.run(soon()) ?? Promise.resolve(), (error: Error & { remedy?: string }) => {
      assert.match(
        error.remedy ?? "",
        /path "transit\/datakey\/plaintext\/derived" \{\n {2}capabilities = \["update"\]/,
      );
      return true;
    });
  });

  it("a wrapped key of another mode is not unwrapped", async () => {
    const wrapping = await fixture.config({ transit: { engine: "transit", key: "derived", mode: "remote" } });
    await using store = await openVaultKeystore(wrapping);
    const path = `kv2/data/${wrapping.prefix}/wrapped`;
    await fixture.server.must("POST", path, { data: { wrapped: "vault:v1:AAAA" } });
    assert.match((await failure(store.get("wrapped", soon()))).message, /was made with transit\.mode wrap/);
  });
});

describe("a Vault that goes away and comes back", () => {
  it("every use fails at once, and works within 2 s of its return", async () => {
    await put(0, "create/outage");
    const { plaintext, ciphertext } = await dataKey("outage");
    await fixture.server.seal();
    for (let round = 0; round < 5; round += 1) {
      const started = performance.now();
      assert.equal((await put(0, "decrypt/outage", { ciphertext, context })).status, 502);
      assert.equal((await put(0, "generate/outage", { context })).status, 502);
      assert.ok(performance.now() - started < 2000);
    }
    await fixture.server.unseal();
    const back = performance.now();
    let answer = await put(0, "decrypt/outage", { ciphertext, context });
    while (answer.status !== 200 && performance.now() - back < 10_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      answer = await put(0, "decrypt/outage", { ciphertext, context });
    }
    assert.ok(performance.now() - back < 2000, String(performance.now() - back));
    assert.deepEqual(JSON.parse(answer.text), { plaintext });
  });
});
