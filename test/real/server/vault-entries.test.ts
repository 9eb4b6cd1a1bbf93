// What stands in a real Vault server besides keys of ours: deleted versions, overwritten ones, entries of others, engines of
// another version, and what a create does about them.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import { openVaultKeystore } from "../../../sidecar/keystore/vault/open-vault-keystore.ts";
import { failure } from "../../env/vault/failure.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";

const soon = () => AbortSignal.timeout(30_000);
const bytes = (text: string) => Buffer.from(text);

let fixture: VaultFixture;
before(async () => {
  fixture = await VaultFixture.start();
});
after(() => fixture[Symbol.asyncDispose]());

/** Everything in the K/V engines and the transit engine is allowed. */
const all = 'path "kv*" { capabilities = ["create", "read", "update", "delete", "list"] }';

describe("K/V version 2", () => {
  it("a key that was deleted softly is not found, can be created anew, by one of many", async () => {
    const config = await fixture.config({}, { policy: all });
    await using store = await openVaultKeystore(config);
    await store.create("key", bytes("old"), soon());
    await fixture.server.must("DELETE", `kv2/data/${config.prefix}/key`);
    await using fresh = await openVaultKeystore(config);
    assert.equal((await failure(fresh.get("key", soon()))).code, "KeyNotFound");
    const stores = await Promise.all(Array.from({ length: 8 }, () => openVaultKeystore(config)));
    const creates = await Promise.allSettled(stores.map((each, at) => each.create("key", bytes(`new ${at}`), soon())));
    const winners = creates.flatMap((result, at) => (result.status === "fulfilled" ? [`new ${at}`] : []));
    assert.equal(winners.length, 1);
    for (const each of stores) {
      assert.equal((await each.get("key", soon())).toString(), winners[0]);
      await each[Symbol.asyncDispose]();
    }
    assert.equal((await failure(fresh.create("key", bytes("x"), soon()))).code, "KeyExists");
  });

  it("with the recommended policy a softly deleted key is in the way, and the answer says so", async () => {
    const config = await fixture.config();
    await using store = await openVaultKeystore(config);
    await store.create("key", bytes("old"), soon());
    await fixture.server.must("DELETE", `kv2/data/${config.prefix}/key`);
    const error = await failure(store.create("key", bytes("new"), soon()));
    assert.equal(error.code, "StoreFailed");
    assert.match(error.message, /a deleted key named key .*vault kv metadata delete/);
    await fixture.server.must("DELETE", `kv2/metadata/${config.prefix}/key`);
    await store.create("key", bytes("new"), soon());
    assert.deepEqual(await store.get("key", soon()), bytes("new"));
  });

  it("a key that somebody overwrote by hand is still the first version", async () => {
    const config = await fixture.config();
    await using store = await openVaultKeystore(config);
    await store.create("key", bytes("first"), soon());
    await fixture.server.must("POST", `kv2/data/${config.prefix}/key`, { data: { key: "second" } });
    assert.deepEqual(await store.get("key", soon()), bytes("first"));
  });
});

describe("both versions", () => {
  for (const version of ["v1", "v2"] as const) {
    it(`${version}: folders and names that are no key names are not listed`, async () => {
      const config = await fixture.config({ version });
      await using store = await openVaultKeystore(config);
      await store.create("key", bytes("x"), soon());
      const folder = version === "v2" ? `kv2/data/${config.prefix}` : `kv1/${config.prefix}`;
      const entry = version === "v2" ? { data: { a: "1" } } : { a: "1" };
      for (const foreign of ["folder/below", "not.a.key"])
        await fixture.server.must("POST", `${folder}/${foreign}`, entry);
      assert.deepEqual(await store.list("", soon()), ["key"]);
    });

    it(`${version}: an entry of another program is neither read as a key nor overwritten`, async () => {
      const config = await fixture.config({ version });
      await using store = await openVaultKeystore(config);
      const path = version === "v2" ? `kv2/data/${config.prefix}/key` : `kv1/${config.prefix}/key`;
      await fixture.server.must("POST", path, version === "v2" ? { data: { other: "1" } } : { other: "1" });
      assert.equal((await failure(store.get("key", soon()))).code, "KeyCorrupt");
      assert.equal((await failure(store.create("key", bytes("x"), soon()))).code, "KeyExists");
    });

    it(`${version}: an engine that is gone is a failure, not an empty store`, async () => {
      await fixture.server.mountKv(`gone-${version}`, version === "v2" ? "2" : "1");
      const config = await fixture.config(
        { version, engine: `gone-${version}` },
        { policy: `path "gone-*" { capabilities = ["read", "list", "delete"] }` },
      );
      await using store = await openVaultKeystore(config);
      await store.status(soon());
      await fixture.server.must("DELETE", `sys/mounts/gone-${version}`);
      const calls = [() => store.get("key", soon()), () => store.list("", soon()), () => store.delete("key", soon())];
      for (const call of calls) {
        const error = await failure(call());
        assert.equal(error.code, "StoreFailed");
        assert.match(error.message, /no handler for route.*check keystore\.vault\.engine/);
      }
    });
  }

  it("an engine of the other version is named at start, and nothing is written to it", async () => {
    for (const [version, engine, found] of [
      ["v1", "kv2", "2"],
      ["v2", "kv1", "1"],
    ] as const) {
      await using store = await fixture.open({ version, engine }, { policy: all });
      const text = `the engine ${engine} is K/V version ${found} but keystore.vault.version is ${version}; set it to v${found}`;
      assert.ok((await failure(store.status(soon()))).message.startsWith(text));
      assert.ok((await failure(store.create("key", bytes("x"), soon()))).message.startsWith(text));
    }
  });

  it("an engine of the other version shows even where the policy hides it", async () => {
    const config = await fixture.config({ version: "v1", engine: "kv2" });
    await using store = await openVaultKeystore(config);
    const error = await failure(store.get("key", soon()));
    assert.equal(error.code, "StoreFailed");
    assert.match(error.message, /the mount is a K\/V engine of another version/);
  });

  it("version 1 cannot create atomically: a warning, and a refusal where that is demanded", async () => {
    const warnings: string[] = [];
    const config = await fixture.config({ version: "v1" });
    const store = await openVaultKeystore(config, { onWarning: (text) => warnings.push(text) });
    assert.match(warnings.join(), /cannot create atomically/);
    const policy = { ...storeDefaults, requireAtomicCreate: true };
    await using keys = new KeyService({ store, cache: { any: 1000, unused: 0, offline: 0 }, policy });
    assert.equal((await failure(keys.create("key", { createdBy: "" }, soon()))).code, "CreateNotAtomic");
  });

  it("version 1 with the recommended policy: Vault itself refuses to overwrite", async () => {
    const config = await fixture.config({ version: "v1" });
    await using store = await openVaultKeystore(config);
    await store.create("key", bytes("first"), soon());
    const login = config.login.method === "approle" ? config.login : undefined;
    const { body } = await fixture.server.ask(
      "PUT",
      "auth/approle/login",
      { role_id: login?.id, secret_id: login?.secret },
      "",
    );
    const { status } = await fixture.server.ask(
      "PUT",
      `kv1/${config.prefix}/key`,
      { key: "second" },
      body.auth.client_token,
    );
    assert.equal(status, 403);
  });
});

describe("transit", () => {
  const transit = { engine: "transit", key: "kes", mode: "wrap" } as const;

  it("values are wrapped in Vault, and read after the transit key was rotated", async () => {
    const config = await fixture.config({ transit });
    await using store = await openVaultKeystore(config);
    await store.create("one", bytes("1"), soon());
    await fixture.server.must("POST", "transit/keys/kes/rotate", {});
    await store.create("two", bytes("2"), soon());
    const { body } = await fixture.server.must("GET", `kv2/data/${config.prefix}/two`);
    assert.match(body.data.data.two, /^vault:v[2-9]\d*:/);
    assert.deepEqual(await store.get("one", soon()), bytes("1"));
    assert.deepEqual(await store.get("two", soon()), bytes("2"));
  });

  it("values from before are read; wrapped ones are not handed out without transit", async () => {
    const config = await fixture.config({ transit });
    await using plain = await openVaultKeystore({ ...config, transit: undefined });
    await using wrapping = await openVaultKeystore(config);
    await plain.create("plain", bytes("x"), soon());
    await wrapping.create("wrapped", bytes("y"), soon());
    assert.deepEqual(await wrapping.get("plain", soon()), bytes("x"));
    assert.match((await failure(plain.get("wrapped", soon()))).message, /set keystore\.vault\.transit/);
  });

  it("a transit key that is missing: nothing is stored", async () => {
    await using store = await fixture.open(
      { transit: { engine: "transit", key: "none", mode: "wrap" } },
      { policy: `${all}\npath "transit/*" { capabilities = ["read", "update"] }` },
    );
    const error = await failure(store.create("key", bytes("x"), soon()));
    assert.match(error.message, /wrapping key key by transit key none failed/);
    assert.deepEqual(await store.list("", soon()), []);
  });
});

describe("what `kes doctor` gets", () => {
  it("steps that pass, in order, with what was found", async () => {
    await using store = await fixture.open();
    const { steps, endpoint } = store.diagnosis();
    assert.equal(endpoint?.url.href, `${fixture.server.url}/`);
    const found: string[] = [];
    for (const { name, run } of steps) found.push(`${name}: ${await run(soon())}`);
    assert.deepEqual(found, ["seal state: active", "login: logged in by approle", "engine: kv2 is K/V version 2"]);
  });
});
