// A server and the directory its keys are in: when it refuses to start, what clients see when the directory goes away
// under it, and what has reached the disk before a create is answered (decisions K2, K3).
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { formatWrappingKey, generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { ApiClient } from "../../support/api-client.ts";
import { kes as runKes } from "../../support/environment.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";
import { hasStrace, trace } from "./strace.ts";
import type { SystemCall } from "./strace.ts";

let kes: Kes;
let keys: string;
let away: string;

before(async () => {
  kes = await startKes();
  keys = join(kes.folder, "keys");
  away = join(kes.folder, "away");
});

after(() => kes[Symbol.asyncDispose]());

/** Starts a second server on the same files; it must refuse. */
async function refusal(): Promise<string> {
  const { code, stderr } = await runKes(["server", "--config", kes.configFile, "--addr", "127.0.0.1:0"]);
  assert.equal(code, 1, stderr);
  return stderr;
}

/** Does `work` while the store's directory is somewhere else. */
async function unmounted(work: () => Promise<void>): Promise<void> {
  renameSync(keys, away);
  try {
    await work();
  } finally {
    rmSync(keys, { recursive: true, force: true });
    renameSync(away, keys);
  }
}

describe("a server does not start", () => {
  test("on a directory that does not exist, and does not make it", async () => {
    await unmounted(async () => {
      const sentence = `Error: the key store directory ${keys} does not exist; mount its volume, or for a new store`;
      assert.ok((await refusal()).includes(sentence));
      assert.ok(!readdirSync(kes.folder).includes("keys"));
    });
  });

  test("on an empty directory, which may be the mount point of a volume, and leaves it empty", async () => {
    await unmounted(async () => {
      mkdirSync(keys);
      assert.match(await refusal(), /Error: .*keys.* is empty/);
      assert.deepEqual(readdirSync(keys), []);
    });
  });

  test("with another wrapping key, and changes nothing", async () => {
    const file = join(kes.folder, "wrapping.key");
    const right = readFileSync(file);
    using other = generateWrappingKey();
    const found = readdirSync(keys);
    writeFileSync(file, formatWrappingKey(other));
    try {
      const text = await refusal();
      assert.match(text, /Error: .*wrapping key/);
      assert.ok(!text.includes(formatWrappingKey(other).trim()));
    } finally {
      writeFileSync(file, right);
    }
    assert.deepEqual(readdirSync(keys), found);
  });
});

describe("a server whose directory goes away", () => {
  for (const protocol of protocols) {
    test(`never says over ${protocol} that a key does not exist, and uses the keys it has in memory`, async () => {
      await using client = apiClient(protocol, kes.url, kes.admin, kes.server);
      const cached = `cached-${protocol}`;
      const other = `other-${protocol}`;
      for (const name of [cached, other]) {
        assert.equal((await client.ask(`/v1/key/create/${name}`, { method: "PUT" })).status, 200);
      }
      assert.equal((await generate(client, cached)).status, 200);
      for (const replacement of ["nothing", "an empty directory"]) {
        await unmounted(async () => {
          if (replacement !== "nothing") mkdirSync(keys);
          assert.equal((await generate(client, cached)).status, 200);
          assert.equal((await generate(client, other)).text, '{"message":"failed to read key"\n}');
          await isGone(client, protocol);
          if (replacement !== "nothing") assert.deepEqual(readdirSync(keys), []);
        });
        await reachable(client);
      }
      assert.equal((await generate(client, other)).status, 200);
    });
  }
});

async function isGone(client: ApiClient, protocol: string): Promise<void> {
  const asked: readonly (readonly [path: string, method: string, status: number])[] = [
    [`/v1/key/describe/unknown-${protocol}`, "GET", 502],
    [`/v1/key/create/new-${protocol}`, "PUT", 502],
    [`/v1/key/delete/other-${protocol}`, "DELETE", 502],
    ["/v1/key/list/*", "GET", 502],
    ["/v1/ready", "GET", 504],
  ];
  for (const [path, method, status] of asked) {
    const answer = await client.ask(path, { method });
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
    assert.ok(!answer.text.includes(kes.folder), "the client learns no path of the server");
  }
}

async function generate(client: ApiClient, name: string): ReturnType<ApiClient["ask"]> {
  return client.ask(`/v1/key/generate/${name}`, { method: "PUT", body: {} });
}

async function reachable(client: ApiClient): Promise<void> {
  const deadline = Date.now() + 15_000;
  while ((await client.ask("/v1/ready")).status !== 200) {
    assert.ok(Date.now() < deadline, "the key store is not found again");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("a create is answered only when the key and its name are on the disk and were read back", async (t) => {
  if (!hasStrace()) return t.skip("strace is not installed");
  // A server without other clients: what it writes to a socket is the answer, and no farewell to somebody else.
  await using quiet = await startKes();
  await using client = apiClient("h1", quiet.url, quiet.admin, quiet.server);
  assert.equal((await client.ask("/version")).status, 200);
  const calls = "fsync,fdatasync,?link,linkat,?open,openat,write,writev,sendto,sendmsg";
  const following = await trace(quiet.pid, calls, join(quiet.folder, "trace"));
  assert.equal((await client.ask("/v1/key/create/traced", { method: "PUT" })).status, 200);
  const seen = await following.end();

  const only = (what: string, test: (call: SystemCall) => boolean): SystemCall => {
    const [first, ...more] = seen.filter((call) => test(call));
    assert.ok(first !== undefined && more.length === 0, `${what}: ${JSON.stringify([first, ...more])}`);
    return first;
  };
  const synced = only("fsync of the file", ({ name, args }) => name === "fsync" && args.includes("/keys/.kes-tmp-"));
  const linked = only("link", ({ name, args }) => name.startsWith("link") && args.includes("/keys/traced"));
  const named = only("fsync of the directory", ({ name, args }) => name === "fsync" && args.includes("/keys>"));
  const back = only("read-back", ({ name, args }) => {
    return name.startsWith("open") && args.includes("/keys/traced") && args.includes("O_RDONLY");
  });
  // Not its output (1, 2), where the record of the request before may just be written.
  const answer = seen.find(({ name, args }) => /^(write|send)/.test(name) && /^(?![12]<)\d+<(socket|TCP)/.test(args));
  assert.ok(answer !== undefined, "no answer was seen");
  assert.ok(synced.ended < linked.began, "the file is on the disk before it has its name");
  assert.ok(linked.ended < named.began, "the name is there before it is brought to the disk");
  assert.ok(named.ended < back.began, "the key is read back after that");
  assert.ok(back.ended < answer.began, "nothing is answered before");
  return undefined;
});
