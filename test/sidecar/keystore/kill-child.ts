// The process the kill and trace tests kill and watch: node kill-child.ts <job> <directory> <first name> [wrapping key…]
// It answers on stdout with one synchronous write per line, after the store has returned, as a server answers 200.
import { writeSync } from "node:fs";

import { encryptStore, rewrapStore } from "../../../sidecar/keystore/fs/convert.ts";
import { parseWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { openStore, soon } from "./fs-fixture.ts";
import { valueOf } from "./kill-value.ts";

const [job = "", path = "", first = "", ...texts] = process.argv.slice(2);
const keys = texts.map((text) => parseWrappingKey(text, "the argument"));
const answer = (line: string): void => void writeSync(1, `${line}\n`);

/** Creates keys without end, and deletes every third again. */
async function createForEver(): Promise<void> {
  await using store = await openStore(path, { keys, init: true });
  answer("ready");
  for (let at = 0; ; at += 1) {
    const name = `${first}-${at}`;
    await store.create(name, Buffer.from(valueOf(name)), soon());
    answer(`created ${name}`);
    if (at % 3 !== 2) continue;
    answer(`deleting ${name}`);
    await store.delete(name, soon());
    answer(`deleted ${name}`);
  }
}

async function createOne(): Promise<void> {
  await using store = await openStore(path, { keys, init: true });
  answer("ready");
  await store.create(first, Buffer.from(valueOf(first)), soon());
  answer("created");
  await store.delete(first, soon());
  answer("deleted");
}

async function convert(run: typeof encryptStore): Promise<void> {
  answer("ready");
  await run(path, keys, { settle: 0 });
  answer("converted");
}

const jobs = new Map([
  ["create-for-ever", createForEver],
  ["create-one", createOne],
  ["encrypt", () => convert(encryptStore)],
  ["rewrap", () => convert(rewrapStore)],
]);
await jobs.get(job)?.();
