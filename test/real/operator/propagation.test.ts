// What is declared reaches every server process within moments, and nobody's request fails meanwhile. The bounds here are for
// a machine that does other things too; `node test/bench/propagation.ts` measures with those that are promised.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { measurePropagation, summaryOf } from "../../support/operator-propagation.ts";
import { startOperator } from "../../support/operator-process.ts";
import type { OperatorProcess } from "../../support/operator-process.ts";
import { loadRules, startService, underLoad } from "../../support/operator-service.ts";
import type { KeyService } from "../../support/operator-service.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { World } from "../../support/operator-world.ts";

const rounds = 5;
/** Milliseconds. */
const bounds = { median: 2000, worst: 5000 };

let world: World;
let operator: OperatorProcess;
let service: KeyService;

before(async () => {
  world = await startWorld();
  operator = await startOperator(world.cluster, world.chart);
  service = await startService(world, "keys");
});

after(async () => {
  await operator[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

test("edits of a policy and revocations are live in three servers in about a second", async (t) => {
  const all = await underLoad(world, service, () => measurePropagation(world, service, rounds));
  for (const each of all) {
    const { median, worst } = summaryOf(each);
    t.diagnostic(`${each.what}: median ${median} ms, worst ${worst} ms of ${rounds}`);
    assert.equal(each.times.length, rounds);
    assert.ok(median < bounds.median && worst < bounds.worst, `${each.what}: ${each.times.join(", ")} ms`);
  }
});

test("the operator measures how long it took until every pod had confirmed", async () => {
  const name = "kes_operator_bundle_propagation_seconds";
  // Bundles that were followed by the next one before a pod was asked are not among them.
  const sum = await operator.metric(`${name}_sum`);
  const count = await operator.metric(`${name}_count`);
  await world.declare(service.policy, { allow: [...loadRules, "/v1/status"] });
  await world.until("another one is counted", async () => (await operator.metric(`${name}_count`)) > count);
  const took = (await operator.metric(`${name}_sum`)) - sum;
  assert.ok(took > 0 && took < bounds.worst / 1000, `${took} s`);
});
