// The order of decisions K2 on the real system calls: temporary file < its bytes < fsync < link < fsync of the
// directory < first byte of the answer. Needs strace; fs-crash.test.ts holds the same order without it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { formatWrappingKey, generateWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";
import { temporaryDirectory } from "./fs-fixture.ts";

const child = join(import.meta.dirname, "kill-child.ts");
const works = spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status === 0;
const skip = works ? false : "strace is not installed or may not trace here";

/** The lines strace wrote for `job`, in the order in which the calls returned. */
async function trace(job: string, path: string, keys: readonly string[]): Promise<string[]> {
  const output = join(path, "..", "trace.txt");
  const calls = "trace=openat,write,pwrite64,writev,fsync,fdatasync,link,linkat,rename,renameat,unlink,unlinkat";
  const args = [
    "-f",
    "-y",
    "-s",
    "48",
    "-e",
    calls,
    "-o",
    output,
    process.execPath,
    child,
    job,
    path,
    "my-key",
    ...keys,
  ];
  const { status, stderr } = spawnSync("strace", args, { encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, stderr);
  return returned(await readFile(output, "utf8"));
}

/** Joins `<unfinished ...>` and `<... resumed>` halves; a call counts where it returned. */
function returned(text: string): string[] {
  const open = new Map<string, string>();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const [, thread = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) open.set(thread, rest.slice(0, -"<unfinished ...>".length).trimEnd());
    else if (rest.startsWith("<...")) lines.push((open.get(thread) ?? "") + rest.replace(/^<\.\.\. \w+ resumed>/, ""));
    else lines.push(rest);
  }
  return lines;
}

/** Where the first line after `from` stands that matches. */
function find(lines: readonly string[], from: number, pattern: RegExp): number {
  const at = lines.findIndex((line, index) => index > from && pattern.test(line));
  assert.notEqual(at, -1, `no ${String(pattern)} after ${lines[from] ?? "the start"} in\n${lines.join("\n")}`);
  return at;
}

for (const [form, keys] of [
  ["plain", []],
  ["encrypted", [formatWrappingKey(generateWrappingKey())]],
] as const) {
  test(`a create is durable before the first byte of its answer (${form})`, { skip }, async (t) => {
    const path = await temporaryDirectory(t);
    const lines = await trace("create-one", path, keys);
    const ready = find(lines, -1, /^write\(1<.*"ready\\n"/);
    const opened = find(lines, ready, /^openat\(.*\/\.kes-tmp-[0-9a-f]+", .*O_CREAT.* = \d+/);
    const temporary = /\.kes-tmp-[0-9a-f]+/.exec(lines[opened] ?? "")?.[0] ?? "?";
    const written = find(lines, opened, new RegExp(`^p?write(64)?\\(\\d+<[^>]*${temporary}>`));
    const synced = find(lines, written, new RegExp(`^fsync\\(\\d+<[^>]*${temporary}>\\) += 0`));
    const linked = find(lines, synced, new RegExp(`^link(at)?\\(.*${temporary}.*/my-key".* = 0`));
    const durable = find(lines, linked, new RegExp(`^fsync\\(\\d+<${path}>\\) += 0`));
    const answered = find(lines, durable, /^write\(1<.*"created\\n"/);
    assert.equal(lines.slice(0, answered).filter((line) => line.includes('"created')).length, 0);
    const late = lines.slice(synced + 1).filter((line) => /^p?write/.test(line) && line.includes(temporary));
    assert.deepEqual(late, [], "nothing is written after the fsync");
  });

  test(`a delete is durable before the first byte of its answer (${form})`, { skip }, async (t) => {
    const path = await temporaryDirectory(t);
    const lines = await trace("create-one", path, keys);
    const created = find(lines, -1, /^write\(1<.*"created\\n"/);
    const unlinked = find(lines, created, /^unlink(at)?\(.*\/my-key".* = 0/);
    const durable = find(lines, unlinked, new RegExp(`^fsync\\(\\d+<${path}>\\) += 0`));
    find(lines, durable, /^write\(1<.*"deleted\\n"/);
  });
}
