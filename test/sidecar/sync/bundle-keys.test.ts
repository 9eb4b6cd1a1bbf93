// The keys of a bundle over a real key service: made once, then watched, never repaired.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import type { BundleKey } from "../../../sidecar/contract/bundle.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import { BundleKeys } from "../../../sidecar/sync/bundle-keys.ts";
import type { SyncEvent } from "../../../sidecar/sync/sync-event.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { failing, gated, ScriptedKeystore } from "../../support/scripted-keystore.ts";

const createdBy = "a".repeat(64);
const policy = storeDefaults;
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

let clock: FakeClock;
let store: ScriptedKeystore;
let keeper: KeyService;
let events: SyncEvent[];
let keys: BundleKeys;

beforeEach(() => {
  clock = new FakeClock();
  store = new ScriptedKeystore();
  // Short, so that later looks read the store.
  keeper = new KeyService({ store, cache: { any: 30_000, unused: 0, offline: 0 }, policy, clock });
  events = [];
  keys = new BundleKeys({ clock, onEvent: (event) => events.push(event), chance: () => 0.5 });
});

afterEach(async () => {
  await keys[Symbol.asyncDispose]();
  await keeper[Symbol.asyncDispose]();
});

/** Lets a round end, if it does not wait for the store. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await settle();
}

async function expect(...list: readonly BundleKey[]): Promise<void> {
  keys.expect({ keys: list, keeper, createdBy });
  await rest();
}

async function later(milliseconds: number): Promise<void> {
  await clock.advance(milliseconds);
  await rest();
}

const key = (name: string, fingerprint?: string): BundleKey => ({ name, algorithm: "AES256", fingerprint });

describe("a key that a bundle lists", () => {
  test("is created when it is missing and nobody knows its fingerprint", async () => {
    await expect(key("one"), { name: "two", algorithm: "ChaCha20" });
    const [one, two] = [await keeper.describe("one", signal()), await keeper.describe("two", signal())];
    assert.deepEqual(keys.states(), { one: one.fingerprint, two: two.fingerprint });
    assert.deepEqual([one.algorithm, one.createdBy, two.algorithm], ["AES256", createdBy, "ChaCha20"]);
    assert.deepEqual(keys.counts(), { good: 2, bad: 0 });
    assert.equal(events.length, 2);
  });

  test("is taken as it is when it is there", async () => {
    await keeper.create("one", { createdBy: "somebody" }, signal());
    const { fingerprint } = await keeper.describe("one", signal());
    await expect(key("one"));
    assert.deepEqual(keys.states(), { one: fingerprint });
    await expect(key("one", fingerprint));
    assert.deepEqual(keys.states(), { one: fingerprint });
    assert.equal(store.count("create"), 1);
  });

  test("is never created where a fingerprint is expected", async () => {
    await expect(key("one", "0123456789abcdef"));
    assert.deepEqual(keys.states(), { one: "missing" });
    assert.equal(store.count("create"), 0);
    const [event] = events;
    assert.ok(event?.kind === "key");
    assert.equal((event.error as { code: string }).code, "KeyMissing");
  });

  test("is reported with the fingerprint that it has when that is not the expected one", async () => {
    await keeper.create("one", { createdBy }, signal());
    const { fingerprint } = await keeper.describe("one", signal());
    await expect(key("one", "0123456789abcdef"));
    assert.deepEqual(keys.states(), { one: fingerprint });
    assert.deepEqual(keys.counts(), { good: 0, bad: 1 });
    assert.equal((events[0] as { error?: { code: string } }).error?.code, "KeyChanged");
  });

  test("is not made anew when it vanishes, although no fingerprint was ever expected", async () => {
    await expect(key("one"));
    store.values.delete("one");
    await later(600_000);
    assert.deepEqual(keys.states(), { one: "missing" });
    await expect(key("one"), key("two"));
    assert.equal(keys.states()["one"], "missing");
    assert.deepEqual(
      store.calls.filter(({ operation }) => operation === "create").map(({ name }) => name),
      ["one", "two"],
    );
  });

  test("is found again soon after it was restored", async () => {
    await expect(key("one"));
    const stored = store.values.get("one") ?? assert.fail("the key is stored");
    store.values.delete("one");
    await later(400_000);
    assert.deepEqual(keys.states(), { one: "missing" });
    store.values.set("one", stored);
    await later(61_000 * 1.2);
    assert.deepEqual(keys.counts(), { good: 1, bad: 0 });
    assert.deepEqual(
      events.map((event) => event.kind === "key" && event.error === undefined),
      [true, false, true],
    );
  });

  test("counts as new once the bundle has not listed it", async () => {
    await expect(key("one"));
    store.values.delete("one");
    await later(31_000);
    await expect();
    assert.deepEqual(keys.states(), {});
    await expect(key("one"));
    assert.equal(store.count("create"), 2);
    assert.deepEqual(keys.counts(), { good: 1, bad: 0 });
  });

  test("is asked for again while the store is away, less and less often", async () => {
    store.down();
    await expect(key("one"));
    assert.deepEqual(keys.states(), { one: "StoreUnreachable" });
    await later(300_000);
    assert.equal(events.length, 1);
    const asked = store.count("get");
    assert.ok(asked > 5 && asked < 20, `${asked} reads in five minutes`);
    store.up();
    await later(130_000);
    assert.deepEqual(keys.counts(), { good: 1, bad: 0 });
  });

  test("that two servers make at once is one key", async () => {
    const other = new KeyService({ store, cache: { any: 30_000, unused: 0, offline: 0 }, policy, clock });
    const rival = new BundleKeys({ clock, onEvent: () => undefined });
    rival.expect({ keys: [key("one")], keeper: other, createdBy });
    await expect(key("one"));
    await rest();
    assert.deepEqual(rival.states(), keys.states());
    assert.deepEqual(keys.counts(), { good: 1, bad: 0 });
    await rival[Symbol.asyncDispose]();
  });
});

describe("looking at keys", () => {
  test("goes on every few minutes while all is well", async () => {
    await expect(key("one"));
    const asked = store.count("get");
    await later(299_000);
    assert.equal(store.count("get"), asked);
    await later(2_000);
    assert.equal(store.count("get"), asked + 1);
    assert.equal(events.length, 1);
  });

  test("drops what it found out about a list that was replaced meanwhile", async () => {
    const slow = gated();
    await keeper.create("one", { createdBy }, signal());
    store.once("get", slow.step);
    await expect(key("one"));
    keys.expect({ keys: [], keeper, createdBy });
    slow.release();
    await rest();
    assert.deepEqual(keys.states(), {});
    assert.deepEqual(events, []);
  });

  test("names a failure of the store by its code", async () => {
    store.once("get", failing("StoreFailed"));
    await expect(key("one"));
    assert.deepEqual(keys.states(), { one: "StoreFailed" });
    await later(1_300);
    assert.deepEqual(keys.counts(), { good: 1, bad: 0 });
  });

  test("ends with its owner", async () => {
    await expect(key("one"));
    await keys[Symbol.asyncDispose]();
    const asked = store.count("get");
    await later(600_000);
    assert.equal(store.count("get"), asked);
  });
});
