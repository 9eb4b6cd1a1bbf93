// What was once wrong with the original and Vault, one test for each fix: against a scripted stand-in, which can be brought
// to do what went wrong. docs/reliability.md lists them in the same words.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { storeDefaults } from "../../sidecar/config/plain-sections.ts";
import type { VaultKeystoreConfig, VaultLogin } from "../../sidecar/contract/config.ts";
import { isKesError } from "../../sidecar/errors.ts";
import type { ErrorCode } from "../../sidecar/errors.ts";
import { KeyService } from "../../sidecar/keys/key-service.ts";
import { openVaultKeystore } from "../../sidecar/keystore/vault/open-vault-keystore.ts";
import type { VaultKeystore } from "../../sidecar/keystore/vault/vault-keystore.ts";
import { makeCa, makeLeaf, makeServerCertificate } from "../support/certificates.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { VaultStandIn } from "../support/vault-stand-in.ts";
import type { Reply } from "../support/vault-stand-in.ts";

const soon = () => AbortSignal.timeout(30_000);
const value = Buffer.from("value");
const folder = mkdtempSync(join(tmpdir(), "kes-upstream-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const approle: VaultLogin = { method: "approle", engine: "approle", namespace: undefined, id: "r", secret: "s" };

function open(standIn: VaultStandIn, changes: Partial<VaultKeystoreConfig> = {}): Promise<VaultKeystore> {
  return openVaultKeystore({
    type: "vault",
    endpoint: standIn.url,
    engine: "kv",
    version: "v2",
    namespace: undefined,
    prefix: "",
    login: approle,
    transit: undefined,
    tls: { client: undefined, ca: undefined },
    ...changes,
  });
}

const code =
  (expected: ErrorCode) =>
  (error: unknown): boolean =>
    isKesError(error, expected);

/** The answer to a login or renewal. */
function lease(seconds: number, { token = "t", renewable = true } = {}): Reply {
  return { status: 200, body: { auth: { client_token: token, lease_duration: seconds, renewable } } };
}

const refusal: Reply = { status: 403, body: { errors: ["permission denied"] } };
const renewals = "auth/token/renew-self";

/** Uses the store for `milliseconds`; not one call may fail. */
async function use(store: VaultKeystore, milliseconds: number): Promise<void> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(50)) await store.get("key", soon());
}

const fixes = {
  "kes#409": "a login takes the place of a renewal that does not work, before the token ends",
  "kes#428": "a token is renewed, not replaced, as long as it can be",
  "kes#431": "a server that starts, and all its callers together, need one token",
  "kes#476": "the question for Vault's health uses the store's CA and client certificate",
  "kes#481": "a token is renewed at about 80 % of its time",
  "kes#486": "a connection that died without a word is noticed, and no other call is lost to it",
  "kes#488": "a new token that a replica does not know yet is used once it does, and no other is asked for",
  "kes#491": "the service account's token is read anew at every login",
  "kes#501": "a renewal that failed is tried again soon, not after most of another life",
  "kes#504": "tokens that live for a second serve without a gap",
  "kes#511": "the question for Vault's health carries no namespace, every other call its own",
  "kes#230, kes#398": "no connection is made that asks nothing: Vault logs no broken handshakes",
  "kes#144, kes#159": "a create that Vault accepted and did not store is no key, in the cache or elsewhere",
  "operator#432": "a Kubernetes login goes to its own mount and namespace with role and token",
  "operator#1018": "a K/V engine of another version is named, and the server goes on asking",
} as const;

function fix(id: keyof typeof fixes, run: () => Promise<void>): void {
  test(`${id}: ${fixes[id]}`, run);
}

describe("what was fixed in the original", { concurrency: 8 }, () => {
  fix("kes#409", async () => {
    await using standIn = await VaultStandIn.start();
    let logins = 0;
    let valid = "";
    standIn.script = ({ path, token }) => {
      if (path === "auth/approle/login") return lease(2, { token: (valid = `t${(logins += 1)}`) });
      if (path === renewals) return { status: 500, body: { errors: ["no"] } };
      return path.startsWith("kv/") && token !== valid ? refusal : undefined;
    };
    await using store = await open(standIn);
    await store.create("key", value, soon());
    await use(store, 5500);
    assert.ok(logins >= 3 && logins <= 6, String(logins));
  });

  fix("kes#428", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => (path === "auth/approle/login" || path === renewals ? lease(5) : undefined);
    await using store = await open(standIn);
    await store.create("key", value, soon());
    await use(store, 11_000);
    assert.equal(standIn.count("auth/approle/login"), 1);
    assert.ok(standIn.count(renewals) >= 2 && standIn.count(renewals) <= 4, String(standIn.count(renewals)));
  });

  fix("kes#431", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => (path === "auth/approle/login" ? lease(3600) : undefined);
    await using store = await open(standIn);
    const calls = Array.from({ length: 50 }, (_, at) => store.create(`key-${at}`, value, soon()));
    await Promise.all([...calls, store.status(soon()), store.list("", soon())]);
    await store.status(soon());
    assert.equal(standIn.count("auth/"), 1);
  });

  fix("kes#476", async () => {
    const ca = await makeCa();
    const [server, client] = [await makeServerCertificate(ca), await makeLeaf({ issuer: ca, cn: "kes" })];
    const files = { ca: ca.certPem, cert: client.certPem, key: client.keyPem };
    const paths = Object.fromEntries(Object.keys(files).map((name) => [name, join(folder, name)]));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { ca: caFile = "", cert = "", key = "" } = paths;
    const listener = { cert: server.certPem, key: server.keyPem, ca: ca.certPem };
    await using standIn = await VaultStandIn.start({ ...listener, requestCert: true, rejectUnauthorized: true });
    await using store = await open(standIn, { tls: { client: { cert, key }, ca: caFile } });
    await store.status(soon());
    await using anonymous = await open(standIn, { tls: { client: undefined, ca: caFile } });
    await assert.rejects(anonymous.status(soon()), code("StoreUnreachable"));
  });

  fix("kes#481", async () => {
    await using standIn = await VaultStandIn.start();
    const given: number[] = [];
    const renewed: number[] = [];
    standIn.script = ({ path }) => {
      const times = { "auth/approle/login": given, [renewals]: renewed }[path];
      times?.push(performance.now());
      return times && lease(10);
    };
    await using store = await open(standIn);
    await store.create("key", value, soon());
    const [since = 0] = given;
    while (renewed.length === 0 && performance.now() - since < 11_000) await sleep(10);
    const share = ((renewed[0] ?? Infinity) - since) / 10_000;
    assert.ok(share > 0.7 && share < 0.95, String(share));
  });

  fix("kes#486", async () => {
    await using standIn = await VaultStandIn.start();
    await using proxy = await TcpProxy.open(Number(new URL(standIn.url).port));
    await using store = await open(standIn, { endpoint: `http://127.0.0.1:${proxy.port}` });
    await store.create("key", value, soon());
    proxy.fault = "hold";
    const started = performance.now();
    await assert.rejects(store.get("key", soon()), code("StoreUnreachable"));
    assert.ok(performance.now() - started < 10_000);
    proxy.fault = "pass";
    assert.deepEqual(await store.get("key", AbortSignal.timeout(1000)), value);
  });

  fix("kes#488", async () => {
    await using standIn = await VaultStandIn.start();
    let unknown = 5;
    standIn.script = ({ token }) => (token !== undefined && unknown-- > 0 ? refusal : undefined);
    await using store = await open(standIn);
    await store.create("key", value, soon());
    assert.equal(standIn.count("auth/approle/login"), 1);
  });

  fix("kes#491", async () => {
    const file = join(folder, "jwt");
    writeFileSync(file, "jwt-1\n");
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => (path.endsWith("/login") ? lease(1, { renewable: false }) : undefined);
    const login: VaultLogin = {
      method: "kubernetes",
      engine: "kubernetes",
      namespace: undefined,
      role: "r",
      jwt: { file },
    };
    await using store = await open(standIn, { login });
    await store.create("key", value, soon());
    writeFileSync(file, "jwt-2");
    await use(store, 2000);
    const sent = standIn.asked.flatMap(({ path, body }) =>
      path.endsWith("/login") ? [(body as { jwt: string }).jwt] : [],
    );
    assert.deepEqual([...new Set(sent)], ["jwt-1", "jwt-2"]);
  });

  fix("kes#501", async () => {
    await using standIn = await VaultStandIn.start();
    const logins: number[] = [];
    standIn.script = ({ path }) => {
      if (path !== "auth/approle/login") return undefined;
      logins.push(performance.now());
      return logins.length === 2 ? { status: 500, body: { errors: ["no"] } } : lease(14, { renewable: false });
    };
    await using store = await open(standIn);
    await store.create("key", value, soon());
    for (const end = Date.now() + 17_000; logins.length < 3 && Date.now() < end; await sleep(20));
    const [first = 0, second = 0, third = Infinity] = logins;
    assert.ok(third - second < 2000, `tried again after ${third - second} ms`);
    assert.ok(third - first < 14_000, "before the first token ended");
  });

  fix("kes#504", async () => {
    await using standIn = await VaultStandIn.start();
    const ends = new Map<string, number>();
    standIn.script = ({ path, token }) => {
      if (path === "auth/approle/login") {
        const given = `t${ends.size}`;
        ends.set(given, Date.now() + 1000);
        return lease(1, { token: given, renewable: false });
      }
      const isKnown = Date.now() < (ends.get(token ?? "") ?? 0);
      return path.startsWith("kv/") && !isKnown ? refusal : undefined;
    };
    await using store = await open(standIn);
    await store.create("key", value, soon());
    await use(store, 4000);
  });

  fix("kes#511", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn, { namespace: "team/a", login: { ...approle, namespace: "team/b" } });
    await store.create("key", value, soon());
    const seen = new Set(standIn.asked.map(({ path, namespace = "none" }) => `${path.split("/")[0]}: ${namespace}`));
    const health = standIn.asked.filter(({ path }) => path.startsWith("sys/health"));
    assert.ok(health.length > 0 && health.every(({ namespace }) => namespace === undefined));
    assert.ok(seen.has("auth: team/b") && seen.has("kv: team/a"), [...seen].join(", "));
  });

  fix("kes#230, kes#398", async () => {
    const ca = await makeCa();
    const { certPem: cert, keyPem: key } = await makeServerCertificate(ca);
    const file = join(folder, "ca-of-230");
    writeFileSync(file, ca.certPem);
    await using standIn = await VaultStandIn.start({ cert, key });
    await using store = await open(standIn, { tls: { client: undefined, ca: file } });
    for (let round = 0; round < 5; round += 1) await store.status(soon());
    assert.ok(standIn.connections.size > 0);
    assert.equal(standIn.connections.size, standIn.used.size);
  });

  fix("kes#144, kes#159", async () => {
    await using standIn = await VaultStandIn.start();
    const stored: Reply = { status: 200, body: { data: { version: 1 } } };
    standIn.script = ({ method, path }) => (method === "PUT" && path.startsWith("kv/") ? stored : undefined);
    const policy = { ...storeDefaults, requireAtomicCreate: true };
    const cache = { any: 300_000, unused: 0, offline: 60_000 };
    await using keys = new KeyService({ store: await open(standIn), cache, policy });
    await assert.rejects(keys.create("key", { createdBy: "" }, soon()), code("CreateNotConfirmed"));
    await assert.rejects(
      Promise.try(() => keys.generate("key", Buffer.alloc(0), soon)),
      code("KeyNotFound"),
    );
  });

  fix("operator#432", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => (path === "auth/clusters/one/login" ? lease(3600) : undefined);
    const jwt = { text: "the-token" };
    const login: VaultLogin = { method: "kubernetes", engine: "clusters/one", namespace: "team", role: "kes", jwt };
    await using store = await open(standIn, { login });
    await store.create("key", value, soon());
    const asked = standIn.asked.find(({ path }) => path.startsWith("auth/"));
    assert.deepEqual(asked?.body, { role: "kes", jwt: "the-token" });
    assert.deepEqual([asked?.method, asked?.path, asked?.namespace], ["PUT", "auth/clusters/one/login", "team"]);
  });

  fix("operator#1018", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) =>
      path === "sys/internal/ui/mounts/kv"
        ? { status: 200, body: { data: { type: "kv", options: { version: "1" } } } }
        : undefined;
    await using store = await open(standIn);
    for (let round = 0; round < 2; round += 1) {
      await assert.rejects(store.status(soon()), /the engine kv is K\/V version 1 but .*version is v2; set it to v1/);
    }
    assert.equal(standIn.count("kv/data"), 0);
    standIn.script = () => undefined;
    await store.status(soon());
  });
});

test("docs/reliability.md lists every fix in these words", () => {
  const page = readFileSync(new URL("../../docs/reliability.md", import.meta.url), "utf8");
  const missing = Object.entries(fixes).filter(([id, words]) => !page.includes(`| ${id} | ${words} |`));
  assert.deepEqual(missing, []);
});
