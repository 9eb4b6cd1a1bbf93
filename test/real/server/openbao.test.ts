// OpenBao, the real server: the contract of stores, keys inside its transit engine, and what Vault of the tests has not:
// namespaces.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { openVaultKeystore } from "../../../sidecar/keystore/vault/open-vault-keystore.ts";
import { policyText } from "../../../sidecar/keystore/vault/policy-text.ts";
import { keystoreContract } from "../../contract/keystore.ts";
import { failure } from "../../env/vault/failure.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";

const soon = () => AbortSignal.timeout(30_000);
const value = Buffer.from("value");
const remote = { engine: "transit", key: "derived", mode: "remote" } as const;

let fixture: VaultFixture;
before(async () => {
  fixture = await VaultFixture.start({ product: "openbao" });
});
after(() => fixture[Symbol.asyncDispose]());

keystoreContract("OpenBao K/V v2", { open: () => fixture.open(), deleteOfMissing: "succeeds" });

keystoreContract("OpenBao K/V v2 with transit", {
  open: () => fixture.open({ transit: { engine: "transit", key: "kes", mode: "wrap" } }),
  deleteOfMissing: "succeeds",
});

keystoreContract("OpenBao K/V v1", {
  open: () => fixture.open({ version: "v1" }),
  deleteOfMissing: "succeeds",
  racyCreate: "K/V version 1 has no check-and-set (decisions K6)",
});

describe("keys inside OpenBao's transit engine", () => {
  it("data keys are made, opened with their context and with no other", async () => {
    await using store = await fixture.open({ transit: remote });
    await store.status(soon());
    const { keyring } = store;
    assert.ok(keyring);
    const [context, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const { plaintext, ciphertext } = await keyring.dataKey(context, soon());
    assert.deepEqual(await keyring.decrypt(ciphertext, context, soon()), plaintext);
    assert.equal((await failure(keyring.decrypt(ciphertext, other, soon()))).code, "DecryptFailed");
  });

  it("a transit key that is not derived is refused", async () => {
    await using store = await fixture.open({ transit: { ...remote, key: "kes" } });
    assert.match((await failure(store.status(soon()))).message, /is not derived/);
  });
});

/** Waits until an engine that was just mounted serves. */
async function mounted(path: string): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 50) {
    if ((await fixture.server.ask("GET", path)).status === 404) return;
    await sleep(50);
  }
  throw new Error(`${path} does not serve`);
}

/** A namespace with a K/V engine, AppRole, and a role. */
async function namespace(name: string): Promise<VaultKeystoreConfig["login"]> {
  const { server } = fixture;
  await server.must("POST", `sys/namespaces/${name}`, {});
  await server.must("POST", `${name}/sys/mounts/kv2`, { type: "kv", options: { version: "2" } });
  await server.must("POST", `${name}/sys/auth/approle`, { type: "approle" });
  const policy = policyText({ ...(await fixture.config()), prefix: "" });
  await server.must("PUT", `${name}/sys/policies/acl/kes`, { policy });
  await server.must("POST", `${name}/auth/approle/role/kes`, { token_policies: ["kes"] });
  const { body: role } = await server.must("GET", `${name}/auth/approle/role/kes/role-id`);
  const { body: secret } = await server.must("PUT", `${name}/auth/approle/role/kes/secret-id`, {});
  await mounted(`${name}/kv2/data/none`);
  const [id, secretId] = [role.data.role_id, secret.data.secret_id];
  return { method: "approle", engine: "approle", namespace: name, id, secret: secretId };
}

describe("namespaces of OpenBao", () => {
  let login: VaultKeystoreConfig["login"];
  before(async () => {
    login = await namespace("team");
  });

  it("a store and its login in a namespace of their own", async () => {
    const config = { ...(await fixture.config({ login })), namespace: "team", prefix: "" };
    await using store = await openVaultKeystore(config);
    await store.status(soon());
    await store.create("key", value, soon());
    assert.deepEqual(await store.get("key", soon()), value);
    assert.deepEqual(await store.list("", soon()), ["key"]);
    await store.delete("key", soon());
    assert.deepEqual(await store.list("", soon()), []);
  });

  it("a login in the root namespace (`/`) for a store in another", async () => {
    // Paths of a policy reach into the namespaces below its own.
    const policy = 'path "team/kv2/*" { capabilities = ["create", "read", "delete", "list"] }';
    const root = await fixture.config({}, { policy });
    await using store = await openVaultKeystore({ ...root, namespace: "team", prefix: "" });
    await store.create("from-root", value, soon());
    assert.deepEqual(await store.get("from-root", soon()), value);
  });

  it("keys of one namespace are unknown in another", async () => {
    await using own = await openVaultKeystore({ ...(await fixture.config({ login })), namespace: "team", prefix: "" });
    await own.create("secret", value, soon());
    await using root = await fixture.open({ prefix: "" });
    assert.equal((await failure(root.get("secret", soon()))).code, "KeyNotFound");
  });

  it("a namespace that does not exist is a failure that names the setting, never a missing key", async () => {
    const config = { ...(await fixture.config({ login: { ...login, namespace: "none" } })), namespace: "none" };
    await using store = await openVaultKeystore(config);
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "StoreFailed");
    assert.match(error.message, /logging in by AppRole failed .*check keystore\.vault\.approle: .*namespace/);
  });
});

describe("an OpenBao server that goes away", () => {
  it("killed, sealed: unreachable, each with its reason; then back within 2 s, with every key", async () => {
    await using store = await fixture.open();
    await store.create("key", value, soon());
    await fixture.server.kill();
    assert.equal((await failure(store.get("key", soon()))).code, "StoreUnreachable");
    await fixture.server.launch();
    assert.match((await failure(store.get("key", soon()))).message, /Vault is sealed; unseal it/);
    await fixture.server.unseal();
    const unsealed = performance.now();
    while (performance.now() - unsealed < 10_000) {
      const found = await store.get("key", soon()).catch(() => undefined);
      if (found !== undefined) break;
      await sleep(50);
    }
    assert.ok(performance.now() - unsealed < 2000, String(performance.now() - unsealed));
    assert.deepEqual(await store.get("key", soon()), value);
  });
});
