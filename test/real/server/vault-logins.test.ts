// The logins of a real Vault server: how a token is got, kept, and got again; and whom the connection trusts.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultKeystoreConfig } from "../../../sidecar/contract/config.ts";
import { openVaultKeystore } from "../../../sidecar/keystore/vault/open-vault-keystore.ts";
import { policyText } from "../../../sidecar/keystore/vault/policy-text.ts";
import { failure } from "../../env/vault/failure.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import { makeCa, makeLeaf, makeServerCertificate } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { TokenReviewFake } from "../../support/token-review-fake.ts";

const soon = () => AbortSignal.timeout(30_000);
const bytes = (text: string) => Buffer.from(text);

let fixture: VaultFixture;
let ca: TestCertificate;
let otherCa: TestCertificate;
let client: TestCertificate;

before(async () => {
  [ca, otherCa] = await Promise.all([makeCa(), makeCa("Other CA")]);
  client = await makeLeaf({ issuer: ca, keyType: "p256", cn: "kes", eku: ["client"] });
  const server = await makeServerCertificate(ca);
  const files = VaultFixture.files({ cert: server.certPem, key: server.keyPem, clientCa: ca.certPem });
  fixture = await VaultFixture.start({ tls: { cert: files.cert, key: files.key, clientCa: files.clientCa } });
});
after(() => fixture[Symbol.asyncDispose]());

/** How many tokens the server has given out that are still valid. */
async function tokens(): Promise<number> {
  const { body } = await fixture.server.must("GET", "auth/token/accessors?list=true");
  return body.data.keys.length;
}

const revokeAll = () => fixture.server.must("PUT", "sys/leases/revoke-prefix/auth/approle/login");

/** The configuration with a policy of its own and `login`. */
async function withLogin(
  make: (policy: string) => Promise<VaultKeystoreConfig["login"]>,
): Promise<VaultKeystoreConfig> {
  const config = await fixture.config();
  const policy = config.prefix;
  await fixture.server.must("PUT", `sys/policies/acl/${policy}`, { policy: policyText(config) });
  return { ...config, login: await make(policy) };
}

/** The TLS listener, trusted by the CA in that file. */
const tls = (file: string) => ({
  endpoint: `https://127.0.0.1:${fixture.server.tlsPort}`,
  tls: { client: undefined, ca: file },
});

describe("one login per process", () => {
  it("many calls at once lead to one login", async () => {
    const before = await tokens();
    await using store = await fixture.open();
    await Promise.all(Array.from({ length: 50 }, (_, at) => store.create(`key-${at}`, bytes("x"), soon())));
    assert.equal((await tokens()) - before, 1);
  });

  it("a token is renewed before it ends", async () => {
    const before = await tokens();
    await using store = await fixture.open({}, { ttl: "3s", maxTtl: "1h" });
    await store.create("key", bytes("x"), soon());
    await sleep(7000);
    assert.deepEqual(await store.get("key", soon()), bytes("x"));
    assert.equal((await tokens()) - before, 1);
  });

  it("a token that cannot live longer is replaced before it ends", async () => {
    await using store = await fixture.open({}, { ttl: "3s", maxTtl: "3s" });
    await store.create("key", bytes("x"), soon());
    for (let round = 0; round < 16; round += 1) {
      assert.deepEqual(await store.get("key", soon()), bytes("x"));
      await sleep(500);
    }
  });

  it("a token that was revoked is replaced at the next call", async () => {
    await using store = await fixture.open();
    await store.create("key", bytes("x"), soon());
    await sleep(3100);
    await revokeAll();
    const before = await tokens();
    const calls = Array.from({ length: 20 }, () => store.get("key", soon()));
    for (const value of await Promise.all(calls)) assert.deepEqual(value, bytes("x"));
    assert.equal((await tokens()) - before, 1);
    await revokeAll();
    await failure(store.get("key", soon()));
  });

  it("a missing right leads to no other login, and to an answer that names the remedy", async () => {
    const policy = 'path "kv2/data/*" { capabilities = ["create"] }';
    await using store = await fixture.open({}, { policy });
    await store.status(soon());
    const before = await tokens();
    for (let round = 0; round < 5; round += 1) {
      const error = await failure(store.get("key", soon()));
      assert.equal(error.code, "StoreFailed");
      assert.match(error.message, /reading key key failed at .*status 403.*kes doctor/);
    }
    assert.equal(await tokens(), before);
    const remedy = store.diagnosis().remedy("read", await failure(store.get("key", soon())));
    assert.match(remedy ?? "", /path "kv2\/data\/.*capabilities = \["create", "read"\]/s);
  });

  it("a refused login is told apart, without its secrets, and repeated when they change, so that Vault locks no role", async () => {
    const config = await fixture.config();
    assert.ok(config.login.method === "approle");
    const { secret } = config.login;
    assert.ok(typeof secret === "string");
    const file = join(mkdtempSync(join(tmpdir(), "kes-secret-id-")), "secret-id");
    writeFileSync(file, "canary-secret-id-4711");
    await using store = await openVaultKeystore({ ...config, login: { ...config.login, secret: { file } } });
    const first = await failure(store.get("key", soon()));
    assert.equal(first.code, "StoreFailed");
    assert.match(first.message, /logging in by AppRole failed at .*status 400.*check keystore.vault.approle/);
    assert.ok(!JSON.stringify([first.message, first.details]).includes("canary"));
    // Five refusals would lock the role for the right ones, too.
    for (let round = 0; round < 6; round += 1) {
      assert.equal(await failure(store.get("key", soon())), first);
      await sleep(1500);
    }
    writeFileSync(file, secret);
    await store.create("key", bytes("x"), soon());
  });

  it("a role that Vault has locked says so: right credentials are refused as well", async () => {
    const config = await fixture.config();
    assert.ok(config.login.method === "approle");
    const { id } = config.login;
    assert.ok(typeof id === "string");
    for (let times = 0; times < 5; times += 1) {
      await fixture.server.ask("PUT", "auth/approle/login", { role_id: id, secret_id: "wrong" }, "");
    }
    await using store = await openVaultKeystore(config);
    const { message } = await failure(store.get("key", soon()));
    assert.match(
      message,
      /by AppRole failed at .*status 403.*after five refused logins .*`vault read sys\/locked-users`/,
    );
  });
});

describe("logins by other means", () => {
  it("token file: a token that an agent replaces is taken up", async () => {
    const file = fixture.file("");
    const issue = async (policy: string): Promise<void> => {
      const { body } = await fixture.server.must("POST", "auth/token/create", {
        policies: [policy],
        ttl: "3s",
        renewable: false,
      });
      writeFileSync(file, `${body.auth.client_token}\n`);
    };
    const config = await withLogin(async (policy) => {
      await issue(policy);
      return { method: "token", file, namespace: undefined };
    });
    await using store = await openVaultKeystore(config);
    await store.create("key", bytes("x"), soon());
    for (let round = 0; round < 4; round += 1) {
      await issue(config.prefix);
      await sleep(1500);
      assert.deepEqual(await store.get("key", soon()), bytes("x"));
    }
  });

  it("token file: an empty file, a missing one and a token that is not valid are told apart", async () => {
    const cases = [
      { file: fixture.file(""), message: /token\.file .* holds no credential/ },
      { file: "/does/not/exist", message: /token\.file .* cannot be read: ENOENT/ },
      { file: fixture.file("hvs.canary"), message: /logging in by token file failed .*403.*put a token that is valid/ },
    ];
    for (const { file, message } of cases) {
      const config = await withLogin(async () => ({ method: "token", file, namespace: undefined }));
      await using store = await openVaultKeystore(config);
      const error = await failure(store.status(soon()));
      assert.match(error.message, message);
      assert.ok(!error.message.includes("canary"));
    }
  });

  it("Kubernetes: the service account's token is read anew at every login", async () => {
    await using reviews = await TokenReviewFake.start();
    await fixture.server.must("POST", "sys/auth/kubernetes", { type: "kubernetes" });
    await fixture.server.must("POST", "auth/kubernetes/config", {
      kubernetes_host: reviews.url,
      disable_local_ca_jwt: true,
      kubernetes_ca_cert: ca.certPem,
      token_reviewer_jwt: reviews.rotate(0),
    });
    const file = fixture.file(reviews.rotate(1));
    const config = await withLogin(async (policy) => {
      await fixture.server.must("POST", "auth/kubernetes/role/kes", {
        bound_service_account_names: ["kes"],
        bound_service_account_namespaces: ["minio"],
        audience: "vault",
        token_policies: [policy],
        token_ttl: "2s",
        token_max_ttl: "2s",
      });
      return { method: "kubernetes", engine: "kubernetes", namespace: undefined, role: "kes", jwt: { file } };
    });
    await using store = await openVaultKeystore(config);
    await store.create("key", bytes("x"), soon());
    for (let serial = 2; serial < 5; serial += 1) {
      writeFileSync(file, `${reviews.rotate(serial)}\n`);
      await sleep(2100);
      assert.deepEqual(await store.get("key", soon()), bytes("x"));
    }
    await using stranger = await openVaultKeystore({
      ...config,
      login: {
        method: "kubernetes",
        engine: "kubernetes",
        namespace: undefined,
        role: "none",
        jwt: { text: reviews.current },
      },
    });
    const error = await failure(stranger.status(soon()));
    assert.match(error.message, /logging in by Kubernetes failed .*keystore.vault.kubernetes: role/);
    assert.ok(!error.message.includes(reviews.current));
  });

  it("TLS certificate: the client certificate is the login", async () => {
    await fixture.server.must("POST", "sys/auth/cert", { type: "cert" });
    const config = await withLogin(async (policy) => {
      await fixture.server.must("POST", "auth/cert/certs/kes", { certificate: ca.certPem, token_policies: [policy] });
      return { method: "cert", engine: "cert", namespace: undefined, role: "kes" };
    });
    const endpoint = `https://127.0.0.1:${fixture.server.tlsPort}`;
    const files = { key: fixture.file(client.keyPem), cert: fixture.file(client.certPem) };
    await using store = await openVaultKeystore({
      ...config,
      endpoint,
      tls: { client: files, ca: fixture.file(ca.certPem) },
    });
    await store.create("key", bytes("x"), soon());
    assert.deepEqual(await store.get("key", soon()), bytes("x"));
  });
});

describe("TLS", () => {
  it("a CA that did not issue the certificate: unreachable, and the setting is named", async () => {
    await using store = await fixture.open(tls(fixture.file(otherCa.certPem)));
    const error = await failure(store.status(soon()));
    assert.equal(error.code, "StoreUnreachable");
    assert.match(error.message, /not trusted here; set the store's tls\.ca/);
  });

  it("a CA file that is replaced is taken up without a restart", async () => {
    const file = fixture.file(otherCa.certPem);
    await using store = await fixture.open(tls(file));
    await failure(store.status(soon()));
    writeFileSync(file, otherCa.certPem + ca.certPem);
    await sleep(600);
    await store.status(soon());
  });

  it("files that cannot be read stop the start", async () => {
    const error = await failure(fixture.open(tls("/does/not/exist.pem")));
    assert.equal(error.code, "FileUnreadable");
    assert.match(error.message, /keystore\.vault\.tls\.ca/);
  });
});
