import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
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
