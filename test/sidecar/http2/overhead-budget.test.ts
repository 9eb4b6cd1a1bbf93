// The budget by itself, with a clock of the test's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { OverheadBudget } from "../../../sidecar/http2/overhead-budget.ts";
import { ProtocolError } from "../../../sidecar/http2/protocol-error.ts";

/** How often it can be spent from; stops at 5,000. */
function spendAll(budget: OverheadBudget): number {
  for (let count = 0; count < 5_000; count++) {
    try {
      budget.spend();
    } catch (error) {
      assert.ok(error instanceof ProtocolError && error.code === 11);
      return count;
    }
  }
  return 5_000;
}

test("a thousand frames at once pass, the next does not", () => {
  assert.equal(spendAll(new OverheadBudget(() => 0)), 1_000);
});

test("a hundred frames a second pass for good", () => {
  let now = 0;
  const budget = new OverheadBudget(() => now);
  for (let second = 0; second < 100; second++) {
    for (let n = 0; n < 100; n++) budget.spend();
    now += 1_000;
  }
});

test("three hundred frames a second do not", () => {
  let now = 0;
  const budget = new OverheadBudget(() => now);
  assert.throws(() => {
    for (let n = 0; n < 30_000; n++) {
      budget.spend();
      now += 1_000 / 300;
    }
  }, ProtocolError);
});

test("each answered request pays for one frame, and nothing is saved up beyond the burst", () => {
  const budget = new OverheadBudget(() => 0);
  for (let n = 0; n < 20_000; n++) {
    budget.earn();
    budget.spend();
  }
  for (let n = 0; n < 20_000; n++) budget.earn();
  assert.equal(spendAll(budget), 1_000);
});
