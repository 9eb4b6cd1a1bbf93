import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { isKesError } from "../../../sidecar/errors.ts";
import { encryptStore, rewrapStore } from "../../../sidecar/keystore/fs/convert.ts";
import { generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import type { WrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { onDisk, Recording } from "./crash-replay.ts";
import type { Crash } from "./crash-replay.ts";
import { openStore, soon, temporaryDirectory } from "./fs-fixture.ts";

const [a, b] = [generateWrappingKey(), generateWrappingKey()];
type Skip = Parameters<typeof Recording.of>[1];

/** The value of `name` after the crash, or undefined if there is no such key; any other failure is a torn value. */
async function survivor(path: string, keys: readonly WrappingKey[], name: string): Promise<string | undefined> {
  await using store = await openStore(path, { keys, init: true });
  try {
    return (await store.get(name, soon())).toString();
  } catch (error) {
    if (isKesError(error, "KeyNotFound")) return undefined;
    throw error;
  }
}

/** Replays every crash and hands each to `check`. @returns how many there were */
async function replay(recording: Recording, check: (path: string, crash: Crash) => Promise<void>): Promise<number> {
  let count = 0;
  for (const crash of recording.crashes()) {
    count += 1;
    await onDisk(crash.disk, (path) => check(path, crash));
  }
  return count;
}

async function recordCreate(t: TestContext, keys: readonly WrappingKey[], skip?: Skip): Promise<Recording> {
  const path = await temporaryDirectory(t);
  await using first = await openStore(path, { keys, init: true });
  await first.create("before", Buffer.from("was there"), soon());
  const recording = await Recording.of(path, skip);
  await using store = await openStore(path, { keys, calls: recording.calls });
  await store.create("key", Buffer.from("the whole value"), soon());
  recording.answer("created");
  return recording;
}

function createIsWhole(keys: readonly WrappingKey[]) {
  return async (path: string, { answered }: Crash): Promise<void> => {
    assert.equal(await survivor(path, keys, "before"), "was there");
    const value = await survivor(path, keys, "key");
    if (answered.length > 0 || value !== undefined) assert.equal(value, "the whole value");
  };
}

for (const [form, keys] of [
  ["plain", []],
  ["encrypted", [a]],
] as const) {
  test(`a crash at any point of a create leaves no key or the whole key (${form})`, async (t) => {
    const recording = await recordCreate(t, keys);
    const crashes = await replay(recording, createIsWhole(keys));
    assert.ok(crashes >= 8, `${crashes} crashes`);
  });

  test(`a crash at any point of a delete leaves the whole key or none (${form})`, async (t) => {
    const path = await temporaryDirectory(t);
    await using first = await openStore(path, { keys, init: true });
    await first.create("key", Buffer.from("old"), soon());
    const recording = await Recording.of(path);
    await using store = await openStore(path, { keys, calls: recording.calls });
    await store.delete("key", soon());
    recording.answer("deleted");
    await store.create("key", Buffer.from("new"), soon());
    recording.answer("created");
    await replay(recording, async (crashed, { answered }) => {
      const value = await survivor(crashed, keys, "key");
      const allowed = [["old", undefined], [undefined, "new"], ["new"]][answered.length] ?? [];
      assert.ok(allowed.includes(value), `${answered.join()}: ${value}`);
    });
  });
}

test("the replay notices a sync that is left out", async (t) => {
  for (const skip of [["sync"], ["sync-directory"]] as const) {
    const recording = await recordCreate(t, [], skip);
    await assert.rejects(replay(recording, createIsWhole([])), assert.AssertionError, skip[0]);
  }
});

test("a crash at any point of a conversion loses no value", async (t) => {
  const path = await temporaryDirectory(t);
  const names = ["key-0", "key-1", "key-2"];
  for (const name of names) await writeFile(join(path, name), `value of ${name}`);
  const encrypting = await Recording.of(path);
  await encryptStore(path, [a], { settle: 0, calls: encrypting.calls });
  encrypting.answer("encrypted");
  const rewrapping = await Recording.of(path);
  await rewrapStore(path, [b, a], { settle: 0, calls: rewrapping.calls });
  rewrapping.answer("rewrapped");

  const holdsAll = async (crashed: string, keys: readonly WrappingKey[]) => {
    for (const name of names) assert.equal(await survivor(crashed, keys, name), `value of ${name}`);
  };
  await replay(encrypting, async (crashed, { answered, disk }) => {
    await holdsAll(crashed, disk.has(".kes-store.json") ? [a] : []);
    if (answered.length === 0) await encryptStore(crashed, [a], { settle: 0 });
    await holdsAll(crashed, [a]);
  });
  await replay(rewrapping, async (crashed, { answered }) => {
    if (answered.length === 0) {
      await holdsAll(crashed, [b, a]);
      await rewrapStore(crashed, [b, a], { settle: 0 });
    }
    await holdsAll(crashed, [b]);
  });
});
