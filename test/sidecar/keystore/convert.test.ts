import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { encryptStore, rewrapStore } from "../../../sidecar/keystore/fs/convert.ts";
import type { FsCalls } from "../../../sidecar/keystore/fs/fs-calls.ts";
import { nodeFsCalls } from "../../../sidecar/keystore/fs/fs-calls.ts";
import { initStore } from "../../../sidecar/keystore/fs/init-store.ts";
import { sealedHeader } from "../../../sidecar/keystore/fs/sealer.ts";
import { generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import type { Keystore } from "../../../sidecar/keystore/keystore.ts";
import { rejectsWith } from "../../contract/keystore.ts";
import { openStore, soon, temporaryDirectory } from "./fs-fixture.ts";

const [a, b, c] = [generateWrappingKey(), generateWrappingKey(), generateWrappingKey()];
const fast = { settle: 0 };
const valueOf = (name: string) => `the value of ${name}`;
const marker = ".kes-store.json";

async function plainDirectory(path: string, count = 5): Promise<string[]> {
  const names = Array.from({ length: count }, (_, at) => `key-${at}`);
  for (const name of names) await writeFile(join(path, name), valueOf(name), { mode: 0o600 });
  return names;
}

async function assertHolds(store: Keystore, names: readonly string[]): Promise<void> {
  for (const name of names) assert.equal((await store.get(name, soon())).toString(), valueOf(name));
}

/** File calls before one of which, once it is armed, the store in `path` is rewrapped with `b`. */
function rewrapOnce(path: string): { beforeWriting: FsCalls; beforeLinking: FsCalls; arm(): void } {
  let isArmed = false;
  const rewrap = async (): Promise<void> => {
    if (!isArmed) return;
    isArmed = false;
    await rewrapStore(path, [b, a], fast);
  };
  const open: FsCalls["open"] = async (file, mode) => {
    if (mode === "create") await rewrap();
    return nodeFsCalls.open(file, mode);
  };
  const link: FsCalls["link"] = async (from, to) => {
    await rewrap();
    await nodeFsCalls.link(from, to);
  };
  return {
    beforeWriting: { ...nodeFsCalls, open },
    beforeLinking: { ...nodeFsCalls, link },
    arm: () => void (isArmed = true),
  };
}

test("a plain store becomes an encrypted one with the same values", async (t) => {
  const path = await temporaryDirectory(t);
  const names = await plainDirectory(path);
  await mkdir(join(path, "lost+found"));
  const steps: string[] = [];
  const onProgress = (done: number, total: number) => void steps.push(`${done}/${total}`);
  const report = await encryptStore(path, [a], { ...fast, onProgress });
  assert.deepEqual(report, { total: 5, converted: 5, kept: 0 });
  assert.deepEqual(steps, ["1/5", "2/5", "3/5", "4/5", "5/5"]);
  await using store = await openStore(path, { keys: [a] });
  await assertHolds(store, names);
  for (const name of names) {
    const facts = await nodeFsCalls.lstat(join(path, name));
    assert.equal(facts.mode, 0o600);
    assert.equal((await readFile(join(path, name))).includes("value"), false);
  }
  assert.deepEqual(await encryptStore(path, [a], fast), { total: 5, converted: 0, kept: 5 });
  await assertHolds(store, names);
});

test("a conversion that was stopped goes on where it was, and both forms are read meanwhile", async (t) => {
  const path = await temporaryDirectory(t);
  const names = await plainDirectory(path);
  const stop = new AbortController();
  const onProgress = (done: number) => void (done === 2 && stop.abort(new Error("stopped by the test")));
  await assert.rejects(encryptStore(path, [a], { ...fast, onProgress, signal: stop.signal }), /stopped by the test/);
  await using store = await openStore(path, { keys: [a] });
  await assertHolds(store, names);
  await store.create("new", Buffer.from(valueOf("new")), soon());
  assert.equal(sealedHeader(await readFile(join(path, "new")))?.keyId, a.id);
  await rejectsWith(store.delete("key-4", soon()), "StoreFailed");
  await rejectsWith(rewrapStore(path, [b, a], fast), "StoreFailed");
  assert.deepEqual(await encryptStore(path, [a], fast), { total: 6, converted: 3, kept: 3 });
  await assertHolds(store, [...names, "new"]);
  await store.delete("key-4", soon());
  assert.deepEqual(await store.list("", soon()), ["key-0", "key-1", "key-2", "key-3", "new"]);
});

test("prepare lets servers take the wrapping key before anything changes", async (t) => {
  const path = await temporaryDirectory(t);
  const names = await plainDirectory(path);
  await using old = await openStore(path);
  await encryptStore(path, [a], { ...fast, prepare: true });
  await assertHolds(old, names);
  await rejectsWith(old.create("new", Buffer.from("x"), soon()), "StoreNotEncrypted");
  await rejectsWith(old.delete("key-0", soon()), "StoreNotEncrypted");
  await using next = await openStore(path, { keys: [a] });
  await assertHolds(next, names);
  await encryptStore(path, [a], fast);
  await rejectsWith(old.get("key-0", soon()), "StoreNotEncrypted");
  await assertHolds(next, names);
});

test("rewrap leaves one wrapping key in use, and running servers follow", async (t) => {
  const path = await temporaryDirectory(t);
  await using oldOrder = await openStore(path, { keys: [a, b], init: true });
  const names = ["key-0", "key-1", "key-2"];
  for (const name of names) await oldOrder.create(name, Buffer.from(valueOf(name)), soon());
  assert.deepEqual(await rewrapStore(path, [b, a], fast), { total: 3, converted: 3, kept: 0 });
  await assertHolds(oldOrder, names);
  await oldOrder.create("late", Buffer.from(valueOf("late")), soon());
  assert.equal(sealedHeader(await readFile(join(path, "late")))?.keyId, b.id);
  await using onlyNew = await openStore(path, { keys: [b] });
  await assertHolds(onlyNew, [...names, "late"]);
  await rejectsWith(openStore(path, { keys: [a] }), "StoreWrongKey");
  assert.deepEqual(await rewrapStore(path, [b], fast), { total: 4, converted: 0, kept: 4 });
});

test("an unfinished rewrap needs both keys, refuses deletes and can be finished", async (t) => {
  const path = await temporaryDirectory(t);
  await using store = await openStore(path, { keys: [a, b], init: true });
  const names = ["key-0", "key-1", "key-2"];
  for (const name of names) await store.create(name, Buffer.from(valueOf(name)), soon());
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error("stopped by the test"));
  await assert.rejects(rewrapStore(path, [b, a], { ...fast, onProgress, signal: stop.signal }), /stopped/);
  await rejectsWith(openStore(path, { keys: [b] }), "StoreWrongKey");
  await rejectsWith(rewrapStore(path, [b], fast), "StoreWrongKey");
  await rejectsWith(encryptStore(path, [a, b], fast), "StoreFailed");
  await rejectsWith(store.delete("key-0", soon()), "StoreFailed");
  await using meanwhile = await openStore(path, { keys: [a, b] });
  await assertHolds(meanwhile, names);
  await rewrapStore(path, [b, a], fast);
  await store.delete("key-0", soon());
  await assertHolds(store, ["key-1", "key-2"]);
});

test("a create that was sealed as the wrapping key changed does not get its name", async (t) => {
  const path = await temporaryDirectory(t);
  const rewrap = rewrapOnce(path);
  await using store = await openStore(path, { keys: [a, b], init: true, calls: rewrap.beforeWriting });
  rewrap.arm();
  await rejectsWith(store.create("key", Buffer.from("x"), soon()), "StoreFailed");
  await store.create("key", Buffer.from(valueOf("key")), soon());
  await using onlyNew = await openStore(path, { keys: [b] });
  await assertHolds(onlyNew, ["key"]);
});

test("a create that gets its name too late for a rewrap to see is sealed anew", async (t) => {
  const path = await temporaryDirectory(t);
  await initStore(path, { keys: [a] });
  const [converted, linked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const lateLink: typeof nodeFsCalls.link = async (from, to) => {
    const rewrapping = rewrapStore(path, [b, a], { ...fast, calls: { ...nodeFsCalls, unlink } });
    await converted.promise;
    await nodeFsCalls.link(from, to);
    linked.resolve();
    await rewrapping;
  };
  // What is left is looked at after the last name was converted.
  const unlink: typeof nodeFsCalls.unlink = async (leftover) => {
    converted.resolve();
    await linked.promise;
    await nodeFsCalls.unlink(leftover);
  };
  await using store = await openStore(path, { keys: [a, b], calls: { ...nodeFsCalls, link: lateLink } });
  await store.create("key", Buffer.from(valueOf("key")), soon());
  assert.equal(sealedHeader(await readFile(join(path, "key")))?.keyId, b.id);
  await using onlyNew = await openStore(path, { keys: [b] });
  await assertHolds(onlyNew, ["key"]);
});

test("a create that a rewrap overtakes fails whole and can be tried again", async (t) => {
  const path = await temporaryDirectory(t);
  await initStore(path, { keys: [a] });
  const rewrap = rewrapOnce(path);
  await using store = await openStore(path, { keys: [a, b], calls: rewrap.beforeLinking });
  rewrap.arm();
  await rejectsWith(store.create("key", Buffer.from("x"), soon()), "StoreFailed");
  await store.create("key", Buffer.from(valueOf("key")), soon());
  await using onlyNew = await openStore(path, { keys: [b] });
  await assertHolds(onlyNew, ["key"]);
});

test("a create that gets its name while others are converted is converted too", async (t) => {
  const path = await temporaryDirectory(t);
  const names = await plainDirectory(path, 3);
  await encryptStore(path, [a], fast);
  await using old = await openStore(path, { keys: [a] });
  await old.create("late", Buffer.from(valueOf("late")), soon());
  const [late, aside] = [join(path, "late"), join(path, ".aside")];
  renameSync(late, aside);
  const onProgress = (done: number) => void (done === 3 && renameSync(aside, late));
  const report = await rewrapStore(path, [b, a], { ...fast, onProgress });
  assert.deepEqual(report, { total: 4, converted: 4, kept: 0 });
  await using onlyNew = await openStore(path, { keys: [b] });
  await assertHolds(onlyNew, [...names, "late"]);
});

test("a server that takes the store into use leaves a marker alone that a rewrap has written meanwhile", async (t) => {
  const path = await temporaryDirectory(t);
  await initStore(path, { keys: [a] });
  const rewrap = rewrapOnce(path);
  await using store = await openStore(path, { keys: [b, a], calls: rewrap.beforeWriting });
  rewrap.arm();
  await store.adopt?.(soon());
  await using onlyNew = await openStore(path, { keys: [b] });
  assert.deepEqual(await onlyNew.list("", soon()), []);
});

test("what a create that died left behind is no plain copy of a key in an encrypted store", async (t) => {
  const path = await temporaryDirectory(t);
  await plainDirectory(path, 2);
  await link(join(path, "key-0"), join(path, ".kes-tmp-dead"));
  await encryptStore(path, [a], fast);
  assert.deepEqual((await readdir(path)).toSorted(), [marker, "key-0", "key-1"]);
  await link(join(path, "key-0"), join(path, ".kes-tmp-alive"));
  await encryptStore(path, [a], fast);
  assert.deepEqual((await readdir(path)).toSorted(), [marker, ".kes-tmp-alive", "key-0", "key-1"]);
  await rewrapStore(path, [b, a], fast);
  assert.deepEqual((await readdir(path)).toSorted(), [marker, "key-0", "key-1"]);
});

test("a value that changes while it is converted stops the conversion and is kept", async (t) => {
  const path = await temporaryDirectory(t);
  await plainDirectory(path, 1);
  let change: (() => Promise<unknown>) | undefined;
  const open: typeof nodeFsCalls.open = async (file, mode) => {
    const once = mode === "create" && !file.includes("json") ? change : undefined;
    if (once !== undefined && (await readdir(path)).includes(marker)) {
      change = undefined;
      await once();
    }
    return nodeFsCalls.open(file, mode);
  };
  change = async () => {
    await rm(join(path, "key-0"));
    await writeFile(join(path, "key-0"), "made anew by somebody");
  };
  await rejectsWith(encryptStore(path, [a], { ...fast, calls: { ...nodeFsCalls, open } }), "StoreFailed");
  assert.equal(await readFile(join(path, "key-0"), "utf8"), "made anew by somebody");
  assert.deepEqual(await encryptStore(path, [a], fast), { total: 1, converted: 1, kept: 0 });
});

const lost: typeof nodeFsCalls.rename = async (from, to) => {
  await nodeFsCalls.rename(from, to);
  if (to.endsWith("key")) await rm(to);
};

test("a value that is not read back as written stops the conversion", async (t) => {
  const path = await temporaryDirectory(t);
  await initStore(path, { keys: [a] });
  await using store = await openStore(path, { keys: [a, b] });
  await store.create("key", Buffer.from("x"), soon());
  const calls = { ...nodeFsCalls, rename: lost };
  await rejectsWith(rewrapStore(path, [b, a], { ...fast, calls }), "CreateNotConfirmed");
});

test("a lost marker is made again from the sealed values", async (t) => {
  const path = await temporaryDirectory(t);
  const names = await plainDirectory(path);
  await encryptStore(path, [a], fast);
  await rm(join(path, marker));
  await rejectsWith(openStore(path, { keys: [a] }), "StoreNotEncrypted");
  await encryptStore(path, [a], fast);
  await using store = await openStore(path, { keys: [a] });
  await assertHolds(store, names);
});

test("conversions refuse what they cannot do", async (t) => {
  const plain = await temporaryDirectory(t);
  await rejectsWith(encryptStore(plain, [a], fast), "StoreEmpty");
  await plainDirectory(plain, 1);
  await rejectsWith(encryptStore(plain, [], fast), "UsageInvalid");
  await rejectsWith(rewrapStore(plain, [], fast), "UsageInvalid");
  await rejectsWith(rewrapStore(plain, [a], fast), "StoreNotEncrypted");
  await rejectsWith(encryptStore(join(plain, "missing"), [a], fast), "StoreUnreachable");
  assert.deepEqual(await readdir(plain), ["key-0"]);
  await encryptStore(plain, [a], fast);
  await rejectsWith(encryptStore(plain, [b], fast), "StoreWrongKey");
  await rejectsWith(rewrapStore(plain, [b, c], fast), "StoreWrongKey");
  await using store = await openStore(plain, { keys: [a] });
  await assertHolds(store, ["key-0"]);
});

test("servers create and read through a whole rotation", async (t) => {
  const path = await temporaryDirectory(t);
  await plainDirectory(path, 20);
  await encryptStore(path, [a], { ...fast, prepare: true });
  await using store = await openStore(path, { keys: [a, b] });
  const stop = new AbortController();
  const made: string[] = [];
  const traffic = (async () => {
    for (let at = 0; !stop.signal.aborted; at += 1) {
      const name = `made-${at}`;
      const created = await store.create(name, Buffer.from(valueOf(name)), soon()).then(
        () => true,
        (error: unknown) => {
          assert.match(String(error), /try again/);
          return false;
        },
      );
      if (created) made.push(name);
      await assertHolds(store, ["key-3", ...made.slice(-1)]);
    }
  })();
  await encryptStore(path, [a], { settle: 20 });
  await rewrapStore(path, [b, a], { settle: 20 });
  stop.abort();
  await traffic;
  await using onlyNew = await openStore(path, { keys: [b] });
  await assertHolds(onlyNew, [...made, ...Array.from({ length: 20 }, (_, at) => `key-${at}`)]);
  assert.ok(made.length > 0);
});
