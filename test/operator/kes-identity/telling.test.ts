import assert from "node:assert/strict";
import { test } from "node:test";
import type { KesIdentityStatus } from "../../../operator/api/generated.ts";
import { changesWorthTelling } from "../../../operator/controllers/kes-identity/telling.ts";
import { anIdentity, hashOf } from "./objects.ts";

function told(before: KesIdentityStatus | undefined, after: KesIdentityStatus): readonly string[] {
  const identity = anIdentity({}, before === undefined ? {} : { status: before });
  return changesWorthTelling(identity, after, []).map(({ reason, message }) => `${reason}: ${message}`);
}

const [first, second] = [hashOf("a"), hashOf("b")];

test("an identity that was found is told, unless its user wrote it", () => {
  assert.deepEqual(told({}, { source: "Certificate", identity: first }), [`IdentityChanged: is ${first}`]);
  assert.deepEqual(told({}, { source: "Hash", identity: first }), []);
});

test("a first status is no change: of what an operator finds at its start nothing is told", () => {
  const conditions = [{ type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: "" }] as const;
  assert.deepEqual(told(undefined, { source: "Certificate", identity: first, conditions }), []);
  const [event] = told({ source: "Certificate", identity: first }, { identity: first, conditions });
  assert.equal(event, "Ready: the client can use the server");
});

test("a change is told whoever made it", () => {
  for (const source of ["Certificate", "Hash"] as const) {
    const found = told({ source, identity: first }, { source, identity: second });
    assert.deepEqual(found, [`IdentityChanged: was ${first}, is ${second}`]);
  }
});
