import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { migrateKeys, type Migration } from "../../../sidecar/commands/migration.ts";
import { Progress } from "../../../sidecar/commands/progress.ts";
import { Terminal } from "../../../sidecar/commands/terminal.ts";
import { KesError } from "../../../sidecar/errors.ts";
import { MemoryKeystore } from "../../../sidecar/keystore/memory.ts";
import { openKeystore } from "../../../sidecar/keystore/open.ts";
import { kes, makeWorld, type RunResult } from "../../support/environment.ts";

const signal = new AbortController().signal;
const folders: string[] = [];
let cwd = "";

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "kes-stores-"));
  folders.push(cwd);
  await kes(["init", "plain"], { cwd });
  await kes(["init", "sealed"], { cwd });
  // The source is a plain directory, as the Go server leaves it; sealed.yaml is the encrypted target.
  await rm(join(cwd, "plain/keys/.kes-store.json"));
  const config = await readFile(join(cwd, "plain/server.yaml"), "utf8");
  await writeFile(join(cwd, "plain.yaml"), config.slice(0, config.indexOf("    encryption:")));
  await writeFile(join(cwd, "encrypted.yaml"), config);
  await writeFile(join(cwd, "sealed.yaml"), await readFile(join(cwd, "sealed/server.yaml"), "utf8"));
  for (const name of ["a-1", "a-2", "b-1"]) await writeFile(join(cwd, "plain/keys", name), `value of ${name}`);
});
after(async () => void (await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))));

async function valuesOf(name: "plain" | "sealed"): Promise<Record<string, string>> {
  const wrapping = { file: join(cwd, name, "wrapping.key") };
  await using store = await openKeystore({
    type: "fs",
    path: join(cwd, name, "keys"),
    init: false,
    encryption: name === "plain" ? [] : [wrapping],
  });
  const names = await store.list("", signal);
  const entries = names.map(async (key) => [key, (await store.get(key, signal)).toString()] as const);
  return Object.fromEntries(await Promise.all(entries));
}

const migrate = (line: string): Promise<RunResult> =>
  kes(["migrate", ...line.split(" "), "--from", "plain.yaml", "--to", "sealed.yaml"].filter(Boolean), { cwd });

describe("kes migrate", () => {
  const all = { "a-1": "value of a-1", "a-2": "value of a-2", "b-1": "value of b-1" };

  test("copies every value as it is and says how many", async () => {
    const { code, stdout } = await migrate("");
    assert.deepEqual([code, stdout], [0, "Starting key migration:\nMigrated 3 keys successfully!\n"]);
    assert.deepEqual(await valuesOf("sealed"), all);
  });

  test("neither out of nor into a store whose keys are inside a KMS", async () => {
    const vault = { endpoint: "v:8200", approle: { id: "i", secret: "s" }, transit: { key: "k", mode: "remote" } };
    const config = { admin: { identity: "disabled" }, tls: { key: "k", cert: "c" }, keystore: { vault } };
    await writeFile(join(cwd, "remote.yaml"), JSON.stringify(config));
    for (const [from, to] of [
      ["plain.yaml", "remote.yaml"],
      ["remote.yaml", "plain.yaml"],
    ] as const) {
      const { code, stderr } = await kes(["migrate", "--from", from, "--to", to], { cwd });
      assert.equal(code, 1);
      assert.match(
        stderr,
        /keys of Hashicorp Vault: https:\/\/v:8200 are inside the KMS .*neither be copied out nor in/,
      );
    }
  });

  test("copies only the names that match, and nothing in a dry run", async () => {
    assert.equal((await migrate("a-* --dry-run")).stdout, "Dry run, nothing is written:\nWould migrate 2 keys.\n");
    assert.deepEqual(await valuesOf("sealed"), {});
    await migrate("?-2");
    assert.deepEqual(await valuesOf("sealed"), { "a-2": "value of a-2" });
  });

  test("run again, or after it was stopped half-way, it goes on from there", async () => {
    await migrate("a-1");
    const { code, stdout } = await migrate("");
    const expected =
      "Starting key migration:\n1 keys were there already, with the same value.\nMigrated 2 keys successfully!\n";
    assert.deepEqual([code, stdout], [0, expected]);
    assert.match((await migrate("")).stdout, /Migration succeeded! No keys migrated\.\n$/);
    assert.deepEqual(await valuesOf("sealed"), all);
  });

  test("a key with another value at the target stops it before anything is written", async () => {
    await migrate("a-1");
    await writeFile(join(cwd, "plain/keys/a-1"), "changed");
    const { code, stderr } = await migrate("");
    assert.equal(code, 1);
    assert.match(stderr, /1 keys exist at the target with another value \(a-1\); nothing was written/);
    assert.deepEqual(await valuesOf("sealed"), { "a-1": "value of a-1" });
  });

  test("--merge leaves such a key as it is, --force replaces it", async () => {
    await migrate("a-1");
    await writeFile(join(cwd, "plain/keys/a-1"), "changed");
    assert.match((await migrate("--merge")).stdout, /1 keys differ at the target and were left as they are/);
    assert.deepEqual(await valuesOf("sealed"), all);
    assert.match((await migrate("--force")).stdout, /Migrated 1 keys successfully!/);
    assert.deepEqual(await valuesOf("sealed"), { ...all, "a-1": "changed" });
  });

  test("--json prints the result alone, -q the result without the start", async () => {
    const report = { total: 3, copied: 3, replaced: 0, same: 0, kept: 0, dry_run: true };
    assert.deepEqual(JSON.parse((await migrate("--json --dry-run")).stdout), report);
    const quiet = await kes(["tool", "migrate", "-q", "--from", "plain.yaml", "--to", "sealed.yaml"], { cwd });
    assert.equal(quiet.stdout, "Migrated 3 keys successfully!\n");
  });

  test("a configuration with problems is shown with all of them", async () => {
    await writeFile(join(cwd, "plain.yaml"), "version: v1\nkeystor: {}\n");
    const { code, stderr } = await migrate("");
    assert.equal(code, 1);
    assert.match(stderr, /^Error: plain\.yaml has problems:\n(plain\.yaml:\d: .*\n)+plain\.yaml:2: keystor: /);
  });
});

const migration = (over: Partial<Migration>): Migration => ({
  source: new MemoryKeystore(),
  target: new MemoryKeystore(),
  pattern: "*",
  conflict: "refuse",
  dryRun: false,
  signal,
  onProgress: () => undefined,
  ...over,
});

describe("copying", () => {
  test("a target that returns something else than was written is not trusted", async () => {
    const source = new MemoryKeystore();
    await source.create("k", Buffer.from("value"), signal);
    class Lying extends MemoryKeystore {
      override async get(): Promise<Buffer> {
        return Buffer.from("other");
      }
    }
    await assert.rejects(migrateKeys(migration({ source, target: new Lying() })), { code: "CreateNotConfirmed" });
  });

  test("the first failure ends it, and what was written stays", async () => {
    const source = new MemoryKeystore();
    for (let i = 0; i < 100; i++) await source.create(`k${i}`, Buffer.from(`${i}`), signal);
    let left = 20;
    class Full extends MemoryKeystore {
      override async create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
        left -= 1;
        if (left < 0) throw new KesError("StoreFailed", "the disk is full");
        await super.create(name, value, signal);
      }
    }
    const target = new Full();
    await assert.rejects(migrateKeys(migration({ source, target })), { code: "StoreFailed" });
    assert.equal((await target.list("", signal)).length, 20);
    left = 1000;
    const report = await migrateKeys(migration({ source, target }));
    assert.deepEqual([report.same, report.copied], [20, 80]);
  });

  test("an interrupt ends it", async () => {
    const source = new MemoryKeystore();
    for (let i = 0; i < 50; i++) await source.create(`k${i}`, Buffer.from(`${i}`), signal);
    const stop = new AbortController();
    const onProgress = (done: number): void => void (done === 10 && stop.abort());
    const target = new MemoryKeystore();
    await assert.rejects(migrateKeys(migration({ source, target, signal: stop.signal, onProgress })));
    assert.ok((await target.list("", signal)).length < 50);
  });

  test("an interrupt in the middle of replacing a key does not leave the target without it", async () => {
    const stop = new AbortController();
    class Interrupted extends MemoryKeystore {
      override async delete(name: string, signal: AbortSignal): Promise<void> {
        await super.delete(name, signal);
        stop.abort();
      }
    }
    const [source, target] = [new MemoryKeystore(), new Interrupted()];
    await source.create("k", Buffer.from("new"), signal);
    await target.create("k", Buffer.from("old"), signal);
    await migrateKeys(migration({ source, target, signal: stop.signal, conflict: "replace" })).catch(() => undefined);
    assert.equal((await target.get("k", signal)).toString(), "new");
  });
});

const keystore = (line: string): Promise<RunResult> => kes(["keystore", ...line.split(" ")], { cwd });

describe("kes keystore", () => {
  const values = { "a-1": "value of a-1", "a-2": "value of a-2", "b-1": "value of b-1" };

  test("encrypt turns a plain directory into a sealed one, and is done when run again", async () => {
    assert.deepEqual(await valuesOf("plain"), values);
    const first = await keystore("encrypt -q --config encrypted.yaml");
    assert.deepEqual(first, { code: 0, stdout: "3 keys sealed and compared, 0 were sealed already.\n", stderr: "" });
    const again = await keystore("encrypt --config encrypted.yaml --json");
    assert.deepEqual(JSON.parse(again.stdout), { total: 3, converted: 0, kept: 3 });
    for (const name of await readdir(join(cwd, "plain/keys"))) {
      assert.ok(!(await readFile(join(cwd, "plain/keys", name))).includes("value of"), name);
    }
  });

  test("encrypt --prepare changes no value", async () => {
    assert.match(
      (await keystore("encrypt --config encrypted.yaml --prepare")).stdout,
      /is prepared: restart its servers/,
    );
    assert.equal(await readFile(join(cwd, "plain/keys/a-1"), "utf8"), "value of a-1");
  });

  test("rewrap seals with the first key, after which the former is not needed", async () => {
    await keystore("encrypt --config encrypted.yaml");
    const config = await readFile(join(cwd, "encrypted.yaml"), "utf8");
    const [former, next] = [join(cwd, "plain/wrapping.key"), join(cwd, "sealed/wrapping.key")];
    await writeFile(join(cwd, "both.yaml"), config.replace(/- file: .*/, `- file: ${next}\n        - file: ${former}`));
    assert.match((await keystore("rewrap -q --config both.yaml")).stdout, /^3 keys sealed and compared/);
    await rm(former);
    const encryption = [{ file: next }];
    await using store = await openKeystore({ type: "fs", path: join(cwd, "plain/keys"), init: false, encryption });
    assert.equal((await store.get("b-1", signal)).toString(), "value of b-1");
  });

  test("a configuration without wrapping key, or without directory, is named", async () => {
    const without = await keystore("encrypt --config plain.yaml");
    assert.match(without.stderr, /plain\.yaml names no wrapping key/);
    const config = await readFile(join(cwd, "plain.yaml"), "utf8");
    await writeFile(
      join(cwd, "memory.yaml"),
      `${config.slice(0, config.indexOf("keystore:"))}keystore: { memory: {} }\n`,
    );
    assert.match((await keystore("rewrap --config memory.yaml")).stderr, /keystore\.memory is no directory/);
  });

  test("a wrapping key that others may read is warned about", async () => {
    const { chmod } = await import("node:fs/promises");
    await chmod(join(cwd, "plain/wrapping.key"), 0o644);
    assert.match((await keystore("encrypt --config encrypted.yaml")).stderr, /^Warning: .*0644/);
  });
});

const shown = (terminal: boolean, quiet = false): string => {
  let now = 0;
  const world = makeWorld({ terminal, env: { NO_COLOR: "1" } });
  const progress = new Progress(new Terminal(world.environment), quiet, () => now);
  for (let done = 0; done <= 100; done++) {
    now += 25;
    progress.show(done, 100);
  }
  progress.end();
  return world.stdout();
};

describe("progress", () => {
  test("is a line per second on a pipe", () => {
    assert.equal(shown(false), "39 of 100 keys\n79 of 100 keys\n");
  });
  test("is a bar in place on a terminal, gone at the end", () => {
    const text = shown(true);
    assert.ok(text.includes("\r\u001b[K[███"));
    assert.ok(!text.includes("\n"));
    assert.ok(text.endsWith("\r\u001b[K"));
  });
  test("is nothing when quiet", () => assert.equal(shown(true, true), ""));
});
