// Reloading a running server, by signal and by changed files: nobody who uses it meanwhile may notice, and a configuration
// that cannot be used changes nothing.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { formatWrappingKey, generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { ApiClient } from "../../support/api-client.ts";
import { makeLeaf, makeServerCertificate } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { VaultStandIn } from "../../support/vault-stand-in.ts";

const context = Buffer.from("bucket/object").toString("base64");
const completed = "=> Reloading configuration after SIGHUP signal completed.";

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

async function hangUp(kes: Kes): Promise<void> {
  const done = count(kes.stdout(), completed);
  kes.signal("SIGHUP");
  await kes.until("the reload is completed", (out) => count(out, completed) > done);
}

/** Does `change` and waits until the server has noticed by itself that `file` is another. */
async function changing(kes: Kes, file: string, change: () => void): Promise<void> {
  const noticed = new RegExp(`"cause":"changed: [^"]*${file}[^"]*","msg":"configuration reloaded"`, "g");
  const before = kes.stderr().match(noticed)?.length ?? 0;
  change();
  await kes.until("the change is noticed", (_, err) => (err.match(noticed)?.length ?? 0) > before);
}

async function dataKey(client: ApiClient, name: string): Promise<void> {
  const made = await client.ask(`/v1/key/generate/${name}`, { method: "PUT", body: { context } });
  assert.equal(made.status, 200, made.text);
  const { plaintext, ciphertext } = made.json() as { plaintext: string; ciphertext: string };
  const opened = await client.ask(`/v1/key/decrypt/${name}`, { method: "PUT", body: { ciphertext, context } });
  assert.deepEqual(opened.json(), { plaintext });
}

/** Makes and opens data keys until told to stop. @returns how many, or the first failure */
function keepBusy(client: ApiClient, name: string): { stop(): Promise<number> } {
  const stop = new AbortController();
  const run = async (): Promise<number> => {
    let done = 0;
    for (; !stop.signal.aborted; done += 1) await dataKey(client, name);
    return done;
  };
  const running = run();
  // A failure before stop() is reported there.
  running.catch(() => undefined);
  return {
    stop: () => {
      stop.abort();
      return running;
    },
  };
}

/** Lets the configuration file be a link into `..data`, as Kubernetes mounts a ConfigMap. @returns the atomic swap */
function mountLikeKubernetes(kes: Kes): (text: string) => void {
  let version = 0;
  const swap = (text: string): void => {
    const directory = `..version-${(version += 1)}`;
    mkdirSync(join(kes.folder, directory));
    writeFileSync(join(kes.folder, directory, "server.yaml"), text);
    symlinkSync(directory, join(kes.folder, "..data-next"));
    renameSync(join(kes.folder, "..data-next"), join(kes.folder, "..data"));
  };
  swap(readFileSync(kes.configFile, "utf8"));
  symlinkSync("..data/server.yaml", join(kes.folder, "link"));
  renameSync(join(kes.folder, "link"), kes.configFile);
  return swap;
}

test("200 reloads under load, by signal and by changed files, fail not one request", async () => {
  const reader = await makeLeaf();
  const policy = (round: number): string =>
    `log: { audit: off }\n` +
    `policy: { round-${round}: { allow: [/v1/key/generate/*, /v1/key/decrypt/*], identities: [${reader.identity}] } }`;
  await using kes = await startKes({ extra: policy(0) });
  await using admin = apiClient("h2", kes.url, kes.admin, kes.server);
  assert.equal((await admin.ask("/v1/key/create/my-key", { method: "PUT" })).status, 200);
  const clients = [...protocols, ...protocols].map((protocol) => apiClient(protocol, kes.url, reader, kes.server));
  const busy = clients.map((client) => keepBusy(client, "my-key"));
  for (let round = 1; round <= 192; round += 1) {
    if (round % 3 === 0) replaceFile(kes.configFile, configWith(kes, policy(round)));
    await hangUp(kes);
  }
  const swap = mountLikeKubernetes(kes);
  for (let round = 193; round <= 200; round += 1) {
    await changing(kes, "server.yaml", () => swap(configWith(kes, policy(round))));
  }
  for (const [i, running] of busy.entries()) {
    const done = await running.stop();
    assert.ok(done > 100, `client ${i} made no more than ${done} data keys`);
  }
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  const policies = await admin.ask("/v1/policy/list/*");
  assert.match(policies.text, /"round-200"/);
  assert.ok(!policies.text.includes('"round-199"'));
  assert.equal(count(kes.stderr(), "reload failed"), 0, kes.stderr());
});

function configWith(kes: Kes, policy: string): string {
  const text = readFileSync(kes.configFile, "utf8");
  return text.replace(/^log:.*\npolicy:.*$/m, policy);
}

/** At once, as careful editors do: the server may read the file at any instant. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.next`, text);
  renameSync(`${path}.next`, path);
}

describe("a server that reloads", () => {
  let kes: Kes;
  let h2: ApiClient;
  let h1: ApiClient;
  const logs = "log: { file: { error: $FOLDER/error.log, audit: $FOLDER/audit.log } }";

  before(async () => {
    kes = await startKes();
    h2 = apiClient("h2", kes.url, kes.admin, kes.server);
    h1 = apiClient("h1", kes.url, kes.admin, kes.server);
    assert.equal((await h2.ask("/v1/key/create/first", { method: "PUT" })).status, 200);
    await dataKey(h2, "first");
    await dataKey(h1, "first");
  });

  after(async () => {
    await h1[Symbol.asyncDispose]();
    await h2[Symbol.asyncDispose]();
    await kes[Symbol.asyncDispose]();
  });

  test("goes on as before when the file is broken, and says why", async () => {
    const good = readFileSync(kes.configFile, "utf8");
    writeFileSync(
      kes.configFile,
      good.replace("version: v1", "version: v1\ncache: { expirry: { any: 1h } }\nlogs: {}"),
    );
    kes.signal("SIGHUP");
    const line = /"msg":"reload failed, the former configuration stays"/;
    await kes.until("the failure is logged", (_, err) => line.test(err));
    const logged =
      kes
        .stderr()
        .split("\n")
        .find((text) => line.test(text)) ?? "";
    assert.match(logged, /server\.yaml:2: cache\.expirry/);
    assert.match(logged, /did you mean \\"expiry\\"/);
    assert.match(logged, /server\.yaml:3: logs/);
    await dataKey(h2, "first");
    await dataKey(h1, "first");
    writeFileSync(kes.configFile, good);
    await hangUp(kes);
    assert.equal(count(kes.stdout(), completed), 1);
  });

  test("refuses a key store that it cannot open and keeps the one it has", async () => {
    const good = readFileSync(kes.configFile, "utf8");
    const failures = count(kes.stderr(), "reload failed");
    writeFileSync(kes.configFile, good.replace(`path: ${kes.folder}/keys`, `path: ${kes.folder}/elsewhere`));
    kes.signal("SIGHUP");
    await kes.until("the failure is logged", (_, err) => count(err, "reload failed") > failures);
    assert.ok(!existsSync(join(kes.folder, "elsewhere")));
    await dataKey(h2, "first");
    writeFileSync(kes.configFile, good);
    await hangUp(kes);
  });

  test("keeps its cache when the key store stays the same", async () => {
    renameSync(join(kes.folder, "keys"), join(kes.folder, "away"));
    try {
      kes.rewrite({ extra: "policy: { other: { allow: [/v1/status] } }" });
      await hangUp(kes);
      await dataKey(h2, "first");
      await dataKey(h1, "first");
    } finally {
      renameSync(join(kes.folder, "away"), join(kes.folder, "keys"));
    }
  });

  test("creates the keys that the file now predefines", async () => {
    assert.equal((await h2.ask("/v1/key/describe/predefined")).status, 404);
    kes.rewrite({ extra: "keys: [ { name: predefined } ]" });
    await hangUp(kes);
    const described = await h2.ask("/v1/key/describe/predefined");
    assert.equal((described.json() as { created_by: string }).created_by, kes.admin.identity);
  });

  test("shows a new certificate to new connections and leaves old ones alone", async () => {
    const former = kes.server;
    const renewed = await makeServerCertificate();
    assert.equal(await serialOf(kes, former), certificateSerial(former));
    await changing(kes, "server.crt", () => {
      writeFileSync(join(kes.folder, "server.key"), renewed.keyPem);
      writeFileSync(join(kes.folder, "server.crt"), renewed.certPem);
    });
    assert.equal(await serialOf(kes, renewed), certificateSerial(renewed));
    await dataKey(h2, "first");
    await dataKey(h1, "first");
  });

  test("opens its log files anew, so that they can be rotated", async () => {
    kes.rewrite({ extra: logs });
    await hangUp(kes);
    await h2.ask("/v1/key/describe/first");
    await eventually(() => readFileSync(join(kes.folder, "audit.log"), "utf8").includes("/v1/key/describe/first"));
    renameSync(join(kes.folder, "audit.log"), join(kes.folder, "audit.log.1"));
    await hangUp(kes);
    await h2.ask("/v1/key/describe/after-rotation");
    await eventually(() => readFileSync(join(kes.folder, "audit.log"), "utf8").includes("after-rotation"));
    assert.ok(!readFileSync(join(kes.folder, "audit.log.1"), "utf8").includes("after-rotation"));
  });

  test("survives log files that cannot be opened anew", async () => {
    kes.rewrite({ extra: logs.replaceAll("$FOLDER/", "$FOLDER/logs/") });
    mkdirSync(join(kes.folder, "logs"));
    await hangUp(kes);
    renameSync(join(kes.folder, "logs"), join(kes.folder, "logs.old"));
    await hangUp(kes);
    await dataKey(h2, "first");
    const sentence = "a log file cannot be opened anew, the former one stays";
    await eventually(() => readFileSync(join(kes.folder, "logs.old/error.log"), "utf8").includes(sentence));
  });
});

test("a refused reload that names another first wrapping key leaves the store as it was", async () => {
  await using kes = await startKes();
  await using h2 = apiClient("h2", kes.url, kes.admin, kes.server);
  assert.equal((await h2.ask("/v1/key/create/first", { method: "PUT" })).status, 200);
  const good = readFileSync(kes.configFile, "utf8");
  const marker = readFileSync(join(kes.folder, "keys/.kes-store.json"), "utf8");
  using next = generateWrappingKey();
  writeFileSync(join(kes.folder, "next.key"), formatWrappingKey(next), { mode: 0o600 });
  writeFileSync(join(kes.folder, "keys/broken"), "no key");
  const rewrapping = good.replace(/( *)- file: .*wrapping\.key/, (own, indent: string) => {
    return `${indent}- file: ${kes.folder}/next.key\n${own}`;
  });
  const failures = count(kes.stderr(), "reload failed");
  writeFileSync(kes.configFile, `${rewrapping}\nkeys: [ { name: broken } ]\n`);
  kes.signal("SIGHUP");
  await kes.until("the failure is logged", (_, err) => count(err, "reload failed") > failures);
  assert.equal(readFileSync(join(kes.folder, "keys/.kes-store.json"), "utf8"), marker);
  assert.equal((await h2.ask("/v1/key/create/after-refusal", { method: "PUT" })).status, 200);
  assert.equal(readFileSync(join(kes.folder, "keys/after-refusal")).toString("hex", 9, 13), keyIdIn(marker));

  rmSync(join(kes.folder, "keys/broken"));
  writeFileSync(kes.configFile, rewrapping);
  await hangUp(kes);
  assert.equal((await h2.ask("/v1/key/create/after-adoption", { method: "PUT" })).status, 200);
  assert.equal(readFileSync(join(kes.folder, "keys/after-adoption")).toString("hex", 9, 13), next.id);
  await dataKey(h2, "first");
  await dataKey(h2, "after-refusal");
});

test("a reload whose key store is away is tried again until the store is back, and says so", async () => {
  await using vault = await VaultStandIn.start();
  await using kes = await startKes();
  await using h2 = apiClient("h2", kes.url, kes.admin, kes.server);
  vault.health = { sealed: true };
  const next = `{ endpoint: "${vault.url}", version: v2, approle: { id: i, secret: s } }`;
  kes.rewrite({ keystore: `keystore: { vault: ${next} }` });
  const again = "reload failed for the key store, the former configuration stays, trying again";
  await kes.until("the reload is tried again", (_, err) => count(err, again) >= 2);
  assert.match(kes.stderr(), /"pauseSeconds":1,.*"pauseSeconds":2,/s);
  assert.match(kes.stderr(), /Vault is sealed; unseal it/);
  assert.equal((await h2.ask("/v1/key/create/in-the-former-store", { method: "PUT" })).status, 200);
  vault.health = {};
  await kes.until("the reload succeeds", (_, err) => err.includes('"msg":"configuration reloaded"'));
  assert.equal((await h2.ask("/v1/key/describe/in-the-former-store")).status, 404);
  assert.equal((await h2.ask("/v1/key/create/in-the-new-store", { method: "PUT" })).status, 200);
  assert.ok(vault.entries.has("kv/data/in-the-new-store"));
});

test("a file that changes takes the place of a reload that waits for its key store", async () => {
  await using vault = await VaultStandIn.start();
  await using kes = await startKes();
  const good = readFileSync(kes.configFile, "utf8");
  vault.health = { sealed: true };
  const next = `{ endpoint: "${vault.url}", version: v2, approle: { id: i, secret: s } }`;
  kes.rewrite({ keystore: `keystore: { vault: ${next} }` });
  await kes.until("the reload is tried again", (_, err) => count(err, "trying again") >= 1);
  writeFileSync(kes.configFile, good);
  await kes.until("the reload succeeds", (_, err) => err.includes('"msg":"configuration reloaded"'));
  const asked = vault.asked.length;
  await new Promise((resolve) => setTimeout(resolve, 3000));
  assert.equal(vault.asked.length, asked, "nobody waits for Vault any more");
});

/** Of the wrapping key that seals. */
function keyIdIn(marker: string): string | undefined {
  return (JSON.parse(marker) as { keyIds: string[] }).keyIds[0];
}

function certificateSerial(certificate: TestCertificate): string {
  return new X509Certificate(certificate.certPem).serialNumber.toUpperCase();
}

/** Of the certificate that a new connection is shown; `trusted` must be the one. */
function serialOf(kes: Kes, trusted: TestCertificate): Promise<string> {
  return new Promise((resolve, reject) => {
    const { certPem: cert, keyPem: key } = kes.admin;
    const socket = connect({ host: kes.host, port: kes.port, ca: trusted.certPem, cert, key }, () => {
      resolve(socket.getPeerCertificate().serialNumber.toUpperCase());
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

async function eventually(test: () => boolean): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (!test()) {
    assert.ok(Date.now() < deadline, "waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
