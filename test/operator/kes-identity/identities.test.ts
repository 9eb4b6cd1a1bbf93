import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { IdentityHash } from "../../../operator/api/generated.ts";
import { maxIdentities, nextIdentities } from "../../../operator/controllers/kes-identity/identities.ts";
import type { Sighting, Source, State } from "../../../operator/controllers/kes-identity/identities.ts";
import { at, day, hashOf, hour, minute, start } from "./objects.ts";

const [a, b, c] = [hashOf("a"), hashOf("b"), hashOf("c")];

function sighting(more: Partial<Sighting> = {}): Sighting {
  return { source: "Certificate", active: undefined, pending: [], refused: new Set(), overlap: day, ...more };
}

function was(source: Source | undefined, ...identities: readonly IdentityHash[]): State {
  return { source, identities };
}

function states({ identities }: { readonly identities: readonly IdentityHash[] }): readonly string[] {
  return identities.map(({ hash, state }) => `${String.fromCharCode(Number.parseInt(hash.slice(0, 2), 16))} ${state}`);
}

const active = (hash: string): IdentityHash => ({ hash, state: "Active", revision: 1 });
const pending = (hash: string): IdentityHash => ({ hash, state: "Pending", revision: 2 });
const retiring = (hash: string, expiresAt: string): IdentityHash => ({
  hash,
  state: "Retiring",
  revision: 1,
  expiresAt,
});

test("an identity that was never looked at has no hash until its source has one", () => {
  assert.deepEqual(nextIdentities(was(undefined), sighting(), start).identities, []);
});

test("the key of a first request is allowed before its certificate exists", () => {
  const next = nextIdentities(was(undefined), sighting({ pending: [{ hash: a, revision: 1 }] }), start);
  assert.deepEqual(next.identities, [{ hash: a, state: "Pending", revision: 1 }]);
});

test("a key becomes active with the end of its certificate", () => {
  const seen = sighting({ active: { hash: a, revision: 1, notAfter: start + day } });
  const next = nextIdentities(was("Certificate", pending(a)), seen, start);
  assert.deepEqual(next.identities, [{ hash: a, state: "Active", revision: 1, notAfter: at(day) }]);
  assert.equal(next.nextChange, undefined);
});

test("the next key is pending beside the active one", () => {
  const seen = sighting({ active: { hash: a }, pending: [{ hash: b }] });
  assert.deepEqual(states(nextIdentities(was("Certificate", active(a)), seen, start)), ["a Active", "b Pending"]);
});

test("the replaced key retires, and stays allowed for the overlap", () => {
  const seen = sighting({ active: { hash: b, revision: 2 } });
  const next = nextIdentities(was("Certificate", active(a), pending(b)), seen, start);
  assert.deepEqual(states(next), ["b Active", "a Retiring"]);
  assert.equal(next.identities[1]?.expiresAt, at(day));
  assert.equal(next.identities[1]?.revision, 1, "by its revision it is known to have been issued");
  assert.equal(next.nextChange, start + day);
});

test("a renewal with the same key changes nothing but the revision", () => {
  const during = sighting({ active: { hash: a, revision: 1 }, pending: [{ hash: a, revision: 2 }] });
  assert.deepEqual(states(nextIdentities(was("Certificate", active(a)), during, start)), ["a Active"]);
  const after = nextIdentities(was("Certificate", active(a)), sighting({ active: { hash: a, revision: 2 } }), start);
  assert.deepEqual(after.identities, [{ hash: a, state: "Active", revision: 2 }]);
});

test("an overlap is never shorter than it says, although times are kept in whole seconds", () => {
  const seen = sighting({ active: { hash: b }, overlap: 30_000 });
  assert.equal(nextIdentities(was("Certificate", active(a)), seen, start + 1).identities[1]?.expiresAt, at(31_000));
});

test("a retiring key keeps its end from visit to visit", () => {
  const before = was("Certificate", active(b), retiring(a, at(hour)));
  const next = nextIdentities(before, sighting({ active: { hash: b } }), start + minute);
  assert.equal(next.identities[1]?.expiresAt, at(hour));
});

test("a retiring key is gone at its end, not before", () => {
  const before = was("Certificate", active(b), retiring(a, at(hour)));
  const seen = sighting({ active: { hash: b } });
  assert.deepEqual(states(nextIdentities(before, seen, start + hour - 1)), ["b Active", "a Retiring"]);
  assert.deepEqual(states(nextIdentities(before, seen, start + hour)), ["b Active"]);
});

test("a shorter overlap counts for keys that retire already", () => {
  const before = was("Certificate", active(b), retiring(a, at(day)));
  const next = nextIdentities(before, sighting({ active: { hash: b }, overlap: minute }), start);
  assert.equal(next.identities[1]?.expiresAt, at(minute));
});

test("without an overlap the replaced key goes at once", () => {
  const seen = sighting({ active: { hash: b }, overlap: 0 });
  assert.deepEqual(states(nextIdentities(was("Certificate", active(a), pending(b)), seen, start)), ["b Active"]);
});

test("a longer overlap does not bring a retiring key more time than it had", () => {
  const before = was("Certificate", active(b), retiring(a, at(minute)));
  const next = nextIdentities(before, sighting({ active: { hash: b }, overlap: 30 * day }), start);
  assert.equal(next.identities[1]?.expiresAt, at(minute));
});

test("a key in use stays in use while its source cannot be read", () => {
  assert.deepEqual(states(nextIdentities(was("SecretRef", active(a)), sighting({ source: "SecretRef" }), start)), [
    "a Active",
  ]);
});

test("a pending key whose request vanished is allowed for the overlap: it may be in the Secret", () => {
  const next = nextIdentities(was("Certificate", active(a), pending(b)), sighting({ active: { hash: a } }), start);
  assert.deepEqual(states(next), ["a Active", "b Retiring"]);
});

test("a pending key whose request was denied or failed is not allowed any more", () => {
  const seen = sighting({ active: { hash: a }, refused: new Set([b]) });
  assert.deepEqual(states(nextIdentities(was("Certificate", active(a), pending(b)), seen, start)), ["a Active"]);
});

test("a refused request does not shorten the time of a key that was in use", () => {
  const before = was("Certificate", active(b), retiring(a, at(hour)));
  const seen = sighting({ active: { hash: b }, refused: new Set([a]) });
  assert.deepEqual(states(nextIdentities(before, seen, start)), ["b Active", "a Retiring"]);
});

test("a retiring key that comes into use again is active without an end", () => {
  const before = was("SecretRef", active(b), retiring(a, at(hour)));
  const next = nextIdentities(before, sighting({ source: "SecretRef", active: { hash: a } }), start);
  assert.deepEqual(states(next), ["a Active", "b Retiring"]);
  assert.equal(next.identities[0]?.expiresAt, undefined);
});

test("another hash in the spec takes the place of the old one at once", () => {
  const seen = sighting({ source: "Hash", active: { hash: b } });
  assert.deepEqual(states(nextIdentities(was("Hash", { hash: a, state: "Active" }), seen, start)), ["b Active"]);
});

test("a certificate in the spec that cannot be read leaves no hash behind", () => {
  const before = was("CertificatePEM", { hash: a, state: "Active" });
  assert.deepEqual(nextIdentities(before, sighting({ source: "CertificatePEM" }), start).identities, []);
});

test("a hash that stood in the spec goes at once when the key is to come from elsewhere", () => {
  const before = was("Hash", { hash: a, state: "Active" });
  assert.deepEqual(nextIdentities(before, sighting({ pending: [{ hash: b }] }), start).identities.length, 1);
});

test("a key from a Secret retires when the key is to come from elsewhere", () => {
  const next = nextIdentities(was("SecretRef", active(a)), sighting({ pending: [{ hash: b }] }), start);
  assert.deepEqual(states(next), ["b Pending", "a Retiring"]);
});

test("a key retires with its former source even before the new one has a key", () => {
  const next = nextIdentities(was("Certificate", active(a), pending(b)), sighting({ source: "APIKey" }), start);
  assert.deepEqual(states(next), ["a Retiring", "b Retiring"]);
});

test("a key that retired under one source goes on doing so under a written one", () => {
  const before = was("Certificate", active(b), retiring(a, at(hour)));
  const next = nextIdentities(before, sighting({ source: "Hash", active: { hash: c } }), start);
  assert.deepEqual(states(next), ["c Active", "b Retiring", "a Retiring"]);
});

test("a retiring key without an end has ended", () => {
  const before = was("Certificate", active(b), { hash: a, state: "Retiring" });
  assert.deepEqual(states(nextIdentities(before, sighting({ active: { hash: b } }), start)), ["b Active"]);
});

test(`of more than ${maxIdentities} keys those that retire first are given up, and named`, () => {
  const letters = "cdefghijklmnopqrst".split("");
  const before = was(
    "Certificate",
    active(a),
    ...letters.map((letter, at_) => retiring(hashOf(letter), at((at_ + 1) * minute))),
  );
  const next = nextIdentities(before, sighting({ active: { hash: a }, pending: [{ hash: b }] }), start);
  assert.equal(next.identities.length, maxIdentities);
  assert.deepEqual(states(next).slice(0, 3), ["a Active", "b Pending", "t Retiring"]);
  assert.deepEqual(next.dropped, [hashOf("f"), hashOf("e"), hashOf("d"), hashOf("c")]);
});

test("the next change is the end of the key that ends first", () => {
  const before = was("Certificate", active(a), retiring(b, at(hour)), retiring(c, at(minute)));
  assert.equal(nextIdentities(before, sighting({ active: { hash: a } }), start).nextChange, start + minute);
});

const letters = fc.constantFrom("a", "b", "c", "d", "e").map(hashOf);
const sources = fc.constantFrom<Source>("Certificate", "APIKey", "SecretRef", "CertificatePEM", "Hash");
const sightings: fc.Arbitrary<Sighting> = fc.record({
  source: sources,
  active: fc.option(
    letters.map((hash) => ({ hash })),
    { nil: undefined },
  ),
  pending: fc.array(
    letters.map((hash) => ({ hash })),
    { maxLength: 3 },
  ),
  refused: fc.uniqueArray(letters, { maxLength: 2 }).map((hashes) => new Set(hashes)),
  overlap: fc.constantFrom(0, 1, 999, minute, day),
});
const steps = fc.array(fc.record({ seen: sightings, wait: fc.nat(2 * hour) }), { maxLength: 20 });

test("whatever is seen in whatever order, the list stays one that the API takes, and a visit twice is a visit once", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      let [now, state] = [start, was(undefined)];
      for (const { seen, wait } of sequence) {
        now += wait;
        const next = nextIdentities(state, seen, now);
        const { identities } = next;
        assert.ok(identities.length <= maxIdentities);
        assert.equal(new Set(identities.map(({ hash }) => hash)).size, identities.length, "each hash once");
        assert.ok(identities.filter((entry) => entry.state === "Active").length <= 1, "one in use");
        for (const entry of identities) assert.equal(entry.expiresAt !== undefined, entry.state === "Retiring");
        for (const { expiresAt } of identities) if (expiresAt !== undefined) assert.ok(Date.parse(expiresAt) > now);
        if (seen.active !== undefined) assert.equal(identities[0]?.hash, seen.active.hash);
        state = was(seen.source, ...identities);
        assert.deepEqual(nextIdentities(state, seen, now).identities, identities);
      }
    }),
    { numRuns: 2000 },
  );
});
