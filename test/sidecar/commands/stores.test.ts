import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
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
import { storedKey } from "../../support/stored-key.ts";

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
  for (const name of ["a-1", "a-2", "b-1"]) await writeFile(join(cwd, "plain/keys", name), storedKey(name));
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
  const all = { "a-1": storedKey("a-1"), "a-2": storedKey("a-2"), "b-1": storedKey("b-1") };

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
    assert.deepEqual(await valuesOf("sealed"), { "a-2": storedKey("a-2") });
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
    await writeFile(join(cwd, "plain/keys/a-1"), storedKey("changed"));
    const { code, stderr } = await migrate("");
    assert.equal(code, 1);
    assert.match(stderr, /1 keys exist at the target with another value \(a-1\); nothing was written/);
    assert.deepEqual(await valuesOf("sealed"), { "a-1": storedKey("a-1") });
  });

  test("--merge leaves such a key as it is, --force replaces it", async () => {
    await migrate("a-1");
    await writeFile(join(cwd, "plain/keys/a-1"), storedKey("changed"));
    assert.match((await migrate("--merge")).stdout, /1 keys differ at the target and were left as they are/);
    assert.deepEqual(await valuesOf("sealed"), all);
    assert.match((await migrate("--force")).stdout, /Migrated 1 keys successfully!/);
    assert.deepEqual(await valuesOf("sealed"), { ...all, "a-1": storedKey("changed") });
  });

  for (const [what, value] of [
    ["empty", ""],
    ["cut off", storedKey("a-1").slice(0, 40)],
  ] as const) {
    test(`a value of the source that is ${what} is no key, and stops it before anything is written`, async () => {
      await migrate("a-1");
      await writeFile(join(cwd, "plain/keys/a-1"), value);
      for (const line of ["--force", "--merge", "--force --dry-run", ""]) {
        const { code, stderr } = await migrate(line);
        assert.equal(code, 1);
        assert.match(
          stderr,
          /1 values in Filesystem: .* are no keys \(a-1\); nothing was written\. a-1: the stored key cannot be read, /,
        );
        assert.deepEqual(await valuesOf("sealed"), { "a-1": storedKey("a-1") });
      }
      assert.match((await migrate("!(a-1)")).stdout, /Migrated 2 keys successfully!/);
    });
  }

  test("--force replaces a key that cannot be read at the target, and nothing else does", async () => {
    await migrate("");
    const sealed = await readFile(join(cwd, "sealed/keys/a-1"), "latin1");
    await writeFile(join(cwd, "sealed/keys/a-1"), `${sealed.slice(0, -1)}?`, "latin1");
    for (const line of ["", "--merge"]) assert.equal((await migrate(line)).code, 1, line);
    assert.match((await migrate("--force")).stdout, /Migrated 1 keys successfully!/);
    assert.deepEqual(await valuesOf("sealed"), all);
  });

  test("--json prints the result alone, -q the result without the start", async () => {
    const report = { total: 3, copied: 3, replaced: 0, same: 0, kept: 0, dry_run: true };
    assert.deepEqual(JSON.parse((await migrate("--json --dry-run")).stdout), report);
    assert.equal((await migrate("-q --dry-run")).stdout, "Would migrate 3 keys.\n");
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

const key = (creator: string): Buffer => Buffer.from(storedKey(creator));
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
    await source.create("k", key("value"), signal);
    class Lying extends MemoryKeystore {
      override async get(): Promise<Buffer> {
        return Buffer.from("other");
      }
    }
    await assert.rejects(migrateKeys(migration({ source, target: new Lying() })), { code: "CreateNotConfirmed" });
  });

  test("the first failure ends it, and what was written stays", async () => {
    const source = new MemoryKeystore();
    for (let i = 0; i < 100; i++) await source.create(`k${i}`, key(`${i}`), signal);
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
    for (let i = 0; i < 50; i++) await source.create(`k${i}`, key(`${i}`), signal);
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
    await source.create("k", key("new"), signal);
    await target.create("k", key("old"), signal);
    await migrateKeys(migration({ source, target, signal: stop.signal, conflict: "replace" })).catch(() => undefined);
    assert.equal((await target.get("k", signal)).toString(), storedKey("new"));
  });
});

/** A target whose creates of one value fail as told; the rest works. */
class Refusing extends MemoryKeystore {
  refused: string | undefined;
  /** What happens instead of the create. */
  instead: (name: string, value: Uint8Array) => Promise<void> = () => Promise.resolve();

  override async create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    if (this.refused === undefined || !key(this.refused).equals(value)) return super.create(name, value, signal);
    await this.instead(name, value);
    throw new KesError("StoreFailed", "the disk is full");
  }

  /** A create that nothing refuses. */
  put(name: string, value: Uint8Array): Promise<void> {
    return super.create(name, value, signal);
  }
}

describe("replacing a key", () => {
  let source: MemoryKeystore;
  let target: Refusing;
  beforeEach(async () => {
    [source, target] = [new MemoryKeystore(), new Refusing()];
    await source.create("k", key("new"), signal);
    await target.create("k", key("old"), signal);
    target.refused = "new";
  });
  const replace = (over: Partial<Migration> = {}): Promise<unknown> =>
    migrateKeys(migration({ source, target, conflict: "replace", ...over }));
  const valueAtTarget = async (): Promise<string> => (await target.get("k", signal)).toString();

  test("that the target does not take puts its former value back, and says so", async () => {
    const message = "replacing key k at In Memory failed: the disk is full; the target holds its former value";
    await assert.rejects(replace(), { code: "StoreFailed", message });
    assert.equal(await valueAtTarget(), storedKey("old"));
  });

  test("that the target then takes nothing for says that it is gone, and where it still is", async () => {
    target.create = () => Promise.reject(new KesError("StoreFailed", "the disk is full"));
    const message =
      "replacing key k at In Memory failed: the disk is full; the key is gone from the target, and its former value " +
      "could not be put back (the disk is full); the value to be written is still in In Memory";
    await assert.rejects(replace(), { code: "StoreFailed", message });
    assert.deepEqual(await target.list("", signal), []);
  });

  test("whose delete fails leaves it, and says so", async () => {
    target.delete = () => Promise.reject(new KesError("StoreFailed", "deletes are not allowed"));
    await assert.rejects(replace(), { message: /deletes are not allowed; the target holds its former value$/ });
    assert.equal(await valueAtTarget(), storedKey("old"));
  });

  test("whose delete was done but not answered puts it back", async () => {
    const remove = target.delete.bind(target);
    target.delete = async (name, signal) => {
      await remove(name, signal);
      throw new KesError("StoreUnreachable", "no answer");
    };
    await assert.rejects(replace(), { code: "StoreUnreachable", message: /the target holds its former value$/ });
    assert.equal(await valueAtTarget(), storedKey("old"));
  });

  test("whose create was done but not answered is done", async () => {
    target.instead = (name, value) => target.put(name, value);
    await replace();
    assert.equal(await valueAtTarget(), storedKey("new"));
  });

  test("that another writer makes meanwhile leaves theirs, and says so", async () => {
    target.instead = (name) => target.put(name, key("theirs"));
    await assert.rejects(replace(), { message: /the target holds another value, of another writer$/ });
    assert.equal(await valueAtTarget(), storedKey("theirs"));
  });

  test("that cannot be read at the target loses nothing", async () => {
    const get = target.get.bind(target);
    target.get = async (name, signal) => {
      const value = await get(name, signal);
      if (value.equals(key("old"))) throw new KesError("KeyCorrupt", "it was changed");
      return value;
    };
    const message = /the disk is full; the key is gone from the target; the value to be written is still in In Memory$/;
    await assert.rejects(replace(), { message });
    await target.put("k", key("old"));
    target.refused = undefined;
    await replace();
    assert.equal(await valueAtTarget(), storedKey("new"));
  });

  test("is neither deleted nor created if the target has the value by then", async () => {
    let reads = 0;
    const get = target.get.bind(target);
    target.get = (name, signal) => (++reads === 1 ? get(name, signal) : Promise.resolve(key("new")));
    target.delete = () => assert.fail("nothing is to be deleted");
    await replace();
  });

  test("one at a time: the first that fails leaves the others alone", async () => {
    for (let i = 0; i < 20; i++) {
      await source.create(`k${i}`, key("new"), signal);
      await target.create(`k${i}`, key("old"), signal);
    }
    target.create = () => Promise.reject(new KesError("StoreFailed", "the disk is full"));
    await assert.rejects(replace());
    assert.equal((await target.list("", signal)).length, 20);
  });

  test("whose source is no key any more leaves it", async () => {
    let reads = 0;
    const get = source.get.bind(source);
    source.get = (name, signal) => (++reads === 1 ? get(name, signal) : Promise.resolve(Buffer.from("cut")));
    await assert.rejects(replace(), { code: "KeyCorrupt", message: /^key k changed at In Memory meanwhile/ });
    assert.equal(await valueAtTarget(), storedKey("old"));
  });
});

const keystore = (line: string): Promise<RunResult> => kes(["keystore", ...line.split(" ")], { cwd });

describe("kes keystore", () => {
  const values = { "a-1": storedKey("a-1"), "a-2": storedKey("a-2"), "b-1": storedKey("b-1") };

  test("encrypt turns a plain directory into a sealed one, and is done when run again", async () => {
    assert.deepEqual(await valuesOf("plain"), values);
    const first = await keystore("encrypt -q --config encrypted.yaml");
    assert.deepEqual(first, { code: 0, stdout: "3 keys sealed and compared, 0 were sealed already.\n", stderr: "" });
    const again = await keystore("encrypt --config encrypted.yaml --json");
    assert.deepEqual(JSON.parse(again.stdout), { total: 3, converted: 0, kept: 3 });
    for (const name of await readdir(join(cwd, "plain/keys"))) {
      assert.ok(!(await readFile(join(cwd, "plain/keys", name))).includes("created_by"), name);
    }
  });

  test("encrypt --prepare changes no value", async () => {
    assert.match(
      (await keystore("encrypt --config encrypted.yaml --prepare")).stdout,
      /is prepared: restart its servers/,
    );
    assert.equal(await readFile(join(cwd, "plain/keys/a-1"), "utf8"), storedKey("a-1"));
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
    assert.equal((await store.get("b-1", signal)).toString(), storedKey("b-1"));
  });

  test("a configuration without wrapping key, or without directory, is named", async () => {
    const without = await keystore("encrypt --config plain.yaml");
    assert.match(without.stderr, /plain\.yaml names no wrapping key: make one with \(umask 077; .* > wrapping\.key\)/);
    const config = await readFile(join(cwd, "plain.yaml"), "utf8");
    await writeFile(
      join(cwd, "memory.yaml"),
      `${config.slice(0, config.indexOf("keystore:"))}keystore: { memory: {} }\n`,
    );
    assert.match((await keystore("rewrap --config memory.yaml")).stderr, /keystore\.memory is no directory/);
  });

  test("a wrapping key for a plain store is made by the command that encrypt prints", async () => {
    const file = join(cwd, "plain/wrapping.key");
    await rm(file);
    const { code, stderr } = await keystore("encrypt --config encrypted.yaml");
    assert.equal(code, 1);
    assert.match(
      stderr,
      /wrapping\.key does not exist; nothing in .*plain\/keys is sealed yet, so make it: \(umask 077;/,
    );
    const [recipe = ""] = /\(umask .* > \S+\)/.exec(stderr) ?? [];
    execFileSync("bash", ["-c", recipe]);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.match((await keystore("encrypt -q --config encrypted.yaml")).stdout, /^3 keys sealed and compared/);
    assert.deepEqual(await readdir(join(cwd, "plain")), await readdir(join(cwd, "sealed")));
  });

  test("a wrapping key that has sealed something is to be restored, not made anew", async () => {
    await keystore("encrypt --config encrypted.yaml");
    await rm(join(cwd, "plain/wrapping.key"));
    const restore = /wrapping\.key does not exist; restore it from its backup/;
    assert.match((await keystore("encrypt --config encrypted.yaml")).stderr, restore);
    await rm(join(cwd, "plain/keys/.kes-store.json"));
    assert.match((await keystore("encrypt --config encrypted.yaml")).stderr, restore);
    assert.match((await keystore("rewrap --config encrypted.yaml")).stderr, restore);
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
