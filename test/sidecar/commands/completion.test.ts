import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { run } from "../../../sidecar/commands/program.ts";
import { kes, makeWorld } from "../../support/environment.ts";

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
  describe("writes a line that works", () => {
    const sidecar = fileURLToPath(new URL("../../../sidecar", import.meta.url));
    let home = "";
    before(async () => {
      home = await mkdtemp(join(tmpdir(), "kes-home-"));
      await symlink(sidecar, join(home, "it's a tree"));
      await writeFile(join(home, "kes"), `#!/bin/sh\nexec '${process.execPath}' '${sidecar}/main.ts' "$@"\n`, {
        mode: 0o755,
      });
    });
    after(() => rm(home, { recursive: true }));

    for (const [title, script] of [
      ["for a script that nobody may execute", "it's a tree/main.ts"],
      ["for a program", "kes"],
    ] as const) {
      test(title, async () => {
        await rm(join(home, ".bashrc"), { force: true });
        const { environment } = makeWorld({ env: { HOME: home, SHELL: "/bin/bash" } });
        const started = [process.execPath, join(home, script)] as const;
        assert.equal(await run(["--auto-completion"], { ...environment, started }), 0);
        // Calls what stands after -C as bash does at Tab.
        const tab = `complete() { COMP_LINE="kes policy s" sh -c "$4 kes s policy"; }; . "$HOME/.bashrc"`;
        const env = { HOME: home, PATH: process.env["PATH"] };
        assert.equal((await promisify(execFile)("/bin/sh", ["-c", tab], { env })).stdout, "show\n");
      });
    }
  });

  test("says so for other shells", async () => {
    const { code, stderr } = await kes(["--auto-completion"], { env: { HOME: "/", SHELL: "/bin/fish" } });
    assert.equal(code, 1);
    assert.match(stderr, /completion is for bash and zsh/);
  });
});
