// kill -9 at random instants, more than 300 times (issue: "loses and corrupts nothing"). It proves that the program
// can die anywhere; fs-crash.test.ts and trace.test.ts are about the power.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { isKesError } from "../../../sidecar/errors.ts";
import { encryptStore, rewrapStore } from "../../../sidecar/keystore/fs/convert.ts";
import { formatWrappingKey, generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import type { WrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import type { Keystore } from "../../../sidecar/keystore/keystore.ts";
import { openStore, soon, temporaryDirectory } from "./fs-fixture.ts";
import { valueOf } from "./kill-value.ts";

const child = join(import.meta.dirname, "kill-child.ts");
const [a, b] = [generateWrappingKey(), generateWrappingKey()];

// Compiled code is kept between the children, or most of the time would go into parsing the same files.
let compiled = "";
before(async () => {
  compiled = await mkdtemp(join(tmpdir(), "kes-compiled-"));
  // A killed process writes no compiled code, so one lives to its end first.
  const path = await temporaryDirectory();
  await runAndKill(["create-one", path, "key", formatWrappingKey(a)], 10_000);
  await rm(dirname(path), { recursive: true });
});
after(() => rm(compiled, { recursive: true, force: true }));

interface Run {
  /** The whole lines it wrote. */
  readonly lines: readonly string[];
  readonly killed: boolean;
}

/** Runs a child and kills it `delayAfterReady` milliseconds after its first line, unless it has ended. */
async function runAndKill(args: readonly string[], delayAfterReady: number): Promise<Run> {
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled };
  const running = spawn(process.execPath, [child, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<string | null>(
    (resolve) => void running.once("close", (_code, signal) => resolve(signal)),
  );
  let output = "";
  const ready = new Promise<void>((resolve) => {
    running.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      resolve();
    });
  });
  await Promise.race([ready, exited]);
  await Promise.race([delay(delayAfterReady), exited]);
  running.kill("SIGKILL");
  const signal = await exited;
  return { lines: output.slice(0, output.lastIndexOf("\n") + 1).split("\n"), killed: signal === "SIGKILL" };
}

async function valueIn(store: Keystore, name: string): Promise<string | undefined> {
  try {
    return (await store.get(name, soon())).toString();
  } catch (error) {
    if (isKesError(error, "KeyNotFound")) return undefined;
    throw error;
  }
}

/** Reported keys are whole, deleted ones gone, the rest whole or absent. @returns how many were reported */
async function checkCreates(path: string, prefix: string, keys: readonly WrappingKey[], { lines }: Run) {
  await using store = await openStore(path, { keys });
  const said = (word: string) =>
    new Set(lines.flatMap((line) => (line.startsWith(word) ? [line.split(" ")[1] ?? ""] : [])));
  const [created, deleting, deleted] = [said("created "), said("deleting "), said("deleted ")];
  for (const name of created) {
    const value = await valueIn(store, name);
    if (deleted.has(name)) assert.equal(value, undefined, `${name} was deleted`);
    else if (!deleting.has(name)) assert.equal(value, valueOf(name), `${name} was reported`);
  }
  for (const name of await store.list(`${prefix}-`, soon())) assert.equal(await valueIn(store, name), valueOf(name));
  return created.size;
}

for (const [form, keys] of [
  ["plain", []],
  ["encrypted", [a]],
] as const) {
  test(`150 kills of a server that creates and deletes: nothing lost, nothing torn (${form})`, async () => {
    const path = await temporaryDirectory();
    await using first = await openStore(path, { keys, init: true });
    const start = performance.now();
    await first.create("first", Buffer.from(valueOf("first")), soon());
    // Some creates long, also on a slow disk.
    const longest = Math.min(40, 5 + 10 * (performance.now() - start));
    let next = 0;
    let kills = 0;
    let reported = 0;
    const lane = async (): Promise<void> => {
      while (kills < 150) {
        const prefix = `run-${next}`;
        next += 1;
        const args = ["create-for-ever", path, prefix, ...keys.map((key) => formatWrappingKey(key))];
        const run = await runAndKill(args, Math.random() * longest);
        assert.equal(run.killed, true);
        kills += 1;
        reported += await checkCreates(path, prefix, keys, run);
      }
    };
    await Promise.all([lane(), lane()]);
    assert.equal(await valueIn(first, "first"), valueOf("first"));
    assert.ok(reported > 30, `only ${reported} keys were reported in ${kills} kills`);
    await sweepTest(path, keys);
    await rm(dirname(path), { recursive: true });
  });
}

/** What killed children left behind goes away once it is old. */
async function sweepTest(path: string, keys: readonly WrappingKey[]): Promise<void> {
  await using store = await openStore(path, { keys, now: () => Date.now() + 3_600_000 });
  const files = await readdir(path);
  assert.deepEqual(
    files.filter((name) => name.startsWith(".kes-tmp-")),
    [],
  );
  assert.ok((await store.list("", soon())).includes("first"));
}

for (const [job, before, given, finish] of [
  ["encrypt", [], [a], encryptStore],
  ["rewrap", [a], [b, a], rewrapStore],
] as const) {
  test(`${job} can be killed anywhere and run again until it is done`, async (t) => {
    const path = await temporaryDirectory(t);
    const names = Array.from({ length: 40 }, (_, at) => `key-${at}`);
    for (const name of names) await writeFile(join(path, name), valueOf(name));
    if (before.length > 0) await encryptStore(path, before, { settle: 0 });
    let kills = 0;
    for (let round = 0; round < 15; round += 1) {
      const args = [job, path, "-", ...given.map((key) => formatWrappingKey(key))];
      const run = await runAndKill(args, Math.random() * 40);
      if (run.killed) kills += 1;
      const hasMarker = (await readdir(path)).includes(".kes-store.json");
      await using store = await openStore(path, { keys: hasMarker ? given : before });
      for (const name of names) assert.equal(await valueIn(store, name), valueOf(name));
    }
    assert.ok(kills > 0, "every run was finished before its kill");
    await finish(path, given, { settle: 0 });
    await using store = await openStore(path, { keys: given.slice(0, 1) });
    for (const name of names) {
      assert.equal(await valueIn(store, name), valueOf(name));
      assert.equal((await readFile(join(path, name))).toString("hex", 9, 13), given[0].id);
    }
  });
}
