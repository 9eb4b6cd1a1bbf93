// `kes doctor` and the ways to get a Vault store wrong: each output is the one that docs/troubleshooting.md quotes.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { BrokenSetups } from "../../keystore-faults/doctor/broken-setups.ts";
import { diagnose, render, written } from "../../keystore-faults/doctor/diagnoses.ts";
import type { Diagnosed } from "../../keystore-faults/doctor/diagnoses.ts";

const setups = await BrokenSetups.start();
after(() => setups[Symbol.asyncDispose]());
const seen: Diagnosed[] = [];

for (const setup of setups.all()) {
  test(`${setup.title}: one failed step, with what to change`, async () => {
    const output = await diagnose(setup);
    seen.push({ title: setup.title, output });
    assert.match(output, /\n✗ .*\n(?:[\s\S]*\n)?The key store cannot be used as it is\.\n$/);
    const failed = output.split("\n").filter((line) => line.startsWith("✗"));
    for (const line of failed) assert.match(`${line}\n${output}`, /; check |; unseal|; set it|; put a token|→ /, line);
    assert.doesNotMatch(output, /SSL routines|openssl|at Object\.|\[object/);
  });
}

test("docs/troubleshooting.md quotes them; write it with test/keystore-faults/doctor/main.ts --write", () => {
  assert.equal(render(seen).trim(), written());
});
