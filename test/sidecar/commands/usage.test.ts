import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { kes } from "../../support/environment.ts";

describe("a command line that is not understood ends with one sentence and exit code 1", () => {
  const cases: readonly [line: string, sentence: string][] = [
    ["foo", `"foo" is not a kes command. See 'kes --help'`],
    ["key foo", `"foo" is not a key command. See 'kes key --help'`],
    ["policy foo", `"foo" is not a policy command. See 'kes policy --help'`],
    ["server --nonsense", "unknown flag: --nonsense. See 'kes server --help'"],
    ["key ls --nonsense=1", "unknown flag: --nonsense. See 'kes key ls --help'"],
    ["key ls -x", "unknown shorthand flag: 'x' in -x. See 'kes key ls --help'"],
    ["server something", "too many arguments. See 'kes server --help'"],
    ["identity of a b", "too many arguments. See 'kes identity of --help'"],
    ["key create", "no key name specified. See 'kes key create --help'"],
    ["key import name", "no crypto key specified. See 'kes key import --help'"],
    ["key dek", "no key name specified. See 'kes key dek --help'"],
    ["server --dev --config x", "'--config' flag is not supported in development mode"],
    ["server --dev --check", "'--check' flag is not supported in development mode: there is no configuration to check"],
    ["ls -i -p", "'-p / --policy' and '-i / --identity' must not be used at the same time"],
    ["log --audit --error", "cannot display audit and error logs at the same time"],
    ["metric --rate soon", `--rate: "soon" is not a duration such as 5s`],
    ["migrate", "no source specified. Use '--from' flag"],
    ["migrate --from a", "missing migration target. Use '--to' or '--server'"],
    ["migrate --from a --to b --force --merge", "'--force' and '--merge' flags are mutually exclusive"],
    ["migrate [ --from a --to b", "'[' is not a pattern of key names: write for example 'my-*' or '[a-c]*'"],
    ["migrate b-\\ --from a --to b", "'b-\\' is not a pattern of key names: write for example 'my-*' or '[a-c]*'"],
    ["migrate  --from a --to b", "'' is not a pattern of key names: write for example 'my-*' or '[a-c]*'"],
    ["tool migrate --to b", "no source specified. Use '--from' flag"],
    ["keystore encrypt", "no configuration is given: set '--config FILE'. See 'kes keystore encrypt --help'"],
  ];
  for (const [line, sentence] of cases) {
    test(`kes ${line}`, async () => {
      assert.deepEqual(await kes(line.split(" ")), { code: 1, stdout: "", stderr: `Error: ${sentence}\n` });
    });
  }
});

test("an option that lacks its value is named", async () => {
  const { code, stderr } = await kes(["server", "--config"]);
  assert.equal(code, 1);
  assert.match(stderr, /^Error: option '--config <file>' argument missing\. See 'kes server --help'\n$/);
});

describe("words of the original that have no counterpart say what to do instead", () => {
  const cases: readonly [line: string, sentence: RegExp][] = [
    ["enclave create name identity", /enclaves are not supported/],
    ["secret ls -k", /storing secrets is not supported/],
    ["update --downgrade v1", /releases and images are at https:/],
    ["migrate --from a --server host -e enclave", /'--server' is not supported/],
    ["migrate --server host", /'--server' is not supported/],
    ["init --config file path", /stateful servers.* are not supported/],
  ];
  for (const [line, sentence] of cases) {
    test(`kes ${line}`, async () => {
      const { code, stdout, stderr } = await kes(line.split(" "));
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, sentence);
    });
  }
});

describe("usage goes to stderr with exit code 2", () => {
  for (const line of ["", "--help", "-h", "key", "key -h", "policy", "keystore", "tool", "ls -h", "server --help"]) {
    test(`kes ${line}`, async () => {
      const { code, stdout, stderr } = await kes(line.split(" ").filter((word) => word !== ""));
      assert.deepEqual([code, stdout], [2, ""]);
      assert.match(stderr, /^Usage: kes/);
    });
  }
});

test("the list of commands names each once and hides the older ones", async () => {
  const { stderr } = await kes(["--help"]);
  const names = [...stderr.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]);
  assert.equal(new Set(names).size, names.length);
  for (const name of ["server", "key", "policy", "identity", "ls", "log", "status", "metric", "migrate", "update"]) {
    assert.ok(names.includes(name), name);
  }
  for (const hidden of ["tool", "enclave", "secret"]) assert.ok(!names.includes(hidden), hidden);
});

for (const flag of ["--version", "-v"]) {
  test(`kes ${flag} prints four lines, coloured only on a terminal`, async () => {
    const { code, stdout } = await kes([flag]);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Version {4}\S+ commit=\S+\nRuntime {4}node26\.1\.0 \w+\/\w+ compiler=\S+\nLicense {4}Apache-2\.0 https:\S+\nCopyright {2}.+ https:\S+\n$/,
    );
    assert.ok((await kes([flag], { terminal: true })).stdout.includes("\u001b["));
    assert.ok(!(await kes([flag], { terminal: true, env: { NO_COLOR: "1" } })).stdout.includes("\u001b["));
  });
}
