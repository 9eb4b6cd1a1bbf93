// metav1.LabelSelector, operator by operator.
import assert from "node:assert/strict";
import { test } from "node:test";
import { selects } from "../../../operator/bundle/label-selector.ts";
import type { LabelRequirement } from "../../../operator/api/generated.ts";

const labels = { tier: "prod", team: "" };

function holds(key: string, operator: LabelRequirement["operator"], ...values: string[]): boolean {
  return selects({ matchExpressions: [{ key, operator, ...(values.length > 0 && { values }) }] }, labels);
}

test("without requirements everything is selected, also what has no labels", () => {
  assert.ok(selects({}, undefined));
  assert.ok(selects({ matchLabels: {}, matchExpressions: [] }, labels));
});

test("matchLabels wants every label with that value", () => {
  assert.ok(selects({ matchLabels: { tier: "prod", team: "" } }, labels));
  assert.ok(!selects({ matchLabels: { tier: "prod", team: "x" } }, labels));
  assert.ok(!selects({ matchLabels: { absent: "" } }, labels));
});

test("In and Exists want the label to be there, NotIn and DoesNotExist do not", () => {
  assert.deepEqual([holds("tier", "In", "dev", "prod"), holds("tier", "In", "dev")], [true, false]);
  assert.deepEqual([holds("absent", "In", "prod"), holds("absent", "NotIn", "prod")], [false, true]);
  assert.deepEqual([holds("tier", "NotIn", "prod"), holds("tier", "NotIn", "dev")], [false, true]);
  assert.deepEqual([holds("team", "Exists"), holds("absent", "Exists")], [true, false]);
  assert.deepEqual([holds("team", "DoesNotExist"), holds("absent", "DoesNotExist")], [false, true]);
});

test("all requirements must hold", () => {
  const exists = { key: "tier", operator: "Exists" as const };
  assert.ok(!selects({ matchLabels: { tier: "dev" }, matchExpressions: [exists] }, labels));
  assert.ok(!selects({ matchExpressions: [exists, { key: "team", operator: "DoesNotExist" }] }, labels));
});

test("what every JavaScript object has is no label", () => {
  assert.ok(!holds("constructor", "Exists"));
  assert.ok(holds("toString", "DoesNotExist"));
});
