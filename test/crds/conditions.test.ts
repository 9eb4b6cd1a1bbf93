import assert from "node:assert/strict";
import { test } from "node:test";
import {
  completeConditions,
  findCondition,
  identityConditions,
  isTrue,
  keyConditions,
  policyConditions,
  bindingConditions,
  serverConditions,
  setCondition,
} from "../../operator/api/conditions.ts";
import type { Finding } from "../../operator/api/conditions.ts";
import { identityReasons, keyReasons, policyReasons } from "../../operator/api/reasons.ts";

const start = Date.UTC(2026, 10, 21, 10, 0, 0, 789);
const finding = (change: Partial<Finding> = {}): Finding => {
  return { type: "Ready", status: "True", reason: "Ready", message: "", observedGeneration: 1, ...change };
};

test("all types are there from the first visit on, in one order whatever came first", () => {
  for (const types of [serverConditions, policyConditions, bindingConditions, identityConditions, keyConditions]) {
    const first = completeConditions([], types, { observedGeneration: 3, now: start });
    assert.deepEqual(
      first.map(({ type }) => type),
      types,
    );
    for (const condition of first) {
      assert.equal(condition.status, "Unknown");
      assert.equal(condition.observedGeneration, 3);
      assert.equal(condition.lastTransitionTime, "2026-11-21T10:00:00Z");
    }
    const last = types.at(-1) ?? assert.fail();
    const odd = setCondition([], finding({ type: last }), start);
    const rest = completeConditions(odd, types, { observedGeneration: 3, now: start });
    assert.deepEqual(
      rest.map(({ type }) => type),
      types,
    );
    assert.equal(rest.at(-1)?.status, "True");
  }
});

test("what is there stays as it is, and what has no meaning any more goes", () => {
  const before = setCondition(setCondition([], finding(), start), finding({ type: "Issued" }), start);
  const after = completeConditions(before, keyConditions, { observedGeneration: 2, now: start + 5000 });
  assert.deepEqual(
    after.map(({ type }) => type),
    keyConditions,
  );
  assert.equal(after[0], before[0]);
});

test("lastTransitionTime moves with the status and with nothing else", () => {
  const first = setCondition([], finding(), start);
  const reason = setCondition(first, finding({ reason: "Other", message: "m", observedGeneration: 2 }), start + 9000);
  assert.deepEqual(reason, [
    {
      type: "Ready",
      status: "True",
      reason: "Other",
      message: "m",
      observedGeneration: 2,
      lastTransitionTime: "2026-11-21T10:00:00Z",
    },
  ]);
  const status = setCondition(reason, finding({ status: "Unknown" }), start + 10_000);
  assert.equal(findCondition(status, "Ready")?.lastTransitionTime, "2026-11-21T10:00:10Z");
  assert.equal(first[0]?.reason, "Ready", "the list that was given is left alone");
});

test("isTrue is about True alone", () => {
  assert.equal(isTrue(setCondition([], finding(), start), "Ready"), true);
  assert.equal(isTrue(setCondition([], finding({ status: "Unknown" }), start), "Ready"), false);
  assert.equal(isTrue(setCondition([], finding(), start), "Accepted"), false);
  assert.equal(isTrue(undefined, "Ready"), false);
});

test("reasons are ones that the API server takes, each with a sentence", () => {
  for (const table of [policyReasons, identityReasons, keyReasons]) {
    for (const [reason, sentence] of Object.entries(table)) {
      assert.match(reason, /^[A-Z][A-Za-z]+$/);
      assert.match(sentence, /^[a-z`].{10,}[^.]$/);
    }
  }
});
