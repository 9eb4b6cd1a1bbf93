import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  openSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { constants } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isKesError } from "../../../sidecar/errors.ts";
import { LineSink } from "../../../sidecar/log/line-sink.ts";

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "kes-sink-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** By which this process has the file open. */
function descriptorOf(file: string): number {
  const found = readdirSync("/proc/self/fd").find((fd) => readlinkOf(`/proc/self/fd/${fd}`) === file);
  assert.ok(found !== undefined);
  return Number(found);
}

function readlinkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await sleep(10);
  assert.ok(condition(), "the condition was not met in 5 seconds");
}

describe("a line sink", () => {
  test("ends in peace when its descriptor cannot be closed", { skip: process.platform !== "linux" }, async (t) => {
    const file = join(directory(t), "audit.log");
    const sink = new LineSink({ to: file });
    closeSync(descriptorOf(file));
    await sink[Symbol.asyncDispose]();
  });

  test("appends lines in order, those that wait included when it is closed", async (t) => {
    const file = join(directory(t), "audit.log");
    const expected = Array.from({ length: 20_000 }, (_, at) => `line ${at} with é\n`).join("");
    {
      await using sink = new LineSink({ to: file });
      for (const line of expected.split(/(?<=\n)/)) sink.write(line);
    }
    assert.equal(readFileSync(file, "utf8"), expected);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    {
      await using sink = new LineSink({ to: file });
      sink.write("later\n");
    }
    assert.equal(readFileSync(file, "utf8"), `${expected}later\n`);
  });

  test("writes a lone line within moments, without being asked", async (t) => {
    const file = join(directory(t), "audit.log");
    await using sink = new LineSink({ to: file });
    sink.write("alone\n");
    await until(() => readFileSync(file, "utf8") === "alone\n");
  });

  test("writes at once what waits when it is flushed", async (t) => {
    const file = join(directory(t), "audit.log");
    await using sink = new LineSink({ to: file, gather: 60_000 });
    sink.write("1\n");
    sink.write("2\n");
    sink.flush();
    assert.equal(readFileSync(file, "utf8"), "1\n2\n");
  });

  test("goes on in a new file after a rotation, losing no line", async (t) => {
    const path = directory(t);
    const file = join(path, "audit.log");
    {
      await using sink = new LineSink({ to: file, gather: 1 });
      for (let at = 0; at < 3000; at++) {
        sink.write(`${at} ${"x".repeat(50)}\n`);
        if (at % 1000 !== 500) continue;
        renameSync(file, join(path, `audit.${at}`));
        sink.reopen();
        sink.reopen();
        await sleep(1);
      }
    }
    const names = ["audit.500", "audit.1500", "audit.2500", "audit.log"];
    const lines = names
      .map((name) => readFileSync(join(path, name), "utf8"))
      .join("")
      .trimEnd()
      .split("\n");
    assert.deepEqual(
      lines.map((line) => Number(line.split(" ")[0])),
      Array.from({ length: 3000 }, (_, at) => at),
    );
  });

  test("keeps the old file when the new one cannot be opened", async (t) => {
    const path = directory(t);
    const moved = `${path}-moved`;
    t.after(() => rmSync(moved, { recursive: true, force: true }));
    {
      await using sink = new LineSink({ to: join(path, "audit.log") });
      renameSync(path, moved);
      assert.throws(
        () => sink.reopen(),
        (error) => isKesError(error, "FileUnreadable"),
      );
      sink.write("still here\n");
    }
    assert.equal(readFileSync(join(moved, "audit.log"), "utf8"), "still here\n");
  });

  test("refuses to start with a file it cannot write", (t) => {
    const path = directory(t);
    assert.throws(
      () => new LineSink({ to: path }),
      (error) => isKesError(error, "FileUnreadable"),
    );
  });

  test("counts what a full device did not take, and goes on", { skip: !hasFullDevice() }, async () => {
    let lost = 0;
    {
      await using sink = new LineSink({ to: "/dev/full", gather: 1, onLost: (lines) => (lost += lines) });
      sink.write("1\n");
      sink.write("2\n");
      await until(() => lost === 2);
      sink.write("3\n");
      sink.flush();
    }
    assert.equal(lost, 3);
  });

  test("keeps room for lines that may take all of it", async (t) => {
    const file = join(directory(t), "audit.log");
    let lost = 0;
    {
      await using sink = new LineSink({ to: file, gather: 60_000, limit: 1000, onLost: (lines) => (lost += lines) });
      for (let at = 0; at < 200; at++) sink.write("refused\n", 0.5);
      assert.equal(lost, 200 - 62);
      sink.write("served\n");
    }
    assert.equal(lost, 138);
    assert.ok(readFileSync(file, "utf8").endsWith("refused\nserved\n"));
  });

  test("begins anew after a line that the disk took a part of", { skip: process.platform === "win32" }, (t) => {
    const file = join(directory(t), "audit.log");
    const sink = join(import.meta.dirname, "../../../sidecar/log/line-sink.ts");
    // With a limit for the size of files, which has a signal and then an error like that of a full disk.
    const program = `
      import { LineSink } from ${JSON.stringify(sink)};
      import { readFileSync, truncateSync } from "node:fs";
      import { setTimeout as sleep } from "node:timers/promises";
      process.on("SIGXFSZ", () => undefined);
      let lost = 0;
      const sink = new LineSink({ to: ${JSON.stringify(file)}, gather: 1, onLost: (lines) => (lost += lines) });
      for (let at = 0; at < 5; at++) sink.write("x".repeat(999) + "\\n");
      while (lost === 0) await sleep(1);
      truncateSync(${JSON.stringify(file)}, 1500);
      sink.write("after\\n");
      await sink[Symbol.asyncDispose]();
      process.stdout.write(String(lost));
    `;
    const command = 'ulimit -f 4; exec "$0" --input-type=module-typescript --eval "$1"';
    const lost = execFileSync("sh", ["-c", command, process.execPath, program], { encoding: "utf8" });
    const [first, second, ...rest] = readFileSync(file, "utf8").split("\n");
    assert.deepEqual([first?.length, second?.length, rest], [999, 500, ["after", ""]]);
    assert.ok(Number(lost) > 0 && Number(lost) < 5, lost);
  });

  test("neither grows nor waits for ever when its reader stalls", { skip: process.platform === "win32" }, async (t) => {
    const pipe = join(directory(t), "pipe");
    execFileSync("mkfifo", [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    t.after(() => {
      closeSync(reader);
      closeSync(writer);
    });
    let lost = 0;
    const line = `${"x".repeat(999)}\n`;
    const started = performance.now();
    {
      await using sink = new LineSink({ to: writer, limit: 1_000_000, onLost: (lines) => (lost += lines) });
      for (let at = 0; at < 5000; at++) sink.write(line);
      assert.ok(lost >= 4000, `${lost} of 5000 lines dropped at once`);
    }
    assert.ok(lost > 4800, `${lost} of 5000 lines lost in the end`);
    assert.ok(performance.now() - started < 10_000);
  });
});

function hasFullDevice(): boolean {
  try {
    return statSync("/dev/full").isCharacterDevice();
  } catch {
    return false;
  }
}
