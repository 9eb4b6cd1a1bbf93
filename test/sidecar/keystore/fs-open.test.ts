import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as immediate } from "node:timers/promises";

import { KesError } from "../../../sidecar/errors.ts";
import { initStore } from "../../../sidecar/keystore/fs/init-store.ts";
import { nodeFsCalls } from "../../../sidecar/keystore/fs/fs-calls.ts";
import { formatWrappingKey, generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { openKeystore } from "../../../sidecar/keystore/open.ts";
import { rejectsWith } from "../../contract/keystore.ts";
import { openStore, soon, temporaryDirectory } from "./fs-fixture.ts";

const marker = ".kes-store.json";

test("a directory that does not exist is never made", async (t) => {
  const path = join(await temporaryDirectory(t), "missing");
  for (const keys of [[], [generateWrappingKey()]]) {
    await rejectsWith(openStore(path, { init: true, keys }), "StoreMissing");
  }
  await assert.rejects(readdir(path));
});

test("a file in the directory's place is no store", async (t) => {
  const path = join(await temporaryDirectory(t), "file");
  await writeFile(path, "x");
  await rejectsWith(openStore(path, { init: true }), "StoreMissing");
  await rejectsWith(initStore(path, { keys: [] }), "StoreUnreachable");
});

test("an empty directory is taken only when the configuration says so", async (t) => {
  for (const keys of [[], [generateWrappingKey()]]) {
    const path = await temporaryDirectory(t);
    await mkdir(join(path, "lost+found"));
    await mkdir(join(path, "looks-like-a-key"));
    await writeFile(join(path, "read.me"), "x");
    await rejectsWith(openStore(path, { keys }), "StoreEmpty");
    await using store = await openStore(path, { keys, init: true });
    await store.create("key", Buffer.from("x"), soon());
    await using again = await openStore(path, { keys });
    assert.deepEqual(await again.list("", soon()), ["key"]);
  }
});

test("a directory that was taken into use may be empty", async (t) => {
  for (const keys of [[], [generateWrappingKey()]]) {
    const path = await temporaryDirectory(t);
    await (await openStore(path, { keys, init: true }))[Symbol.asyncDispose]();
    await using again = await openStore(path, { keys });
    assert.deepEqual(await again.list("", soon()), []);
  }
});

test("a plain store has the layout of the Go server", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "by-go"), "value of go", { mode: 0o600 });
  await using store = await openStore(path);
  assert.equal((await store.get("by-go", soon())).toString(), "value of go");
  await store.create("by-us", Buffer.from("value of ours"), soon());
  assert.deepEqual((await readdir(path)).toSorted(), ["by-go", "by-us"]);
  assert.equal(await readFile(join(path, "by-us"), "utf8"), "value of ours");
  const facts = await nodeFsCalls.lstat(join(path, "by-us"));
  assert.deepEqual([facts.mode, facts.links, facts.kind], [0o600, 1, "file"]);
});

test("an encrypted store shows nothing of a value and all of it to its key", async (t) => {
  const path = await temporaryDirectory(t);
  const key = generateWrappingKey();
  await using store = await openStore(path, { keys: [key], init: true });
  await store.create("key", Buffer.from("canary-canary-canary"), soon());
  for (const file of await readdir(path)) {
    const bytes = await readFile(join(path, file));
    assert.equal(bytes.includes("canary"), false, file);
    assert.equal(bytes.includes(key.secret.reveal()) || bytes.includes(formatWrappingKey(key)), false, file);
    assert.equal((await nodeFsCalls.lstat(join(path, file))).mode, 0o600, file);
  }
  await using again = await openStore(path, { keys: [key] });
  assert.equal((await again.get("key", soon())).toString(), "canary-canary-canary");
});

test("a wrong wrapping key opens nothing and changes nothing", async (t) => {
  const path = await temporaryDirectory(t);
  await using store = await openStore(path, { keys: [generateWrappingKey()], init: true });
  await store.create("key", Buffer.from("x"), soon());
  const before = await readFile(join(path, marker));
  await rejectsWith(openStore(path, { keys: [generateWrappingKey()] }), "StoreWrongKey");
  await rejectsWith(openStore(path, { keys: [generateWrappingKey()], init: true }), "StoreWrongKey");
  assert.deepEqual(await readFile(join(path, marker)), before);
});

test("plain where sealed is expected and the reverse are refused with the remedy", async (t) => {
  const plain = await temporaryDirectory(t);
  await writeFile(join(plain, "key"), "x");
  const sealed = await temporaryDirectory(t);
  await initStore(sealed, { keys: [generateWrappingKey()] });
  const remedies = new Map([
    [plain, /kes keystore encrypt/],
    [sealed, /keystore\.fs\.encryption/],
  ]);
  for (const [path, remedy] of remedies) {
    const keys = path === plain ? [generateWrappingKey()] : [];
    await assert.rejects(openStore(path, { keys, init: true }), (error) => {
      return error instanceof KesError && error.code === "StoreNotEncrypted" && remedy.test(error.message);
    });
  }
});

test("a new first wrapping key seals once the store is adopted, the old one still opens, and neither can be left out", async (t) => {
  const path = await temporaryDirectory(t);
  const [a, b] = [generateWrappingKey(), generateWrappingKey()];
  await using first = await openStore(path, { keys: [a], init: true });
  await first.create("by-a", Buffer.from("1"), soon());
  await using both = await openStore(path, { keys: [b, a] });
  await both.create("not-adopted", Buffer.from("0"), soon());
  assert.equal((await readFile(join(path, "not-adopted"))).toString("hex", 9, 13), a.id, "opened is not yet adopted");
  await first.create("undisturbed", Buffer.from("0"), soon());
  await both.adopt?.(soon());
  await both.create("by-b", Buffer.from("2"), soon());
  assert.equal((await both.get("by-a", soon())).toString(), "1");
  assert.equal((await readFile(join(path, "by-b"))).toString("hex", 9, 13), b.id);
  await rejectsWith(openStore(path, { keys: [a] }), "StoreWrongKey");
  await rejectsWith(openStore(path, { keys: [b] }), "StoreWrongKey");
  await using other = await openStore(path, { keys: [a, b] });
  assert.equal((await other.get("by-b", soon())).toString(), "2");
});

test("a marker that is damaged or was changed is refused", async (t) => {
  const path = await temporaryDirectory(t);
  const keys = [generateWrappingKey()];
  await initStore(path, { keys });
  const good = await readFile(join(path, marker), "utf8");
  const cases: readonly [string, string, string][] = [
    ["empty", "", "StoreFailed"],
    ["cut", good.slice(0, 60), "StoreFailed"],
    ["not an object", "[]", "StoreFailed"],
    ["null", "null", "StoreFailed"],
    ["another format", good.replace("kes-store-v1", "kes-store-v2"), "StoreFailed"],
    ["unknown state", good.replace('"sealed"', '"open"'), "StoreFailed"],
    ["no keys", good.replace(/"keyIds": \[[^\]]*\]/, '"keyIds": []'), "StoreFailed"],
    ["fewer checks", good.replace(/"checks": \[[^\]]*\]/, '"checks": ["AA==","AA=="]'), "StoreFailed"],
    ["key ids of another type", good.replace(/"keyIds": \[[^\]]*\]/, '"keyIds": [1]'), "StoreFailed"],
    ["store id cut", good.replace(/"storeId": "../, '"storeId": "'), "StoreFailed"],
    ["another state", good.replace('"sealed"', '"encrypting"'), "StoreWrongKey"],
    ["another store id", good.replace(/"storeId": "[^"]*"/, `"storeId": "${"0".repeat(32)}"`), "StoreWrongKey"],
    ["a forged check", good.replace(/"checks": \[[^\]]*\]/, '"checks": ["AA=="]'), "StoreWrongKey"],
  ];
  for (const [name, text, code] of cases) {
    assert.notEqual(text, good, name);
    await writeFile(join(path, marker), text);
    await assert.rejects(openStore(path, { keys }), (error) => error instanceof KesError && error.code === code, name);
  }
  await writeFile(join(path, marker), good);
  await using store = await openStore(path, { keys });
  assert.deepEqual(await store.list("", soon()), []);
});

test("wrapping keys come from files and variables, and open files are reported", async (t) => {
  const path = await temporaryDirectory(t);
  const key = generateWrappingKey();
  const file = join(path, "..", "wrapping.key");
  await writeFile(file, `${formatWrappingKey(key)}\n`, { mode: 0o600 });
  const warnings: string[] = [];
  const open = (encryption: readonly ({ file: string } | { env: string; value: string })[], init = false) =>
    openKeystore({ type: "fs", path, init, encryption }, { onWarning: (message) => warnings.push(message) });
  await using store = await open([{ file }], true);
  await store.create("key", Buffer.from("x"), soon());
  assert.deepEqual(warnings, []);
  await chmod(file, 0o640);
  await using again = await open([{ file }]);
  assert.equal((await again.get("key", soon())).toString(), "x");
  assert.match(warnings.join(), /wrapping\.key has mode 0640/);
  await rejectsWith(open([{ file: join(path, "nowhere") }]), "FileUnreadable");
  await rejectsWith(open([{ file }, { env: "X", value: formatWrappingKey(key) }]), "ConfigInvalid");
  for (const value of [
    "",
    "kes-wrap:v1:",
    "kes-wrap:v2:" + "A".repeat(43) + "=",
    formatWrappingKey(key).slice(0, -1),
  ]) {
    await rejectsWith(open([{ env: "X", value }]), "ConfigInvalid");
  }
});

test("a directory others can write to is reported", async (t) => {
  const path = await temporaryDirectory(t);
  await chmod(path, 0o770);
  const warnings: string[] = [];
  await using store = await openStore(path, { init: true, onWarning: (message) => warnings.push(message) });
  assert.equal(store.type, "fs");
  assert.match(warnings.join(), /can be written by others/);
});

test("old leftovers of killed servers are swept, another server's create is left alone", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "key"), "x");
  await writeFile(join(path, ".kes-tmp-old"), "torn");
  await writeFile(join(path, ".kes-tmp-young"), "torn");
  await writeFile(join(path, ".hidden"), "not ours");
  const old = new Date(Date.now() - 3_600_000);
  for (const name of [".kes-tmp-old", ".hidden"]) await utimes(join(path, name), old, old);
  await using store = await openStore(path);
  assert.deepEqual((await readdir(path)).toSorted(), [".hidden", ".kes-tmp-young", "key"]);
  assert.deepEqual(await store.list("", soon()), ["key"]);
  await using later = await openStore(path, { now: () => Date.now() + 3_600_000 });
  assert.deepEqual((await readdir(path)).toSorted(), [".hidden", "key"]);
  assert.deepEqual(await later.list("", soon()), ["key"]);
});

test("leftovers that were too young when the store was opened go when they are old", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "key"), "x");
  await writeFile(join(path, ".kes-tmp-young"), "a key");
  let passed = 0;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await using store = await openStore(path, { now: () => Date.now() + passed });
  assert.deepEqual((await readdir(path)).toSorted(), [".kes-tmp-young", "key"]);
  passed = 302_000;
  t.mock.timers.tick(passed);
  while ((await readdir(path)).length > 1) await immediate();
  assert.deepEqual(await store.list("", soon()), ["key"]);
});

test("a directory that cannot be tidied up is still read", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "key"), "x");
  const warnings: string[] = [];
  const readOnly = Object.assign(new Error("read-only"), { code: "EROFS" });
  const open: typeof nodeFsCalls.open = (file, mode) =>
    mode === "directory" ? Promise.reject(readOnly) : nodeFsCalls.open(file, mode);
  const calls = { ...nodeFsCalls, open };
  await using store = await openStore(path, { calls, onWarning: (message) => warnings.push(message) });
  assert.equal((await store.get("key", soon())).toString(), "x");
  assert.match(warnings.join(), /could not be tidied up/);
});

test("a new store is made with its parents, private, and not over files", async (t) => {
  const path = join(await temporaryDirectory(t), "a", "b");
  const key = generateWrappingKey();
  await initStore(path, { keys: [key] });
  assert.equal((await nodeFsCalls.stat(path)).mode, 0o700);
  assert.deepEqual(await readdir(path), [marker]);
  await rejectsWith(initStore(path, { keys: [key] }), "FileExists");
  await using store = await openStore(path, { keys: [key] });
  assert.deepEqual(await store.list("", soon()), []);
});

test("two servers that start on one new directory make one store", async (t) => {
  const path = await temporaryDirectory(t);
  const keys = [generateWrappingKey()];
  const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(path, { keys, init: true })));
  for (const [at, store] of stores.entries()) await store.create(`key-${at}`, Buffer.from(`${at}`), soon());
  for (const store of stores) {
    assert.equal((await store.list("", soon())).length, 8);
    for (let at = 0; at < 8; at += 1) assert.equal((await store.get(`key-${at}`, soon())).toString(), `${at}`);
    await store[Symbol.asyncDispose]();
  }
});

test("a directory that goes away at run time is an outage, not an empty store", async (t) => {
  for (const keys of [[], [generateWrappingKey()]]) {
    const path = await temporaryDirectory(t);
    await using store = await openStore(path, { keys, init: true });
    await store.create("key", Buffer.from("x"), soon());
    const away = `${path}.away`;
    const outage = async () => {
      await rejectsWith(store.get("key", soon()), "StoreUnreachable");
      await rejectsWith(store.get("other", soon()), "StoreUnreachable");
      await rejectsWith(store.create("other", Buffer.from("y"), soon()), "StoreUnreachable");
      await rejectsWith(store.delete("key", soon()), "StoreUnreachable");
      await rejectsWith(store.list("", soon()), "StoreUnreachable");
      await rejectsWith(store.status(soon()), "StoreUnreachable");
    };
    await rename(path, away);
    await outage();
    await mkdir(path);
    await outage();
    assert.deepEqual(await readdir(path), [], "nothing was written on the bare mount point");
    await rm(path, { recursive: true });
    await writeFile(path, "a file now");
    await outage();
    await rm(path);
    await rename(away, path);
    assert.equal((await store.get("key", soon())).toString(), "x");
    assert.ok((await store.status(soon())).latency >= 0);
  }
});

test("a plain store accepts its volume mounted again elsewhere", async (t) => {
  const path = await temporaryDirectory(t);
  await using store = await openStore(path, { init: true });
  await store.create("key", Buffer.from("x"), soon());
  await rename(path, `${path}.away`);
  await mkdir(path);
  await writeFile(join(path, "key"), "x");
  assert.ok((await store.status(soon())).latency >= 0);
  await store.create("new", Buffer.from("y"), soon());
  assert.deepEqual(await readdir(path), ["key", "new"]);
});

test("an encrypted store does not take another one for itself", async (t) => {
  const path = await temporaryDirectory(t);
  const keys = [generateWrappingKey()];
  await using store = await openStore(path, { keys, init: true });
  await store.create("key", Buffer.from("x"), soon());
  await rename(path, `${path}.away`);
  await initStore(path, { keys });
  await rejectsWith(store.get("key", soon()), "StoreUnreachable");
  await rejectsWith(store.create("key", Buffer.from("y"), soon()), "StoreUnreachable");
});

test("a volume that goes away between the last look and the link gets no key", async (t) => {
  const path = await temporaryDirectory(t);
  const link: typeof nodeFsCalls.link = async (from, to) => {
    await rename(path, `${path}.away`);
    await mkdir(path);
    await nodeFsCalls.link(from, to);
  };
  await initStore(path, { keys: [] });
  await using store = await openStore(path, { calls: { ...nodeFsCalls, link } });
  await rejectsWith(store.create("key", Buffer.from("x"), soon()), "StoreUnreachable");
  assert.deepEqual(await readdir(path), []);
});

test("a store directory may itself be a symbolic link", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "key"), "x");
  await symlink(path, `${path}.link`);
  await using store = await openStore(`${path}.link`);
  assert.equal((await store.get("key", soon())).toString(), "x");
});
