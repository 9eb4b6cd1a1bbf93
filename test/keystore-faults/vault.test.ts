// The Vault store against a scripted stand-in: what the real Vault of test/real cannot be brought to do.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultKeystoreConfig } from "../../sidecar/contract/config.ts";
import { isKesError } from "../../sidecar/errors.ts";
import type { KesError } from "../../sidecar/errors.ts";
import { openVaultKeystore } from "../../sidecar/keystore/vault/open-vault-keystore.ts";
import type { VaultKeystore } from "../../sidecar/keystore/vault/vault-keystore.ts";
import { VaultStandIn } from "../support/vault-stand-in.ts";
import type { Reply } from "../support/vault-stand-in.ts";

const soon = () => AbortSignal.timeout(20_000);
const bytes = (text: string) => Buffer.from(text);
const login = {
  method: "approle",
  engine: "approle",
  namespace: undefined,
  id: "role",
  secret: "canary-secret",
} as const;

function open(standIn: VaultStandIn, changes: Partial<VaultKeystoreConfig> = {}): Promise<VaultKeystore> {
  return openVaultKeystore({
    type: "vault",
    endpoint: standIn.url,
    engine: "kv",
    version: "v2",
    namespace: undefined,
    prefix: "",
    login,
    transit: undefined,
    tls: { client: undefined, ca: undefined },
    ...changes,
  });
}

async function failure(call: Promise<unknown>): Promise<KesError> {
  const outcome: unknown = await call.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  if (isKesError(outcome)) return outcome;
  throw new Error("a KesError was expected", { cause: outcome });
}

describe("namespaces", () => {
  const cases = [
    { store: "team/a", auth: "team/a" },
    { store: "team/a", auth: undefined },
    { store: undefined, auth: "team/b" },
  ];
  for (const { store: namespace, auth } of cases) {
    it(`store in ${namespace ?? "the root"}, login in ${auth ?? "the root"}, health in the root`, async () => {
      await using standIn = await VaultStandIn.start();
      await using store = await open(standIn, { namespace, login: { ...login, namespace: auth } });
      await store.create("key", bytes("x"), soon());
      for (const asked of standIn.asked) {
        if (asked.path.startsWith("sys/health")) assert.equal(asked.namespace, undefined);
        else assert.equal(asked.namespace, asked.path.startsWith("auth/") ? auth : namespace, asked.path);
      }
    });
  }
});

describe("keys inside the transit engine", () => {
  const transit = { engine: "transit", key: "kes", mode: "remote" } as const;
  const context = Buffer.alloc(32);
  const encrypted = { status: 200, body: { data: { ciphertext: "vault:v1:AAAA" } } };

  it("nothing is made with a transit key that opens whatever the context", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => {
      if (path.startsWith("transit/encrypt")) return encrypted;
      return path.startsWith("transit/decrypt") ? { status: 200, body: { data: { plaintext: "a2Vz" } } } : undefined;
    };
    await using store = await open(standIn, { transit });
    const keyring = store.keyring;
    assert.ok(keyring);
    for (const call of [() => store.status(soon()), () => keyring.dataKey(context, soon())]) {
      assert.match((await failure(call())).message, /transit\/kes is not derived/);
    }
    assert.equal(standIn.count("transit/datakey"), 0);
  });

  it("nothing is made with a transit key that does not open what it made", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => {
      if (path.startsWith("transit/encrypt")) return encrypted;
      return path.startsWith("transit/decrypt") ? { status: 400, body: { errors: ["no"] } } : undefined;
    };
    await using store = await open(standIn, { transit });
    assert.match((await failure(store.status(soon()))).message, /does not open what it sealed/);
  });

  const senseless = [{}, { plaintext: "AAAA", ciphertext: "vault:v1:AAAA" }, { plaintext: "A".repeat(43) + "=" }];
  for (const data of senseless) {
    it(`an answer of ${JSON.stringify(data)} is no data key`, async () => {
      await using standIn = await VaultStandIn.start();
      const refused = new Set<unknown>();
      standIn.script = ({ path, body }) => {
        if (path.startsWith("transit/datakey")) return { status: 200, body: { data } };
        if (path.startsWith("transit/encrypt")) return encrypted;
        if (!path.startsWith("transit/decrypt")) return undefined;
        refused.add((body as { context: string }).context);
        return refused.size === 1 ? { status: 200, body: { data: { plaintext: "a2Vz" } } } : { status: 400 };
      };
      await using store = await open(standIn, { transit });
      const error = await failure(store.keyring?.dataKey(context, soon()) ?? Promise.resolve());
      assert.match(error.message, /the answer holds no data key/);
    });
  }

  it("what is no ciphertext of Vault is refused without asking it", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn, { transit });
    for (const text of ["", "vault:", "vault:v0:x", "vault:v1x", "Vault:v1:x"]) {
      const call = store.keyring?.decrypt(Buffer.from(text), context, soon()) ?? Promise.resolve();
      assert.equal((await failure(call)).code, "DecryptFailed");
    }
    assert.equal(standIn.count("transit/"), 0);
  });
});

describe("states of a server", () => {
  const states = [
    { health: { standby: true }, serves: true },
    { health: { standby: true, performance_standby: true }, serves: true },
    { health: { sealed: true }, code: "StoreUnreachable", message: /Vault is sealed; unseal it/ },
    { health: { initialized: false, sealed: true }, code: "StoreUnreachable", message: /not initialised/ },
    { health: { standby: true, replication_dr_mode: "secondary" }, code: "StoreFailed", message: /disaster recovery/ },
    { health: { initialized: "yes" }, code: "StoreFailed", message: /check that the endpoint is Vault itself/ },
  ] as const;
  for (const state of states) {
    it(`${JSON.stringify(state.health)}: ${"serves" in state ? "serves" : state.code}`, async () => {
      await using standIn = await VaultStandIn.start();
      standIn.health = state.health;
      await using store = await open(standIn);
      if ("serves" in state) {
        await store.status(soon());
        return;
      }
      const error = await failure(store.status(soon()));
      assert.equal(error.code, state.code);
      assert.match(error.message, state.message);
      assert.equal(standIn.count("auth/"), 0);
    });
  }

  it("a standby without an active server cannot serve", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.health = { standby: true };
    standIn.script = ({ path }) => (path === "sys/leader" ? { status: 200, body: { leader_address: "" } } : undefined);
    await using store = await open(standIn);
    const error = await failure(store.status(soon()));
    assert.equal(error.code, "StoreUnreachable");
    assert.match(error.message, /knows no active server/);
  });

  const byStatus = [
    { status: 200, serves: true },
    { status: 429, serves: true },
    { status: 473, serves: true },
    { status: 472, serves: false },
    { status: 501, serves: false },
    { status: 503, serves: false },
    { status: 404, serves: false },
  ];
  for (const { status, serves } of byStatus) {
    it(`health answered with ${status} and no body: ${serves ? "serves" : "does not serve"}`, async () => {
      await using standIn = await VaultStandIn.start();
      standIn.script = ({ path }) => (path.startsWith("sys/health") ? { status } : undefined);
      await using store = await open(standIn);
      if (serves) await store.status(soon());
      else await failure(store.status(soon()));
    });
  }

  it("no login is sent to a sealed server, however often it is asked for keys; one when it is unsealed", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.health = { sealed: true };
    await using store = await open(standIn);
    for (let round = 0; round < 20; round += 1) await failure(store.get("key", soon()));
    assert.equal(standIn.count("auth/"), 0);
    assert.ok(standIn.count("sys/health") <= 5, String(standIn.count("sys/health")));
    standIn.health = {};
    await sleep(600);
    await Promise.all(Array.from({ length: 20 }, (_, at) => store.create(`key-${at}`, bytes("x"), soon())));
    assert.equal(standIn.count("auth/"), 1);
  });

  it("refused logins come with growing pauses", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => (path.startsWith("auth/") ? { status: 403, body: { errors: ["no"] } } : undefined);
    await using store = await open(standIn);
    await failures(store, 4000);
    assert.ok(standIn.count("auth/") >= 2 && standIn.count("auth/") <= 4, String(standIn.count("auth/")));
  });

  it("a role id and a secret id that are wrong are sent once, lest Vault locks the role", async () => {
    await using standIn = await VaultStandIn.start();
    standIn.script = ({ path }) => (path.startsWith("auth/") ? { status: 400, body: { errors: ["no"] } } : undefined);
    await using store = await open(standIn);
    await failures(store, 4000);
    assert.equal(standIn.count("auth/"), 1);
  });
});

/** Reads a key, in vain, again and again. */
async function failures(store: VaultKeystore, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds;
  while (Date.now() < end) {
    await failure(store.get("key", soon()));
    await sleep(20);
  }
}

describe("replicas that lag behind", () => {
  it("a key that was just created is asked for again until the replica has it", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn);
    await store.create("key", bytes("x"), soon());
    let misses = 4;
    standIn.script = ({ path }) => {
      if (!path.startsWith("kv/data/key") || misses === 0) return undefined;
      misses -= 1;
      return { status: 404, body: { errors: [] } };
    };
    assert.deepEqual(await store.get("key", soon()), bytes("x"));
    assert.equal((await failure(store.get("other", soon()))).code, "KeyNotFound");
  });

  it("reads carry the place of the last write, and 412 is asked again", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn);
    standIn.script = ({ method }) =>
      method === "PUT"
        ? {
            status: 200,
            body: { data: { version: 1 }, auth: { client_token: "t" } },
            headers: { "X-Vault-Index": "v1:42" },
          }
        : undefined;
    await store.create("key", bytes("x"), soon());
    let behind = 3;
    standIn.entries.set("kv/data/key", { key: "x" });
    standIn.script = () =>
      behind-- > 0 ? { status: 412, body: { errors: ["required index state not present"] } } : undefined;
    assert.deepEqual(await store.get("key", soon()), bytes("x"));
    assert.equal(standIn.asked.at(-1)?.index, "v1:42");
  });

  it("a fresh token that a replica does not know yet is not thrown away", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn);
    let unknown = 6;
    standIn.script = ({ token }) =>
      token !== undefined && unknown-- > 0 ? { status: 403, body: { errors: ["permission denied"] } } : undefined;
    await store.create("key", bytes("x"), soon());
    assert.equal(standIn.count("auth/approle"), 1);
  });
});

describe("answers that are not what they seem", () => {
  const odd: { name: string; reply: Reply; message: RegExp }[] = [
    {
      name: "404 of a load balancer",
      reply: { status: 404, body: "<html>not found</html>" },
      message: /status 404; check/,
    },
    {
      name: "404 with JSON of something else",
      reply: { status: 404, body: { message: "no" } },
      message: /status 404; check/,
    },
    { name: "200 without a body", reply: { status: 200 }, message: /the answer holds no version/ },
    {
      name: "200 with a web page",
      reply: { status: 200, body: "<html></html>" },
      message: /the answer holds no version/,
    },
    { name: "200 cut short", reply: { status: 200, body: '{"data":{"data"' }, message: /the answer holds no version/ },
    {
      name: "429",
      reply: { status: 429, body: { errors: ["quota exceeded"] } },
      message: /status 429 \(quota exceeded\); a rate limit/,
    },
    {
      name: "500",
      reply: { status: 500, body: { errors: ["1 error:\n\t* boom\n"] } },
      message: /status 500 \(1 error: \* boom ?\); see Vault's log/,
    },
  ];
  for (const { name, reply, message } of odd) {
    it(`${name}: a failure, never "no such key"`, async () => {
      await using standIn = await VaultStandIn.start();
      standIn.entries.set("kv/data/key", { key: "x" });
      await using store = await open(standIn);
      standIn.script = ({ path }) => (path.startsWith("kv/") ? reply : undefined);
      const error = await failure(store.get("key", soon()));
      assert.equal(error.code, "StoreFailed");
      assert.match(error.message, message);
      assert.match(error.message, /reading key key failed at Hashicorp Vault: http/);
    });
  }

  it("a create that is answered without a version did not happen as far as we know", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn);
    standIn.script = ({ method, path }) => (method === "PUT" && path.startsWith("kv/") ? { status: 204 } : undefined);
    assert.match((await failure(store.create("key", bytes("x"), soon()))).message, /the mount may be of version 1/);
  });

  it("one failure of the server is tried again", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn);
    let failures = 1;
    standIn.script = ({ path }) =>
      path.startsWith("kv/") && failures-- > 0 ? { status: 500, body: { errors: [] } } : undefined;
    await store.create("key", bytes("x"), soon());
  });

  it("an answer larger than any key is refused", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn);
    standIn.script = ({ path }) => (path.startsWith("kv/") ? { status: 200, body: "x".repeat(5_000_000) } : undefined);
    assert.match((await failure(store.get("key", soon()))).message, /larger than/);
  });

  it("a server that repeats our secrets in its errors does not bring them into ours", async () => {
    await using standIn = await VaultStandIn.start();
    await using store = await open(standIn);
    standIn.script = ({ path, token, body }) =>
      path.startsWith("kv/") || path.startsWith("auth/")
        ? { status: 418, body: { errors: [`${token} ${JSON.stringify(body)}`] } }
        : undefined;
    const refusedLogin = await failure(store.get("key", soon()));
    assert.ok(!refusedLogin.message.includes("canary"), refusedLogin.message);
    standIn.script = ({ path, token, body }) =>
      path.startsWith("kv/") ? { status: 418, body: { errors: [`${token} ${JSON.stringify(body)}`] } } : undefined;
    await sleep(1300);
    const error = await failure(store.create("key", bytes("canary-value"), soon()));
    assert.match(error.message, /status 418 \(\[redacted\]/);
    assert.ok(!/canary|hvs\./.test(error.message), error.message);
  });

  it("a redirect of a standby is followed once, and never from TLS to plain HTTP", async () => {
    await using active = await VaultStandIn.start();
    await using standby = await VaultStandIn.start();
    standby.script = ({ path }) =>
      path.startsWith("kv/") ? { status: 307, headers: { Location: `${active.url}/v1/${path}` } } : undefined;
    await using store = await open(standby);
    await store.create("key", bytes("x"), soon());
    assert.deepEqual(await store.get("key", soon()), bytes("x"));
    assert.deepEqual([...active.entries.keys()], ["kv/data/key"]);
    active.script = ({ path }) => ({ status: 307, headers: { Location: `${active.url}/v1/${path}` } });
    assert.match((await failure(store.get("key", soon()))).message, /status 307/);
  });
});
