import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createPrivateKey } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CommandExit } from "../../../sidecar/commands/command.ts";
import { readPassword } from "../../../sidecar/commands/password.ts";
import { makeWorld, type World } from "../../support/environment.ts";

function keyboard(): { world: World; stdin: PassThrough; raw: boolean[] } {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean) => void raw.push(on),
  });
  return { world: makeWorld({ stdin }), stdin, raw };
}

describe("a password", () => {
  test("is read key by key without echo, corrections included", async () => {
    const { world, stdin, raw } = keyboard();
    const password = readPassword("Password: ", world.environment);
    for (const key of ["s", "x", "\u007f", "e", "y", "\b", "crêt", "\r"]) stdin.write(key);
    assert.equal(await password, "secrêt");
    assert.deepEqual(raw, [true, false]);
    assert.equal(world.stderr(), "Password: \n");
    assert.equal(world.stdout(), "");
  });

  test("ends the program quietly at Ctrl-C, with echo back on", async () => {
    const { world, stdin, raw } = keyboard();
    const password = readPassword("Password: ", world.environment);
    stdin.write("abc\u0003");
    await assert.rejects(password, (error) => error instanceof CommandExit && error.exitCode === 1);
    assert.deepEqual(raw, [true, false]);
  });

  test("may end with the input instead of a line end", async () => {
    const { environment } = makeWorld({ stdin: "secret" });
    assert.equal(await readPassword("", environment), "secret");
    assert.equal(await readPassword("", environment), "");
  });

  test("leaves the next line for the next question", async () => {
    const { environment } = makeWorld({ stdin: "one\r\ntwo\n" });
    assert.deepEqual([await readPassword("", environment), await readPassword("", environment)], ["one", "two"]);
  });
});

const main = fileURLToPath(new URL("../../../sidecar/main.ts", import.meta.url));
/** util-linux's `script` gives a command a terminal; other systems' has other options. */
const hasTerminal = String(spawnSync("script", ["--version"], { timeout: 5_000 }).stdout).includes("util-linux");

describe("on a real terminal", { skip: !hasTerminal && "no `script` of util-linux to make one" }, () => {
  const cwd = mkdtempSync(join(tmpdir(), "kes-password-"));
  after(() => rmSync(cwd, { recursive: true, force: true }));

  /** Types an answer at each prompt. @returns the exit code and all that the terminal showed */
  async function onTerminal(line: string, answers: readonly string[], env: Record<string, string> = {}) {
    const command = `'${process.execPath}' '${main}' ${line}`;
    const child = spawn("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
      cwd,
      env: { PATH: process.env["PATH"], SHELL: "/bin/sh", ...env },
    });
    const left = [...answers];
    let shown = "";
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
      if (shown.endsWith("private key: ")) child.stdin.write(left.shift() ?? "");
    });
    const [code] = await once(child, "close", { signal: AbortSignal.timeout(30_000) });
    return { code, shown: shown.replaceAll("\r\n", "\n") };
  }

  test("a second question is answered as the first was, and neither answer is shown", async () => {
    const line = "identity new --key e.key --cert e.crt --encrypt";
    const { code, shown } = await onTerminal(line, ["pass-1\r", "pass-1\r"]);
    assert.equal(code, 0, shown);
    assert.match(
      shown,
      /^Enter password for private key: \nConfirm password for private key: \nPrivate key:  e\.key\n/,
    );
    assert.doesNotMatch(shown, /pass-1/);
    createPrivateKey({ key: readFileSync(join(cwd, "e.key"), "utf8"), passphrase: "pass-1" });
  });

  test("a single one lets the command go on, and end", async () => {
    const env = { KES_CLIENT_KEY: "e.key", KES_CLIENT_CERT: "e.crt", KES_SERVER: "127.0.0.1:1" };
    const { code, shown } = await onTerminal("status", ["pass-1\r"], env);
    assert.equal(code, 1);
    assert.match(shown, /^Enter password for private key: \nError: no answer from 127\.0\.0\.1:1/);
  });

  test("Ctrl-C at the second ends the command with 1 and writes nothing", async () => {
    const line = "identity new --key f.key --cert f.crt --encrypt";
    const { code, shown } = await onTerminal(line, ["pass-1\r", "pass\u0003"]);
    assert.equal(code, 1, shown);
    assert.equal(shown, "Enter password for private key: \nConfirm password for private key: \n");
    assert.throws(() => readFileSync(join(cwd, "f.key")), { code: "ENOENT" });
  });
});
