// The mass-revocation brake: what merely vanished waits, what somebody asked for does not.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judgeRevocation, withoutLoss } from "../../../operator/bundle/brake.ts";
import type { BrakeDecision, Revocation } from "../../../operator/bundle/brake.ts";
import { makeBundle } from "../../support/bundles.ts";
import { noon } from "./declared.ts";

const seconds = 1000;

function bundleOf(from: number, to: number, policy = "p"): ReturnType<typeof makeBundle> {
  const hashes = Array.from({ length: to - from }, (_, at) => (from + at).toString(16).padStart(64, "0"));
  return makeBundle({
    policies: { p: {}, q: {} },
    identities: Object.fromEntries(hashes.map((each) => [each, policy])),
  });
}

function judge(change: Partial<Revocation>): BrakeDecision {
  const previous = bundleOf(0, 20);
  return judgeRevocation({
    previous,
    next: bundleOf(0, 9),
    asked: new Set(),
    heldSince: undefined,
    now: noon,
    ...change,
  });
}

describe("a bundle that takes the policy from most identities", () => {
  test("is held for 30 s, and people are told how many and what to do", () => {
    const decision = judge({});
    if (decision.kind !== "hold") assert.fail("it went out");
    assert.equal(decision.until, noon + 30 * seconds);
    assert.equal(decision.judgement.reason, "RevocationHeld");
    assert.match(decision.judgement.message, /from 11 of 20 identities.*revocationBrake: false/);
  });

  test("goes out when it still stands after that time, and not a moment before", () => {
    const heldSince = noon - 30 * seconds;
    assert.equal(judge({ heldSince }).kind, "publish");
    assert.equal(judge({ heldSince: heldSince + 1 }).kind, "hold");
  });

  test("goes on waiting from where it began, also if it changes meanwhile", () => {
    const decision = judge({ heldSince: noon - 20 * seconds, next: bundleOf(0, 5) });
    assert.ok(decision.kind === "hold" && decision.until === noon + 10 * seconds);
  });

  test("goes on waiting although so many were admitted meanwhile that the loss is small, or most came back", () => {
    const heldSince = noon - seconds;
    const admitted = { previous: bundleOf(0, 100), next: bundleOf(20, 100), heldSince };
    assert.equal(judge(admitted).kind, "hold");
    assert.equal(judge({ ...admitted, heldSince: undefined }).kind, "publish");
    assert.equal(judge({ next: bundleOf(0, 19), heldSince }).kind, "hold");
    assert.equal(judge({ next: bundleOf(0, 20), heldSince }).kind, "publish");
  });

  test("names who loses what, and not who asked for it", () => {
    const asked = new Set(bundleOf(0, 2).identities.keys());
    const decision = judge({ next: bundleOf(0, 0), asked });
    assert.ok(decision.kind === "hold");
    assert.deepEqual(decision.withheld, bundleOf(2, 20).identities);
  });

  test("waits no longer than that because a clock was set back", () => {
    const decision = judge({ heldSince: noon + 3600 * seconds });
    assert.ok(decision.kind === "hold" && decision.until === noon + 30 * seconds);
  });

  test("goes out at once when edits and deletions that were seen explain it", () => {
    const previous = bundleOf(0, 20);
    assert.equal(judge({ asked: new Set(previous.identities.keys()) }).kind, "publish");
  });

  test("is held when what was asked for explains too little of it", () => {
    const asked = new Set(bundleOf(9, 20).identities.keys());
    assert.equal(judge({ next: bundleOf(0, 0), asked }).kind, "publish", "9 of 20 remain unexplained");
    assert.equal(judge({ next: bundleOf(0, 0), asked: new Set([...asked].slice(2)) }).kind, "hold", "11 of 20");
  });

  test("is held after a restart too, when nothing was seen yet", () => {
    assert.equal(judge({ next: bundleOf(0, 0) }).kind, "hold");
  });
});

describe("a bundle goes out at once", () => {
  test("when exactly half of the identities lose their policy", () => {
    assert.equal(judge({ next: bundleOf(0, 10) }).kind, "publish");
  });

  test("when there were fewer than 20", () => {
    assert.equal(judge({ previous: bundleOf(0, 19), next: bundleOf(0, 0) }).kind, "publish");
  });

  test("when identities are moved to another policy", () => {
    assert.equal(judge({ next: bundleOf(0, 20, "q") }).kind, "publish");
  });

  test("when it only adds", () => {
    assert.equal(judge({ next: bundleOf(0, 500) }).kind, "publish");
  });
});

describe("what goes out while a revocation is held", () => {
  const previous = bundleOf(0, 3);

  test("takes from nobody that is held, and gives and takes whatever else was declared", () => {
    const next = makeBundle({
      policies: { p: { allow: ["/v1/status"] }, r: {} },
      identities: { ["f".repeat(64)]: "r" },
    });
    const withheld = new Map([...previous.identities].slice(0, 2));
    const bundle = withoutLoss(previous, next, withheld);
    assert.deepEqual(bundle.identities, new Map([...next.identities, ...withheld]));
    assert.deepEqual(bundle.policies, next.policies, "an edit of their policy counts");
  });

  test("has the policy of those that are held if that is gone as well, and no other that is", () => {
    const bundle = withoutLoss(previous, makeBundle({ policies: {}, identities: {} }), previous.identities);
    assert.deepEqual([...bundle.policies.keys()], ["p"]);
    assert.deepEqual(bundle.identities, previous.identities);
  });

  test("gives nobody a second role", () => {
    const [admin = ""] = previous.identities.keys();
    const next = { ...makeBundle({ policies: { p: {} }, identities: {} }), admin };
    assert.equal(withoutLoss(previous, next, previous.identities).identities.has(admin), false);
  });
});
