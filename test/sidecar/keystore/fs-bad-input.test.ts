import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { link, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { storeDefaults } from "../../../sidecar/config/plain-sections.ts";
import { KesError } from "../../../sidecar/errors.ts";
import { KeyService } from "../../../sidecar/keys/key-service.ts";
import { nodeFsCalls } from "../../../sidecar/keystore/fs/fs-calls.ts";
import type { FsCalls, FsFile, OpenMode } from "../../../sidecar/keystore/fs/fs-calls.ts";
import { initStore } from "../../../sidecar/keystore/fs/init-store.ts";
import { generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { rejectsWith } from "../../contract/keystore.ts";
import { openStore, soon, temporaryDirectory } from "./fs-fixture.ts";

const posix = (code: string) => Object.assign(new Error(`${code}: as the test wants`), { code });

/** Real calls, but `fail` may replace any of them. */
function failing(
  fail: Partial<Record<"open" | "write" | "sync" | "link" | "unlink" | "read", string>>,
  only?: OpenMode,
) {
  const open = async (path: string, mode: OpenMode): Promise<FsFile> => {
    const hit = only === undefined || only === mode;
    if (hit && fail.open !== undefined) throw posix(fail.open);
    const file = await nodeFsCalls.open(path, mode);
    const failed = (code: string | undefined) => (hit && code !== undefined ? Promise.reject(posix(code)) : undefined);
    return {
      read: (limit) => failed(fail.read) ?? file.read(limit),
      // Half of the bytes arrive before the disk is full.
      write: async (bytes) => {
        if (hit && fail.write !== undefined) await file.write(bytes.subarray(0, bytes.length / 2));
        await (failed(fail.write) ?? file.write(bytes));
      },
      sync: () => failed(fail.sync) ?? file.sync(),
      facts: () => file.facts(),
      close: () => file.close(),
    };
  };
  const calls: FsCalls = {
    ...nodeFsCalls,
    open,
    link: (from, to) => (fail.link === undefined ? nodeFsCalls.link(from, to) : Promise.reject(posix(fail.link))),
    unlink: (path) => (fail.unlink === undefined ? nodeFsCalls.unlink(path) : Promise.reject(posix(fail.unlink))),
  };
  return calls;
}

const createFailures: readonly [string, FsCalls, string, RegExp][] = [
  ["the disk fills up while writing", failing({ write: "ENOSPC" }, "create"), "StoreFailed", /full/],
  ["the quota is used up while writing", failing({ write: "EDQUOT" }, "create"), "StoreFailed", /full/],
  ["the disk fills up while syncing", failing({ sync: "ENOSPC" }, "create"), "StoreFailed", /full/],
  ["no file can be opened", failing({ open: "EMFILE" }, "create"), "StoreFailed", /open files/],
  ["the file system is read-only", failing({ open: "EROFS" }, "create"), "StoreFailed", /read-only/],
  ["the directory is not writable", failing({ open: "EACCES" }, "create"), "StoreFailed", /permission/],
  ["the disk breaks while syncing", failing({ sync: "EIO" }, "create"), "StoreUnreachable", /does not answer/],
  ["the file server has gone stale", failing({ open: "ESTALE" }, "create"), "StoreUnreachable", /does not answer/],
  ["the disk fills up while linking", failing({ link: "ENOSPC" }), "StoreFailed", /full/],
  ["the file system has no links", failing({ link: "EPERM" }), "StoreFailed", /hard links/],
  ["the file system knows no links", failing({ link: "EOPNOTSUPP" }), "StoreFailed", /hard links/],
  ["something unheard of happens", failing({ link: "EWEIRD" }), "StoreFailed", /EWEIRD/],
];

for (const [name, calls, code, text] of createFailures) {
  test(`a create fails whole when ${name}`, async (t) => {
    for (const keys of [[], [generateWrappingKey()]]) {
      const path = await temporaryDirectory(t);
      await using good = await openStore(path, { keys, init: true });
      await good.create("other", Buffer.from("x"), soon());
      const before = await readdir(path);
      await using store = await openStore(path, { keys, calls });
      await assert.rejects(store.create("key", Buffer.alloc(4096, "v"), soon()), (error) => {
        return error instanceof KesError && error.code === code && text.test(error.message);
      });
      assert.deepEqual(await readdir(path), before, "nothing is left behind");
      await rejectsWith(good.get("key", soon()), "KeyNotFound");
      await good.create("key", Buffer.from("now"), soon());
    }
  });
}

test("a create whose directory cannot be synced throws, and its whole value is read only once a sync works", async (t) => {
  const path = await temporaryDirectory(t);
  await initStore(path, { keys: [] });
  let isBroken = true;
  const broken = failing({ sync: "EIO" }, "directory");
  const open: FsCalls["open"] = (file, mode) => (isBroken ? broken : nodeFsCalls).open(file, mode);
  await using store = await openStore(path, { calls: { ...nodeFsCalls, open } });
  await rejectsWith(store.create("key", Buffer.from("whole"), soon()), "StoreUnreachable");
  await rejectsWith(store.get("key", soon()), "StoreUnreachable");
  isBroken = false;
  assert.equal((await store.get("key", soon())).toString(), "whole");
  await store.delete("key", soon());
  assert.deepEqual(await readdir(path), [".kes-plain-store"]);
});

test("a create is answered by a key service only once its directory was synced", async (t) => {
  const path = await temporaryDirectory(t);
  await initStore(path, { keys: [] });
  const store = await openStore(path, { calls: failing({ open: "EMFILE" }, "directory") });
  const cache = { any: 60_000, unused: 60_000, offline: 0 };
  await using keys = new KeyService({ store, cache, policy: storeDefaults });
  await rejectsWith(keys.create("key", { createdBy: "me" }, soon()), "StoreFailed");
});

async function linkWithoutAnswer(from: string, to: string): Promise<void> {
  await nodeFsCalls.link(from, to);
  throw posix("EEXIST");
}

test("a link whose answer was lost counts, one that another made does not", async (t) => {
  const path = await temporaryDirectory(t);
  await using store = await openStore(path, { init: true, calls: { ...nodeFsCalls, link: linkWithoutAnswer } });
  await store.create("key", Buffer.from("ours"), soon());
  assert.equal((await store.get("key", soon())).toString(), "ours");
  await using other = await openStore(path);
  await rejectsWith(other.create("key", Buffer.from("theirs"), soon()), "KeyExists");
  assert.deepEqual((await readdir(path)).toSorted(), [".kes-plain-store", "key"]);
});

test("a temporary file that cannot be removed fails no create and shows nowhere", async (t) => {
  const path = await temporaryDirectory(t);
  await using store = await openStore(path, { init: true, calls: failing({ unlink: "EIO" }) });
  await store.create("key", Buffer.from("x"), soon());
  assert.deepEqual(await store.list("", soon()), ["key"]);
  assert.equal((await store.get("key", soon())).toString(), "x");
});

const denied = () => Promise.reject(posix("EACCES"));

test("reading and deleting report what the system said", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "key"), "x");
  const cases: readonly [FsCalls, "get" | "delete", string][] = [
    [failing({ open: "EACCES" }, "read"), "get", "StoreFailed"],
    [failing({ read: "EIO" }, "read"), "get", "StoreUnreachable"],
    [failing({ unlink: "EROFS" }), "delete", "StoreFailed"],
    [failing({ unlink: "EACCES" }), "delete", "StoreFailed"],
  ];
  for (const [calls, operation, code] of cases) {
    await using store = await openStore(path, { calls });
    await assert.rejects(store[operation]("key", soon()), (error) => error instanceof KesError && error.code === code);
  }
  assert.equal(await readFile(join(path, "key"), "utf8"), "x");
  await rejectsWith(openStore(path, { calls: { ...nodeFsCalls, files: denied } }), "StoreFailed");
  await rejectsWith(openStore(path, { calls: { ...nodeFsCalls, stat: denied } }), "StoreFailed");
  await rejectsWith(openStore(path, { calls: { ...nodeFsCalls, lstat: denied } }), "StoreFailed");
});

test("a dead file server is given up when the signal aborts", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "key"), "x");
  let hang = false;
  const open: FsCalls["open"] = (file, mode) => (hang ? new Promise(() => undefined) : nodeFsCalls.open(file, mode));
  await using store = await openStore(path, { calls: { ...nodeFsCalls, open } });
  hang = true;
  const stop = new AbortController();
  const work = [store.get("key", stop.signal), store.create("new", Buffer.from("x"), stop.signal)];
  setTimeout(() => stop.abort(), 20);
  for (const call of work) await rejectsWith(call, "StoreUnreachable");
});

test("a create that is aborted before its link leaves nothing", async (t) => {
  const path = await temporaryDirectory(t);
  const stop = new AbortController();
  const { promise: written, resolve } = Promise.withResolvers<void>();
  const unlinks: string[] = [];
  const calls: FsCalls = {
    ...nodeFsCalls,
    open: async (file, mode) => {
      if (mode === "create") stop.abort();
      return nodeFsCalls.open(file, mode);
    },
    unlink: async (file) => {
      unlinks.push(file);
      await nodeFsCalls.unlink(file);
      resolve();
    },
  };
  await initStore(path, { keys: [] });
  const before = await readdir(path);
  await using store = await openStore(path, { calls });
  await rejectsWith(store.create("key", Buffer.from("x"), stop.signal), "StoreUnreachable");
  await written;
  assert.equal(unlinks.length, 1);
  assert.deepEqual(await readdir(path), before);
});

test("foreign entries are neither listed nor read as keys", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "key"), "x");
  await writeFile(join(path, "outside.txt"), "not a key's name");
  await mkdir(join(path, "directory"));
  await symlink(join(path, "key"), join(path, "link"));
  execFileSync("mkfifo", [join(path, "pipe")]);
  await writeFile(join(path, "huge"), Buffer.alloc(1024 * 1024 + 257, "x"));
  await using store = await openStore(path);
  assert.deepEqual(await store.list("", soon()), ["huge", "key"]);
  await rejectsWith(store.get("directory", soon()), "KeyCorrupt");
  await rejectsWith(store.get("pipe", soon()), "KeyCorrupt");
  await rejectsWith(store.get("huge", soon()), "KeyCorrupt");
  await rejectsWith(store.get("link", soon()), "StoreFailed");
  await rejectsWith(store.delete("directory", soon()), "StoreFailed");
  for (const name of ["directory", "pipe", "link", "huge"]) {
    await rejectsWith(store.create(name, Buffer.from("y"), soon()), "KeyExists");
  }
});

test("a key whose create died before its directory was synced is synced before it is used", async (t) => {
  const path = await temporaryDirectory(t);
  await writeFile(join(path, "done"), "x");
  await writeFile(join(path, ".kes-tmp-dead"), "y");
  await link(join(path, ".kes-tmp-dead"), join(path, "died"));
  let opened = 0;
  const open: FsCalls["open"] = (file, mode) => {
    if (mode === "directory") opened += 1;
    return nodeFsCalls.open(file, mode);
  };
  await using store = await openStore(path, { calls: { ...nodeFsCalls, open } });
  opened = 0;
  await store.get("done", soon());
  assert.equal(opened, 0);
  assert.equal((await store.get("died", soon())).toString(), "y");
  assert.equal(opened, 1);
});

test("a sealed value that was cut, changed, moved or swapped is never opened", async (t) => {
  const path = await temporaryDirectory(t);
  const key = generateWrappingKey();
  await using store = await openStore(path, { keys: [key], init: true });
  await store.create("key", Buffer.from("the value"), soon());
  const good = await readFile(join(path, "key"));
  await writeFile(join(path, "moved"), good);
  await rejectsWith(store.get("moved", soon()), "KeyCorrupt");
  for (let at = 0; at < good.length; at += 1) {
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(at) ^ 0x01, at);
    await writeFile(join(path, "key"), bad);
    await rejectsWith(store.get("key", soon()), "KeyCorrupt", "StoreWrongKey", "StoreNotEncrypted");
  }
  for (let size = 0; size < good.length; size += 1) {
    await writeFile(join(path, "key"), good.subarray(0, size));
    await rejectsWith(store.get("key", soon()), "KeyCorrupt", "StoreNotEncrypted");
  }
  const other = await temporaryDirectory(t);
  await using second = await openStore(other, { keys: [key], init: true });
  await second.create("key", Buffer.from("the value"), soon());
  await writeFile(join(path, "key"), await readFile(join(other, "key")));
  await rejectsWith(store.get("key", soon()), "KeyCorrupt");
  await writeFile(join(path, "key"), good);
  assert.equal((await store.get("key", soon())).toString(), "the value");
});

test("a plain value planted in an encrypted store is not served", async (t) => {
  const path = await temporaryDirectory(t);
  await using store = await openStore(path, { keys: [generateWrappingKey()], init: true });
  await writeFile(join(path, "planted"), "a key the attacker knows");
  await rejectsWith(store.get("planted", soon()), "StoreNotEncrypted");
});

test("an encrypted store that was closed seals and opens nothing more", async (t) => {
  const path = await temporaryDirectory(t);
  const store = await openStore(path, { keys: [generateWrappingKey()], init: true });
  await store.create("key", Buffer.from("x"), soon());
  await store[Symbol.asyncDispose]();
  await rejectsWith(store.get("key", soon()), "StoreUnreachable");
  await rejectsWith(store.create("new", Buffer.from("x"), soon()), "StoreUnreachable");
});
