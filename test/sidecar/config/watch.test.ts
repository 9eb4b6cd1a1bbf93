import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { watchFiles } from "../../../sidecar/config/watch.ts";
import type { WatchOptions } from "../../../sidecar/config/watch.ts";

/** What was reported so far, and a way to wait for more. */
class Reports {
  readonly seen: string[] = [];
  readonly onChange = (paths: readonly string[]): void => {
    this.seen.push(...paths.map((path) => basename(path)));
  };

  async until(count: number): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (this.seen.length < count) {
      assert.ok(Date.now() < deadline, `only ${this.seen.join(", ") || "nothing"} was reported`);
      await sleep(5);
    }
  }
}

describe("watching files", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "kes-watch-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const byEvent: WatchOptions = { debounce: 10, poll: 3_600_000 };
  const byPoll: WatchOptions = { debounce: 3_600_000, poll: 20 };

  for (const [name, options] of [
    ["events", byEvent],
    ["polling alone", byPoll],
  ] as const) {
    test(`${name}: a changed, a replaced, a vanished and a new file are each reported`, async () => {
      const file = join(folder, "server.yaml");
      await writeFile(file, "1");
      await writeFile(join(folder, "other"), "1");
      const reports = new Reports();
      await using watch = watchFiles([file], reports.onChange, options);
      await watch.ready;
      await writeFile(file, "22");
      await reports.until(1);
      await writeFile(join(folder, "new"), "333");
      await rename(join(folder, "new"), file);
      await reports.until(2);
      await rm(file);
      await reports.until(3);
      await writeFile(join(folder, "new"), "4");
      await rename(join(folder, "new"), file);
      await reports.until(4);
      assert.deepEqual([...new Set(reports.seen)], ["server.yaml"]);
    });

    test(`${name}: the swap of the ..data link that Kubernetes does is reported`, async () => {
      for (const version of ["..1", "..2"]) {
        await mkdir(join(folder, version));
        await writeFile(join(folder, version, "tls.crt"), version);
      }
      await symlink("..1", join(folder, "..data"));
      await symlink("..data/tls.crt", join(folder, "tls.crt"));
      const reports = new Reports();
      await using watch = watchFiles([join(folder, "tls.crt")], reports.onChange, options);
      await watch.ready;
      await symlink("..2", join(folder, "..tmp"));
      await rename(join(folder, "..tmp"), join(folder, "..data"));
      await reports.until(1);
      assert.deepEqual(reports.seen, ["tls.crt"]);
    });

    test(`${name}: a file added to a directory of CAs is reported as that directory`, async () => {
      const ca = join(folder, "ca");
      await mkdir(join(ca, "nested"), { recursive: true });
      await writeFile(join(ca, "b.pem"), "b");
      const reports = new Reports();
      await using watch = watchFiles([ca], reports.onChange, options);
      await watch.ready;
      await writeFile(join(folder, "new"), "a");
      await rename(join(folder, "new"), join(ca, "a.pem"));
      await reports.until(1);
      assert.deepEqual(reports.seen, ["ca"]);
    });
  }

  test("a directory that is missing at first, vanishes and comes again is watched all along", async () => {
    const file = join(folder, "later", "server.yaml");
    const reports = new Reports();
    await using watch = watchFiles([file, file], reports.onChange, { debounce: 10, poll: 20 });
    await watch.ready;
    for (let turn = 1; turn <= 3; turn += 2) {
      await mkdir(join(folder, "later"));
      await writeFile(join(folder, "new"), `turn ${turn}`);
      await rename(join(folder, "new"), file);
      await reports.until(turn);
      await rm(join(folder, "later"), { recursive: true });
      await reports.until(turn + 1);
    }
    assert.equal(reports.seen.length, 4);
  });

  test("a file that is only touched or rewritten with the same content is not reported", async () => {
    const file = join(folder, "a");
    const marker = join(folder, "b");
    await writeFile(file, "same");
    await writeFile(marker, "1");
    const reports = new Reports();
    await using watch = watchFiles([file, marker], reports.onChange, { debounce: 10, poll: 20 });
    await watch.ready;
    await utimes(file, 1, 1);
    await writeFile(join(folder, "new"), "same");
    await rename(join(folder, "new"), file);
    await sleep(60);
    await writeFile(join(folder, "new"), "2");
    await rename(join(folder, "new"), marker);
    await reports.until(1);
    assert.deepEqual(reports.seen, ["b"]);
  });

  test("one call at a time, and none after it was closed", async () => {
    const file = join(folder, "a");
    await writeFile(file, "0");
    let running = 0;
    let calls = 0;
    const watch = watchFiles(
      [file],
      async () => {
        running += 1;
        calls += 1;
        assert.equal(running, 1);
        await sleep(30);
        running -= 1;
      },
      { debounce: 1, poll: 5 },
    );
    await watch.ready;
    for (let i = 1; i <= 10; i++) {
      await writeFile(file, "x".repeat(i));
      await sleep(10);
    }
    await watch[Symbol.asyncDispose]();
    assert.equal(running, 0);
    const before = calls;
    assert.ok(before > 0);
    await writeFile(file, "after");
    await sleep(60);
    assert.equal(calls, before);
  });
});
