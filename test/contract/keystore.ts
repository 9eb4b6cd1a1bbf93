// The suite every key store passes, whatever holds the keys: keystoreContract("fs", { open }). A store that cannot
// do something says so as a value with a reason, so that "not supported" is read in the test, not found in use.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isKesError } from "../../sidecar/errors.ts";
import type { ErrorCode } from "../../sidecar/errors.ts";
import type { Keystore } from "../../sidecar/keystore/keystore.ts";

export interface ContractSubject {
  /** A store with no keys in it; disposed of by the suite. */
  readonly open: () => Promise<Keystore>;
  /** What deleting a missing key does (reference 5.4); default `not-found`. */
  readonly deleteOfMissing?: "not-found" | "succeeds";
  /** Why two creates of one name can both succeed; absent = they cannot. */
  readonly racyCreate?: string;
  /** Names the store cannot hold, with the reason; absent = every name that obeys the rule. */
  readonly namesLeftOut?: { readonly reason: string; readonly pattern: RegExp };
}

const soon = () => AbortSignal.timeout(30_000);
const bytes = (text: string) => Buffer.from(text);

/** Passes if `work` fails with a KesError of one of `codes`. */
export async function rejectsWith(work: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<void> {
  await assert.rejects(work, (error) => {
    if (isKesError(error, ...codes)) return true;
    throw new Error(`expected a KesError ${codes.join(" or ")}`, { cause: error });
  });
}

const longName = "n".repeat(80);
const names = ["a", "Z", "0", "_a", "a_", "my-key", "my_key-2", "__", longName];
const badNames = ["", "_", "-a", "a-", "a.b", ".a", "..", "a/b", "../a", "a\\b", "a b", "ä", "a\0b", `${longName}n`];

export function keystoreContract(name: string, subject: ContractSubject): void {
  const allowed = (key: string) => subject.namesLeftOut === undefined || !subject.namesLeftOut.pattern.test(key);

  describe(`${name} keeps the key store contract`, () => {
    it("says what and where it is", async () => {
      await using store = await subject.open();
      assert.match(store.type, /^[a-z]+$/);
      assert.notEqual(store.label, "");
      assert.equal(store.atomicCreate, subject.racyCreate === undefined);
    });

    it("returns what was created, byte for byte", async () => {
      await using store = await subject.open();
      for (const key of names.filter(allowed)) {
        await store.create(key, bytes(`value of ${key}\n`), soon());
        assert.deepEqual(await store.get(key, soon()), bytes(`value of ${key}\n`));
      }
    });

    it("keeps a value of base64 text of 64 KiB", async () => {
      await using store = await subject.open();
      const value = Buffer.alloc(48 * 1024, "kes").toString("base64");
      await store.create("large", bytes(value), soon());
      assert.equal((await store.get("large", soon())).toString(), value);
    });

    it("does not keep the caller's buffer, nor hand out its own", async () => {
      await using store = await subject.open();
      const value = bytes("original");
      await store.create("key", value, soon());
      value.fill(0);
      const first = await store.get("key", soon());
      assert.deepEqual(first, bytes("original"));
      first.fill(0);
      assert.deepEqual(await store.get("key", soon()), bytes("original"));
    });

    it("refuses a second create and keeps the first value", async () => {
      await using store = await subject.open();
      await store.create("key", bytes("first"), soon());
      await rejectsWith(store.create("key", bytes("second"), soon()), "KeyExists");
      assert.deepEqual(await store.get("key", soon()), bytes("first"));
    });

    it("lets exactly one of many concurrent creates win", { skip: subject.racyCreate ?? false }, async () => {
      await using store = await subject.open();
      const values = Array.from({ length: 16 }, (_, at) => `value ${at}`);
      const results = await Promise.allSettled(values.map((value) => store.create("key", bytes(value), soon())));
      const winners = results.flatMap((result, at) => (result.status === "fulfilled" ? [values[at]] : []));
      for (const result of results) {
        if (result.status === "rejected") assert.ok(isKesError(result.reason, "KeyExists"), String(result.reason));
      }
      assert.equal(winners.length, 1);
      assert.equal((await store.get("key", soon())).toString(), winners[0]);
    });

    it("says KeyNotFound for a key that never was", async () => {
      await using store = await subject.open();
      await rejectsWith(store.get("missing", soon()), "KeyNotFound");
      if (subject.deleteOfMissing === "succeeds") await store.delete("missing", soon());
      else await rejectsWith(store.delete("missing", soon()), "KeyNotFound");
    });

    it("forgets a deleted key, and only that", async () => {
      await using store = await subject.open();
      await store.create("gone", bytes("1"), soon());
      await store.create("stays", bytes("2"), soon());
      await store.delete("gone", soon());
      await rejectsWith(store.get("gone", soon()), "KeyNotFound");
      assert.deepEqual(await store.list("", soon()), ["stays"]);
      await store.create("gone", bytes("3"), soon());
      assert.deepEqual(await store.get("gone", soon()), bytes("3"));
      assert.deepEqual(await store.get("stays", soon()), bytes("2"));
    });

    it("lists by prefix in byte order", async () => {
      await using store = await subject.open();
      assert.deepEqual(await store.list("", soon()), []);
      for (const key of ["b", "a-1", "B", "a1", "a", "0", "ab"]) await store.create(key, bytes(key), soon());
      assert.deepEqual(await store.list("", soon()), ["0", "B", "a", "a-1", "a1", "ab", "b"]);
      assert.deepEqual(await store.list("a", soon()), ["a", "a-1", "a1", "ab"]);
      assert.deepEqual(await store.list("a-", soon()), ["a-1"]);
      assert.deepEqual(await store.list("zz", soon()), []);
    });

    it("lists more than any page holds", async () => {
      await using store = await subject.open();
      const many = Array.from({ length: 1100 }, (_, at) => `key-${String(at).padStart(5, "0")}`);
      for (let at = 0; at < many.length; at += 100) {
        await Promise.all(many.slice(at, at + 100).map((key) => store.create(key, bytes("x"), soon())));
      }
      assert.deepEqual(await store.list("", soon()), many);
    });

    it("takes no name that breaks the rule", async () => {
      await using store = await subject.open();
      for (const key of badNames) {
        await rejectsWith(store.create(key, bytes("x"), soon()), "NameInvalid");
        await rejectsWith(store.get(key, soon()), "NameInvalid");
        await rejectsWith(store.delete(key, soon()), "NameInvalid");
      }
      assert.deepEqual(await store.list("", soon()), []);
    });

    it("takes no value of more than 1 MiB", async () => {
      await using store = await subject.open();
      await rejectsWith(store.create("huge", Buffer.alloc(1024 * 1024 + 1, "x"), soon()), "StoreFailed");
      await rejectsWith(store.get("huge", soon()), "KeyNotFound");
    });

    it("reports how long it takes to answer", async () => {
      await using store = await subject.open();
      const { latency } = await store.status(soon());
      assert.ok(latency >= 0 && latency < 30_000, String(latency));
    });

    it("gives up at once when the signal has been aborted, and changes nothing", async () => {
      await using store = await subject.open();
      await store.create("key", bytes("x"), soon());
      const aborted = AbortSignal.abort();
      await rejectsWith(store.create("new", bytes("x"), aborted), "StoreUnreachable");
      await rejectsWith(store.get("key", aborted), "StoreUnreachable");
      await rejectsWith(store.delete("key", aborted), "StoreUnreachable");
      await rejectsWith(store.list("", aborted), "StoreUnreachable");
      await rejectsWith(store.status(aborted), "StoreUnreachable");
      assert.deepEqual(await store.list("", soon()), ["key"]);
    });

    it("leaves nothing or the whole value when a create is aborted on its way", async () => {
      await using store = await subject.open();
      const value = Buffer.alloc(64 * 1024, "v");
      for (let round = 0; round < 20; round += 1) {
        const stop = new AbortController();
        const done = store.create(`key-${round}`, value, stop.signal).then(
          () => "created",
          () => "threw",
        );
        for (let turn = 0; turn < round; turn += 1) await new Promise((resolve) => void setImmediate(resolve));
        stop.abort();
        const outcome = await done;
        const found = await store.get(`key-${round}`, soon()).catch((error: unknown) => error);
        if (found instanceof Buffer) assert.deepEqual(found, value);
        else assert.ok(isKesError(found, "KeyNotFound") && outcome === "threw", `${outcome}: ${String(found)}`);
      }
    });
  });
}
