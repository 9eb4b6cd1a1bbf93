import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { after, test } from "node:test";

import { generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { openKeystore } from "../../../sidecar/keystore/open.ts";
import { keystoreContract } from "../../contract/keystore.ts";
import { openStore, sourcesOf, temporaryDirectory } from "./fs-fixture.ts";

const made: string[] = [];
after(async () => {
  for (const path of made) await rm(dirname(path), { recursive: true, force: true });
});

async function directory(): Promise<string> {
  const path = await temporaryDirectory();
  made.push(path);
  return path;
}

keystoreContract("memory", { open: () => openKeystore({ type: "memory" }) });

keystoreContract("fs", {
  open: async () => openKeystore({ type: "fs", path: await directory(), init: true, encryption: [] }),
});

keystoreContract("encrypted fs", {
  open: async () => openStore(await directory(), { init: true, keys: [generateWrappingKey(), generateWrappingKey()] }),
});

test("each store has the banner text of the reference", async () => {
  await using memory = await openKeystore({ type: "memory" });
  assert.deepEqual([memory.type, memory.label], ["memory", "In Memory"]);
  const path = await directory();
  await using fs = await openKeystore({ type: "fs", path, init: true, encryption: sourcesOf([generateWrappingKey()]) });
  assert.deepEqual([fs.type, fs.label], ["fs", `Filesystem: ${path}`]);
});

test("what the memory store held is wiped with it", async () => {
  const store = await openKeystore({ type: "memory" });
  await store.create("key", Buffer.from("x"), AbortSignal.timeout(1000));
  await store[Symbol.asyncDispose]();
  assert.deepEqual(await store.list("", AbortSignal.timeout(1000)), []);
});
