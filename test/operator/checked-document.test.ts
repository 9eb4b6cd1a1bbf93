// What counts as the same output in a page whose examples are run: a test that forgives too much tries nothing.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { checkedBlocks, commandsOf, stable, withTexts } from "../support/checked-document.ts";

const page = `text
<!-- checked: apply -->
\`\`\`yaml
kind: A
\`\`\`

\`\`\`console
$ not checked
\`\`\`

<!-- checked: output -->
\`\`\`console
$ first
one
two

$ second
\`\`\`
`;

suite("a checked document", () => {
  test("has the marked blocks, with their lines", () => {
    const blocks = checkedBlocks(page).map(({ role, line }) => [role, line]);
    assert.deepEqual(blocks, [
      ["apply", 4],
      ["output", 13],
    ]);
  });

  test("has commands with what they print", () => {
    const [apply, output] = checkedBlocks(page);
    assert.deepEqual(output && commandsOf(output), [
      { line: "first", printed: "one\ntwo" },
      { line: "second", printed: "" },
    ]);
    assert.throws(() => apply && commandsOf(apply), /line 4: a command is expected/);
  });

  test("takes new texts and keeps the rest", () => {
    const texts = checkedBlocks(page).map(({ text }) => text);
    assert.equal(withTexts(page, texts), page);
    const changed = withTexts(page, ["kind: B\n", "$ first\nthree\n"]);
    assert.match(changed, /kind: B\n```/);
    assert.match(changed, /\$ not checked/);
    assert.deepEqual(commandsOf(checkedBlocks(changed)[1] ?? assert.fail()), [{ line: "first", printed: "three" }]);
  });
});

test("ages, hashes, times and generated names may differ, words and numbers may not", () => {
  const hash = "3b9aca00d41d8cd98f00b204e9800998ecf8427e3b9aca00d41d8cd98f00b204";
  assert.equal(
    stable(row("8s", "kes-6d577c8f87-njns4", hash)),
    stable(row("2m10s", "kes-f54487447-fzf52", "0".repeat(64))),
  );
  for (const [a, b] of [
    ["Ready=True Ready:", "Ready=False Ready:"],
    ["1 replica ready", "2 replicas ready"],
    ["AES256", "ChaCha20"],
    ['Secret "kes-certificate"', 'Secret "kes-certificates"'],
    ["IssuerNotReady", "Issuing"],
  ] as const) {
    assert.notEqual(stable(a), stable(b));
  }
});

function row(age: string, pod: string, identity: string): string {
  return `minio  True   ${pod}  ${identity}   ${age}`;
}
