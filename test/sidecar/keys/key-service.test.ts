import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import type { CacheConfig, StoreConfig } from "../../../sidecar/contract/config.ts";
import { isKesError } from "../../../sidecar/errors.ts";
import type { ErrorCode } from "../../../sidecar/errors.ts";
import { encodeStoredKey } from "../../../sidecar/keys/encoding.ts";
import type { KeyEvent } from "../../../sidecar/keys/key-event.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import { Key, newKey } from "../../../sidecar/keys/key.ts";
import { warmUp } from "../../../sidecar/keys/warm-up.ts";
import { Secret } from "../../../sidecar/secret.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { dead, failing, failingAfter, gated, hanging, ScriptedKeystore } from "../../support/scripted-keystore.ts";
import type { Step } from "../../support/scripted-keystore.ts";
import { vectors } from "./fixture.ts";

const policy: StoreConfig = storeDefaults;
const cache: CacheConfig = { any: 300_000, unused: 30_000, offline: 0 };
const none = Buffer.alloc(0);
const origin = { createdBy: "someone" };
const never = new AbortController().signal;
const signal = (): AbortSignal => never;
const code =
  (expected: ErrorCode) =>
  (error: unknown): boolean =>
    isKesError(error, expected);

const refuse = (): AbortSignal => assert.fail("no signal is needed");

interface Setup {
  readonly cache?: Partial<CacheConfig>;
  readonly policy?: Partial<StoreConfig>;
}

class Fixture implements AsyncDisposable {
  readonly store = new ScriptedKeystore();
  readonly clock = new FakeClock();
  readonly events: KeyEvent[] = [];
  readonly keys: KeyService;

  constructor(setup: Setup = {}) {
    this.keys = new KeyService({
      store: this.store,
      cache: { ...cache, ...setup.cache },
      policy: { ...policy, ...setup.policy },
      onEvent: (event) => this.events.push(event),
      clock: this.clock,
      chance: () => 0.5,
    });
  }

  /** Puts a key into the store behind the service's back. */
  put(name: string): void {
    const key = newKey({ cipher: "AES256", createdAt: "2026-01-01T00:00:00Z", createdBy: "" });
    this.store.values.set(name, encodeStoredKey(key));
  }

  async use(name = "key"): Promise<string> {
    const { fingerprint } = await this.keys.get(name, signal);
    return fingerprint;
  }

  kinds(): string[] {
    return this.events.map(({ kind }) => kind).filter((kind) => kind !== "store-call");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.keys[Symbol.asyncDispose]();
  }
}

describe("creating keys", () => {
  test("a created key can be described, used and is what the store holds", async () => {
    await using f = new Fixture();
    await f.keys.create("key", origin, never);
    const description = await f.keys.describe("key", never);
    assert.deepEqual(
      { ...description, fingerprint: description.fingerprint.length },
      {
        name: "key",
        algorithm: "AES256",
        createdAt: "2026-01-02T03:04:05.678Z",
        createdBy: "someone",
        fingerprint: 16,
      },
    );
    const { plaintext, ciphertext } = await f.keys.generate("key", Buffer.from("context"), signal);
    assert.equal(plaintext.length, 32);
    assert.deepEqual(await f.keys.decrypt("key", ciphertext, Buffer.from("context"), signal), plaintext);
    const sealed = await f.keys.encrypt("key", Buffer.from("text"), none, signal);
    assert.equal((await f.keys.decrypt("key", sealed, none, signal)).toString(), "text");
    assert.equal((await f.keys.hmac("key", none, signal)).length, 32);
  });

  test("a created key is not cached: its first use reads the store", async () => {
    await using f = new Fixture();
    await f.keys.create("key", origin, never);
    const reads = f.store.count("get");
    await f.use();
    assert.equal(f.store.count("get"), reads + 1);
  });

  test("a key that is created after another server deleted its name replaces the cached one", async () => {
    for (const made of ["create", "import"] as const) {
      await using f = new Fixture();
      await f.keys.create("key", origin, never);
      const former = await f.keys.describe("key", never);
      f.store.values.delete("key");
      if (made === "create") await f.keys.create("key", origin, never);
      else await f.keys.import("key", Secret.random(32), origin, never);
      assert.notEqual((await f.keys.describe("key", never)).fingerprint, former.fingerprint, made);
    }
  });

  test("an imported key has the given secret and cipher and a fresh HMAC key; the given secret is wiped", async () => {
    await using f = new Fixture();
    const bytes = Buffer.from(vectors.secret, "hex");
    const secret = Secret.copyOf(bytes);
    await f.keys.import("key", secret, { createdBy: "", cipher: "ChaCha20" }, never);
    const key = await f.keys.get("key", signal);
    assert.ok(key instanceof Key);
    assert.equal(key.cipher, "ChaCha20");
    assert.deepEqual(key.secret.reveal(), bytes);
    assert.notDeepEqual(key.hmac?.reveal(), bytes);
    assert.deepEqual(secret.reveal(), Buffer.alloc(32));
    await assert.rejects(f.keys.import("other", Secret.random(16), origin, never), code("KeySizeInvalid"));
    assert.equal(f.store.values.size, 1);
  });

  test("of many concurrent creates of one name exactly one succeeds, and its key stays", async () => {
    await using f = new Fixture();
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => f.keys.create("key", origin, never)));
    const failed = results.filter((result) => result.status === "rejected");
    assert.equal(failed.length, 19);
    assert.ok(failed.every(({ reason }) => isKesError(reason, "KeyExists")));
    assert.equal(f.store.values.size, 1);
  });

  test("even on a store that checks first and overwrites later, concurrent creates here do not overwrite", async () => {
    await using f = new Fixture();
    const careless: Step = async (effect) => {
      if (f.store.values.has("key")) return failing("KeyExists")(effect, never);
      await settle();
      f.store.values.delete("key");
      return effect();
    };
    f.store.always(careless, "create");
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => f.keys.create("key", origin, never)));
    const failed = results.filter((result) => result.status === "rejected");
    assert.equal(failed.length, 4);
    assert.ok(failed.every(({ reason }) => isKesError(reason, "KeyExists")));
  });

  const faults = [
    { what: "fails before the write", step: failing("StoreUnreachable"), result: "StoreUnreachable", stored: false },
    { what: "fails after the write", step: failingAfter("StoreUnreachable"), result: "ok", stored: true },
    { what: "answers with an error after the write", step: failingAfter("StoreFailed"), result: "ok", stored: true },
    { what: "says exists though it was its own write", step: failingAfter("KeyExists"), result: "ok", stored: true },
    {
      what: "loses the write but says done",
      step: () => Promise.resolve(),
      result: "CreateNotConfirmed",
      stored: false,
    },
  ] as const;
  for (const { what, step, result, stored } of faults) {
    test(`a create that ${what}: ${result}`, async () => {
      await using f = new Fixture();
      f.store.once("create", step);
      const outcome = f.keys.create("key", origin, never);
      await (result === "ok" ? outcome : assert.rejects(outcome, code(result)));
      assert.equal(f.store.values.has("key"), stored);
    });
  }

  test("a create that times out after another server's write: KeyExists, and the other key stays", async () => {
    await using f = new Fixture();
    f.store.once("create", async (_, aborted) => {
      f.put("key");
      await hanging(() => undefined, aborted);
    });
    const rejected = assert.rejects(f.keys.create("key", origin, never), code("KeyExists"));
    await f.clock.advance(10_000);
    await rejected;
  });

  test("a create that never settles fails at its deadline as unreachable", async () => {
    await using f = new Fixture();
    f.store.once("create", dead);
    const rejected = assert.rejects(f.keys.create("key", origin, never), code("StoreUnreachable"));
    await f.clock.advance(10_000);
    await rejected;
  });

  test("a store that returns other bytes than were written: CreateNotConfirmed", async () => {
    await using f = new Fixture();
    f.put("other");
    f.store.once("get", () => Promise.resolve(f.store.values.get("other")));
    await assert.rejects(f.keys.create("key", origin, never), code("CreateNotConfirmed"));
  });

  test("a read-back that fails is not a success", async () => {
    await using f = new Fixture();
    f.store.once("get", failing("StoreFailed"));
    await assert.rejects(f.keys.create("key", origin, never), code("StoreFailed"));
  });

  test("what a store throws that is no KesError becomes StoreFailed", async () => {
    await using f = new Fixture();
    f.store.once("list", () => Promise.reject(new TypeError("odd")));
    await assert.rejects(
      f.keys.list("", {}, never),
      (error) => isKesError(error, "StoreFailed") && /odd/.test(error.message),
    );
  });

  test("where atomic creates are demanded a store without them gets none", async () => {
    await using f = new Fixture({ policy: { requireAtomicCreate: true } });
    f.store.atomicCreate = false;
    await assert.rejects(f.keys.create("key", origin, never), code("CreateNotAtomic"));
    await assert.rejects(f.keys.import("key", Secret.random(32), origin, never), code("CreateNotAtomic"));
    assert.equal(f.store.calls.length, 0);
    f.store.atomicCreate = true;
    await f.keys.create("key", origin, never);
  });

  test("a client that leaves ends the wait, and what was written is still confirmed", async () => {
    await using f = new Fixture();
    const client = new AbortController();
    f.store.once("create", hanging);
    const rejected = assert.rejects(f.keys.create("key", origin, client.signal), code("StoreUnreachable"));
    await settle();
    client.abort();
    await rejected;
    assert.equal(f.keys.offline, false);
  });
});

describe("predefined keys", () => {
  test("a missing one is created once, an existing one is left alone", async () => {
    await using f = new Fixture();
    const first = await f.keys.ensure("key", origin, never);
    assert.deepEqual(await f.keys.ensure("key", origin, never), first);
    assert.equal(f.store.count("create"), 1);
  });

  test("one that another server creates meanwhile is taken as it is", async () => {
    await using f = new Fixture();
    f.store.once("create", async () => {
      f.put("key");
      await failing("KeyExists")(() => undefined, never);
    });
    assert.equal((await f.keys.ensure("key", origin, never)).createdBy, "");
  });

  test("with an expected fingerprint a missing key is never created and another key is refused", async () => {
    await using f = new Fixture();
    const fingerprint = "0123456789abcdef";
    await assert.rejects(f.keys.ensure("key", { ...origin, fingerprint }, never), code("KeyMissing"));
    assert.equal(f.store.count("create"), 0);
    f.put("key");
    await assert.rejects(f.keys.ensure("key", { ...origin, fingerprint }, never), code("KeyChanged"));
    const actual = await f.use();
    assert.equal((await f.keys.ensure("key", { ...origin, fingerprint: actual }, never)).fingerprint, actual);
  });

  test("a store that cannot answer is no reason to create", async () => {
    await using f = new Fixture();
    f.store.once("get", failing("StoreFailed"));
    await assert.rejects(f.keys.ensure("key", origin, never), code("StoreFailed"));
    f.store.once("create", failing("StoreFailed"));
    await assert.rejects(f.keys.ensure("key", origin, never), code("StoreFailed"));
    assert.equal(f.store.values.size, 0);
  });
});

describe("the cache", () => {
  test("a cached key is used without a promise and without the store", async () => {
    await using f = new Fixture();
    f.put("key");
    await f.use();
    assert.ok(!(f.keys.get("key", refuse) instanceof Promise));
    const made = f.keys.generate("key", none, refuse);
    assert.ok(!(made instanceof Promise));
    const opened = f.keys.decrypt("key", made.ciphertext, none, refuse);
    assert.deepEqual(opened, made.plaintext);
    assert.ok(Buffer.isBuffer(f.keys.encrypt("key", none, none, refuse)));
    assert.ok(Buffer.isBuffer(f.keys.hmac("key", none, refuse)));
    assert.ok(!(f.keys.describe("key", never) instanceof Promise));
    assert.equal(f.store.count("get"), 1);
    assert.deepEqual([f.keys.stats().hits, f.keys.stats().misses, f.keys.stats().loads], [6, 1, 1]);
  });

  test("a thousand concurrent uses of one key are one read", async () => {
    await using f = new Fixture();
    f.put("key");
    const prints = await Promise.all(Array.from({ length: 1000 }, () => f.use()));
    assert.equal(new Set(prints).size, 1);
    assert.equal(f.store.count("get"), 1);
  });

  test("an error is shared by all who wait and by nobody after", async () => {
    await using f = new Fixture();
    f.put("key");
    f.store.once("get", failing("StoreFailed"));
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => f.use()));
    assert.ok(results.every((result) => result.status === "rejected" && isKesError(result.reason, "StoreFailed")));
    assert.equal(f.store.count("get"), 1);
    await f.use();
    assert.equal(f.keys.stats().loadErrors, 1);
  });

  test("one who leaves does not end the read for the others", async () => {
    await using f = new Fixture();
    f.put("key");
    const gate = gated();
    f.store.once("get", gate.step);
    const client = new AbortController();
    const left = assert.rejects(Promise.resolve(f.keys.get("key", () => client.signal)), code("StoreUnreachable"));
    const stayed = f.use();
    await settle();
    client.abort();
    await left;
    await assert.rejects(Promise.resolve(f.keys.get("key", () => client.signal)), code("StoreUnreachable"));
    gate.release();
    await stayed;
    assert.equal(f.store.count("get"), 1);
    assert.equal(f.keys.offline, false);
  });

  test("not-found is never cached", async () => {
    await using f = new Fixture();
    await assert.rejects(f.use(), code("KeyNotFound"));
    f.put("key");
    await f.use();
  });

  test("what the store holds and no one can read is KeyCorrupt and names the key", async () => {
    await using f = new Fixture();
    f.store.values.set("key", Buffer.from("garbage"));
    await assert.rejects(f.use(), (error) => isKesError(error, "KeyCorrupt") && error.message.includes("'key'"));
    assert.equal(f.keys.stats().size, 0);
  });

  test("`any`: a key is read again once it is that old, however much it is used", async () => {
    await using f = new Fixture({ cache: { any: 60_000, unused: 0 } });
    f.put("key");
    for (let second = 0; second < 59; second += 1) {
      await f.use();
      await f.clock.advance(1000);
    }
    assert.equal(f.store.count("get"), 1);
    await f.clock.advance(1000);
    await f.use();
    assert.equal(f.store.count("get"), 2);
    await f.clock.advance(200_000);
    assert.equal(f.keys.stats().size, 0);
  });

  test("`unused`: an idle key goes within unused/2 to unused, a used one stays", async () => {
    await using f = new Fixture({ cache: { any: 0, unused: 30_000 } });
    f.put("idle");
    f.put("busy");
    await f.clock.advance(7000);
    await f.use("idle");
    for (let second = 0; second < 14; second += 1) {
      await f.use("busy");
      await f.clock.advance(1000);
    }
    assert.equal(f.keys.stats().size, 2);
    for (let second = 14; second < 31; second += 1) {
      await f.use("busy");
      await f.clock.advance(1000);
    }
    assert.equal(f.keys.stats().size, 1);
    await f.use("busy");
    assert.equal(f.store.count("get"), 2);
  });

  test("a reload of the configuration applies to keys in memory", async () => {
    await using f = new Fixture({ cache: { any: 0, unused: 0 } });
    f.put("key");
    await f.use();
    await f.clock.advance(100_000);
    f.keys.reconfigure({ any: 60_000, unused: 0, offline: 0 }, { ...policy, requireAtomicCreate: true });
    await f.use();
    assert.equal(f.store.count("get"), 2);
    f.store.atomicCreate = false;
    await assert.rejects(f.keys.create("new", origin, never), code("CreateNotAtomic"));
  });

  test("a key that another server replaced is noticed when it is read again", async () => {
    await using f = new Fixture({ cache: { unused: 0, any: 1000, offline: 1000 } });
    f.put("key");
    const before = await f.use();
    f.put("key");
    await f.clock.advance(1000);
    const after = await f.use();
    assert.deepEqual(
      f.events.filter(({ kind }) => kind === "key-changed"),
      [{ kind: "key-changed", name: "key", before, after }],
    );
  });

  test("warming up reads every key once and survives those that cannot be read", async () => {
    await using f = new Fixture();
    for (let i = 0; i < 30; i += 1) f.put(`key-${i}`);
    f.store.values.set("bad", Buffer.from("garbage"));
    assert.equal(await warmUp(f.keys, never), 30);
    assert.equal(f.store.count("get"), 31);
    assert.equal(await warmUp(f.keys, AbortSignal.abort()).catch(() => "left"), "left");
  });
});

describe("deleting keys", () => {
  test("a deleted key is gone at once", async () => {
    await using f = new Fixture();
    f.put("key");
    await f.use();
    await f.keys.delete("key", never);
    await assert.rejects(f.use(), code("KeyNotFound"));
  });

  test("a delete answered not-found drops the cached key too", async () => {
    await using f = new Fixture();
    f.put("key");
    await f.use();
    f.store.values.clear();
    await assert.rejects(f.keys.delete("key", never), code("KeyNotFound"));
    assert.equal(f.keys.stats().size, 0);
    await assert.rejects(f.use(), code("KeyNotFound"));
  });

  test("a read that a delete overtakes does not bring the key back", async () => {
    await using f = new Fixture();
    f.put("key");
    const value = f.store.values.get("key");
    const gate = gated();
    f.store.once("get", (_, aborted) => gate.step(() => value, aborted));
    const reading = f.use();
    await settle();
    await f.keys.delete("key", never);
    const after = assert.rejects(f.use(), code("KeyNotFound"));
    gate.release();
    await reading;
    await after;
    await assert.rejects(f.use(), code("KeyNotFound"));
    assert.equal(f.keys.stats().size, 0);
  });

  test("after a delete of unknown outcome the next use asks the store", async () => {
    await using f = new Fixture();
    f.put("key");
    await f.use();
    f.store.once("delete", failingAfter("StoreFailed"));
    await assert.rejects(f.keys.delete("key", never), code("StoreFailed"));
    await assert.rejects(f.use(), code("KeyNotFound"));
  });

  test("a delete that failed leaves the key usable", async () => {
    await using f = new Fixture();
    f.put("key");
    await f.use();
    f.store.once("delete", failing("StoreFailed"));
    await assert.rejects(f.keys.delete("key", never), code("StoreFailed"));
    await f.use();
  });

  const protection = [
    { names: [], name: "any", safe: true },
    { names: ["a", "b"], name: "b", safe: true },
    { names: ["a"], name: "ab", safe: false },
    { names: ["prod-*"], name: "prod-1", safe: true },
    { names: ["prod-*"], name: "test-1", safe: false },
  ];
  for (const { names, name, safe } of protection) {
    test(`protection of [${names.join()}] ${safe ? "keeps" : "does not keep"} '${name}'`, async () => {
      await using f = new Fixture({ policy: { deleteProtection: { enabled: true, names } } });
      f.put(name);
      const outcome = f.keys.delete(name, never);
      await (safe ? assert.rejects(outcome, code("KeyProtected")) : outcome);
      assert.equal(f.store.values.has(name), safe);
    });
  }
});

describe("listing keys", () => {
  test("a page holds the names with the prefix, in order", async () => {
    await using f = new Fixture();
    for (const name of ["b-2", "a", "b-1"]) f.put(name);
    assert.deepEqual(await f.keys.list("b", {}, never), { names: ["b-1", "b-2"], continueAt: undefined });
    assert.deepEqual(await f.keys.list("", { after: "b-1" }, never), { names: ["b-1", "b-2"], continueAt: undefined });
    assert.deepEqual(await f.keys.list("", { after: "c" }, never), { names: [], continueAt: undefined });
  });

  test("pages of a long listing are below 1 MB of JSON and join up without a gap or a repeat", async () => {
    await using f = new Fixture();
    const all = Array.from({ length: 40_000 }, (_, i) => `${String(i).padStart(6, "0")}${"x".repeat(70)}`);
    f.store.always(() => Promise.resolve(all), "list");
    const joined: string[] = [];
    let after: string | undefined;
    let pages = 0;
    do {
      const page = await f.keys.list("", after === undefined ? {} : { after }, never);
      assert.ok(JSON.stringify(page).length <= 1_000_200);
      joined.push(...page.names);
      after = page.continueAt;
      pages += 1;
    } while (after !== undefined);
    assert.equal(pages, 4);
    assert.deepEqual(joined, all);
  });

  test("1025 names are one page", async () => {
    await using f = new Fixture();
    f.store.always(() => Promise.resolve(Array.from({ length: 1025 }, (_, i) => `k${i}`)), "list");
    assert.equal((await f.keys.list("", {}, never)).continueAt, undefined);
  });
});

describe("a key store that is away", () => {
  test("is noticed by asking every 10 s and seen again within 2 s", async () => {
    await using f = new Fixture();
    f.store.down();
    await f.clock.advance(9000);
    assert.equal(f.keys.offline, false);
    await f.clock.advance(2000);
    assert.equal(f.keys.offline, true);
    assert.equal(f.keys.stats().offline, true);
    await f.clock.advance(60_000);
    f.store.up();
    await f.clock.advance(2000);
    assert.equal(f.keys.offline, false);
    assert.deepEqual(f.kinds(), ["store-offline", "store-online"]);
  });

  test("is noticed even if its status never settles, and never is more than one question open", async () => {
    await using f = new Fixture();
    let open = 0;
    let most = 0;
    f.store.down(async (_, aborted) => {
      most = Math.max(most, (open += 1));
      await hanging(() => undefined, aborted).finally(() => (open -= 1));
    });
    await f.clock.advance(16_000);
    assert.equal(f.keys.offline, true);
    await f.clock.advance(60_000);
    assert.equal(most, 1);
    assert.ok(f.store.count("status") > 15);
    f.store.up();
    await f.clock.advance(6500);
    assert.equal(f.keys.offline, false);
  });

  test("fails status at once without being asked, and answers it when it is back", async () => {
    await using f = new Fixture();
    assert.deepEqual(await f.keys.status(never), { latency: 1 });
    f.store.down();
    await assert.rejects(f.keys.status(never), code("StoreUnreachable"));
    const asked = f.store.count("status");
    await assert.rejects(f.keys.status(never), code("StoreUnreachable"));
    assert.equal(f.store.count("status"), asked);
    f.store.up();
    await f.clock.advance(2000);
    await f.keys.status(never);
  });

  test("keeps its word apart: an error answer is StoreFailed and counts as away only by asking", async () => {
    await using f = new Fixture();
    f.store.once("status", failing("StoreFailed"));
    await assert.rejects(f.keys.status(never), code("StoreFailed"));
    assert.equal(f.keys.offline, false);
    f.store.down(failing("StoreFailed"));
    await f.clock.advance(11_000);
    assert.equal(f.keys.offline, true);
  });

  test("offline = 0: keys expire as usual, uncached ones are still asked for", async () => {
    await using f = new Fixture({ cache: { any: 60_000, unused: 0, offline: 0 } });
    f.put("key");
    await f.use();
    f.store.down();
    await f.clock.advance(50_000);
    await f.use();
    await f.clock.advance(10_000);
    const reads = f.store.count("get");
    await assert.rejects(f.use(), code("StoreUnreachable"));
    await assert.rejects(f.use("other"), code("StoreUnreachable"));
    assert.equal(f.store.count("get"), reads + 2);
    assert.equal(f.keys.stats().offlineBudgetSeconds, 0);
  });

  test("offline > 0: keys outlive any and unused until the budget is spent, then go, and return with the store", async () => {
    await using f = new Fixture({ cache: { any: 60_000, unused: 30_000, offline: 600_000 } });
    f.put("key");
    await f.use();
    assert.equal(f.keys.stats().offlineBudgetSeconds, 600);
    f.store.down();
    await f.clock.advance(10_000);
    await f.clock.advance(590_000);
    await f.use();
    assert.ok(Math.abs(f.keys.stats().offlineBudgetSeconds - 10) < 1);
    assert.ok(f.keys.stats().oldestAgeSeconds >= 600);
    await f.clock.advance(11_000);
    assert.equal(f.keys.stats().size, 0);
    await assert.rejects(f.use(), code("StoreUnreachable"));
    assert.ok(f.kinds().includes("offline-expired"));
    f.store.up();
    await f.use();
    assert.equal(f.keys.offline, false);
  });

  test("soft expiry: the stale key serves although nobody has noticed the outage yet", async () => {
    await using f = new Fixture({ cache: { any: 55_000, unused: 0, offline: 600_000 } });
    f.put("key");
    const before = await f.use();
    await f.clock.advance(54_000);
    f.store.down();
    await f.clock.advance(1500);
    assert.equal(f.keys.offline, false);
    assert.equal(await f.use(), before);
    assert.equal(f.keys.offline, true);
    f.store.up();
    await f.clock.advance(2000);
    const reads = f.store.count("get");
    assert.equal(await f.use(), before);
    assert.equal(f.store.count("get"), reads + 1);
  });

  test("soft expiry after an error answer depends on what status says", async () => {
    await using f = new Fixture({ cache: { any: 60_000, unused: 0, offline: 600_000 } });
    f.put("key");
    await f.use();
    await f.clock.advance(61_000);
    f.store.once("get", failing("StoreFailed"));
    await assert.rejects(f.use(), code("StoreFailed"));
    f.store.down(failing("StoreFailed"));
    await f.use();
    assert.equal(f.keys.offline, true);
  });

  test("a definite not-found drops the key even where expiry is soft", async () => {
    await using f = new Fixture({ cache: { any: 60_000, unused: 0, offline: 600_000 } });
    f.put("key");
    await f.use();
    f.store.values.clear();
    await f.clock.advance(61_000);
    await assert.rejects(f.use(), code("KeyNotFound"));
    f.store.down();
    await assert.rejects(f.use(), code("StoreUnreachable"));
  });

  test("strict: nothing is served while the store is away, cached or not", async () => {
    await using f = new Fixture({ cache: { offline: 600_000 }, policy: { strict: true } });
    f.put("key");
    await f.use();
    f.store.down();
    await f.clock.advance(1500);
    assert.throws(() => f.keys.get("key", signal), code("StoreUnreachable"));
    assert.throws(() => f.keys.generate("key", none, signal), code("StoreUnreachable"));
    f.store.up();
    await f.clock.advance(2000);
    await f.use();
  });

  test("a call that hangs ends at its deadline and tells the outage", async () => {
    await using f = new Fixture();
    f.put("key");
    f.store.down(hanging);
    const rejected = assert.rejects(f.use(), code("StoreUnreachable"));
    await f.clock.advance(7000);
    await rejected;
    assert.equal(f.keys.offline, true);
  });

  test("a successful call ends an outage before the next question does", async () => {
    await using f = new Fixture();
    f.put("key");
    f.store.once("get", failing("StoreUnreachable"));
    await assert.rejects(f.use(), code("StoreUnreachable"));
    assert.equal(f.keys.offline, true);
    await f.keys.list("", {}, never);
    assert.equal(f.keys.offline, false);
  });
});

describe("life cycle", () => {
  test("with the system's clock and no listener it works and keeps no process alive", async () => {
    const store = new ScriptedKeystore();
    await using keys = new KeyService({ store, cache, policy });
    const before = Date.now();
    await keys.create("key", origin, never);
    const { createdAt } = await keys.describe("key", never);
    assert.ok(Date.parse(createdAt) >= before && Date.parse(createdAt) <= Date.now());
    assert.ok(keys.stats().oldestAgeSeconds >= 0);
  });

  test("every store call is reported with its operation, duration and error code", async () => {
    await using f = new Fixture();
    await assert.rejects(f.use(), code("KeyNotFound"));
    await f.keys.list("", {}, never);
    assert.deepEqual(f.events, [
      { kind: "store-call", operation: "get", seconds: 0, code: "KeyNotFound" },
      { kind: "store-call", operation: "list", seconds: 0, code: undefined },
    ]);
  });

  test("closing ends reads under way, closes the store, leaves no timer and wipes the keys", async () => {
    const f = new Fixture();
    f.put("key");
    const key = await f.keys.get("key", signal);
    assert.ok(key instanceof Key);
    f.store.once("get", hanging);
    const waiting = assert.rejects(f.use("other"), code("StoreUnreachable"));
    await settle();
    await f.keys[Symbol.asyncDispose]();
    await waiting;
    assert.equal(f.store.closed, true);
    assert.equal(f.clock.timers, 0);
    assert.deepEqual(key.secret.reveal(), Buffer.alloc(32));
  });
});
