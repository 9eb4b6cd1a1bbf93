// Names that are kept between listings must never be the names of yesterday.
import assert from "node:assert/strict";
import { rename, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { nodeFsCalls } from "../../../sidecar/keystore/fs/fs-calls.ts";
import type { FsCalls } from "../../../sidecar/keystore/fs/fs-calls.ts";
import type { Keystore } from "../../../sidecar/keystore/keystore.ts";
import { openStore, soon, temporaryDirectory } from "./fs-fixture.ts";

/** A store with two keys, and how often its directory was read. */
async function listedStore(context: TestContext) {
  const path = await temporaryDirectory(context);
  let readings = 0;
  const calls: FsCalls = {
    ...nodeFsCalls,
    files(folder) {
      readings += 1;
      return nodeFsCalls.files(folder);
    },
  };
  const store = await openStore(path, { calls, init: true });
  for (const name of ["b", "a"]) await store.create(name, Buffer.from("value"), soon());
  const open = async (): Promise<{ store: Keystore; readings: number }> => {
    const before = readings;
    return { store: await openStore(path, { calls }), readings: readings - before };
  };
  const list = async (of = store, prefix = ""): Promise<{ names: string[]; readings: number }> => {
    const before = readings;
    return { names: await of.list(prefix, soon()), readings: readings - before };
  };
  const settle = (): Promise<void> => utimes(path, new Date(0), new Date(Date.now() - 60_000));
  return { path, store, open, list, settle };
}

test("a directory that stays as it is is read once", async (t) => {
  const { store, list, settle } = await listedStore(t);
  await settle();
  assert.deepEqual(await list(), { names: ["a", "b"], readings: 1 });
  assert.deepEqual(await list(), { names: ["a", "b"], readings: 0 });
  assert.deepEqual(await list(store, "b"), { names: ["b"], readings: 0 });
});

test("a store that is opened reads its directory once, and the first listing not again", async (t) => {
  const { open, list, settle } = await listedStore(t);
  await settle();
  const opened = await open();
  assert.equal(opened.readings, 1);
  assert.deepEqual(await list(opened.store), { names: ["a", "b"], readings: 0 });
});

test("names are kept for an hour, whatever the file system's clock says", async (t) => {
  const { list, settle } = await listedStore(t);
  await settle();
  const start = performance.now();
  const now = t.mock.method(performance, "now", () => start);
  assert.deepEqual(await list(), { names: ["a", "b"], readings: 1 });
  now.mock.mockImplementation(() => start + 3_599_000);
  assert.deepEqual(await list(), { names: ["a", "b"], readings: 0 });
  now.mock.mockImplementation(() => start + 3_600_000);
  assert.deepEqual(await list(), { names: ["a", "b"], readings: 1 });
});

test("a directory that has just changed is read again every time", async (t) => {
  const { list } = await listedStore(t);
  assert.deepEqual(await list(), { names: ["a", "b"], readings: 1 });
  assert.deepEqual(await list(), { names: ["a", "b"], readings: 1 });
});

const changes: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "a file of another server": (path) => writeFile(join(path, "c"), "value"),
  "a file that is gone": (path) => unlink(join(path, "a")),
  "a file that is called otherwise": (path) => rename(join(path, "a"), join(path, "c")),
  "a file that has become a link": async (path) => {
    await unlink(join(path, "a"));
    await symlink("b", join(path, "a"));
  },
};
const expected: Readonly<Record<string, string[]>> = {
  "a file of another server": ["a", "b", "c"],
  "a file that is gone": ["b"],
  "a file that is called otherwise": ["b", "c"],
  "a file that has become a link": ["b"],
};
for (const [what, change] of Object.entries(changes)) {
  test(`${what} shows at once`, async (t) => {
    const { path, list, settle } = await listedStore(t);
    await settle();
    await list();
    await change(path);
    assert.deepEqual(await list(), { names: expected[what], readings: 1 });
  });
}

test("what a caller does with the names changes nobody else's", async (t) => {
  const { store, settle } = await listedStore(t);
  await settle();
  const names = await store.list("", soon());
  names.pop();
  const again = await store.list("", soon());
  again.pop();
  assert.deepEqual(await store.list("", soon()), ["a", "b"]);
});
