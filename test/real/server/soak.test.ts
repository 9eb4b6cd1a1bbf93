// Half a minute of what `node test/soak/stores/main.ts 5m` does.
import assert from "node:assert/strict";
import { test } from "node:test";
import { soak } from "../../soak/stores/soak.ts";

test("20 clients create 200 names over three servers on a Vault in a storm: nothing is lost, forked or overwritten", async () => {
  const { problems, created, faults, answers } = await soak({ duration: 30_000, names: 200, clients: 20, servers: 3 });
  assert.deepEqual(problems, []);
  assert.ok(created > 150, `${created} names were created, answers: ${JSON.stringify(answers)}`);
  assert.ok(Object.keys(faults).length >= 3, JSON.stringify(faults));
});
