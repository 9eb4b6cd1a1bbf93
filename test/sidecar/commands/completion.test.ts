import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { kes } from "../../support/environment.ts";

describe("completion offers", () => {
  const cases: readonly [line: string, words: string[]][] = [
    [
      "kes ",
      [
        "server",
        "quickstart",
        "init",
        "key",
        "policy",
        "identity",
        "ls",
        "log",
        "status",
        "metric",
        "migrate",
        "keystore",
        "doctor",
        "convert-config",
        "update",
      ],
    ],
    ["kes k", ["key", "keystore"]],
    ["kes policy s", ["show"]],
    ["kes key info --j", ["--json"]],
    ["kes tool identity ", ["new", "of"]],
    ["kes nonsense ", []],
  ];
  for (const [line, words] of cases) {
    test(`after "${line}"`, async () => {
      const { stdout } = await kes([], { env: { COMP_LINE: line } });
      assert.deepEqual(stdout.split("\n").filter(Boolean), words);
    });
  }
});

describe("kes --auto-completion", () => {
  for (const [shell, file] of [
    ["/bin/bash", ".bashrc"],
    ["/usr/bin/zsh", ".zshrc"],
  ] as const) {
    test(`adds its line to ${file} once`, async () => {
      const home = await mkdtemp(join(tmpdir(), "kes-home-"));
      await writeFile(join(home, file), "alias x=y");
      const env = { HOME: home, SHELL: shell };
      assert.match((await kes(["--auto-completion"], { env })).stdout, /completion is on in new shells/);
      assert.match((await kes(["--auto-completion"], { env })).stdout, /already on/);
      const text = await readFile(join(home, file), "utf8");
      assert.ok(text.startsWith("alias x=y\n"));
      assert.equal(text.split("complete -o default -C ").length, 2);
      assert.equal(text.includes("bashcompinit"), shell.endsWith("zsh"));
      await rm(home, { recursive: true });
    });
  }
  test("says so for other shells", async () => {
    const { code, stderr } = await kes(["--auto-completion"], { env: { HOME: "/", SHELL: "/bin/fish" } });
    assert.equal(code, 1);
    assert.match(stderr, /completion is for bash and zsh/);
  });
});
