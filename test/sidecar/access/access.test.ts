import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { buildAccess } from "../../../sidecar/access/access.ts";
import type { AccessInput } from "../../../sidecar/access/access.ts";
import type { PolicyConfig } from "../../../sidecar/contract/config.ts";
import { compilePattern } from "../../../sidecar/contract/pattern.ts";

function hashOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

const admin = hashOf("admin");
const alice = hashOf("alice");
const bob = hashOf("bob");
const startedAt = "2024-01-01T00:00:00Z";

function policy(change: Partial<PolicyConfig>): PolicyConfig {
  return { allow: [], deny: [], identities: [], ...change };
}

function access(policies: Readonly<Record<string, Partial<PolicyConfig>>>, change: Partial<AccessInput> = {}) {
  const entries = Object.entries(policies).map(([name, rules]) => [name, policy(rules)] as const);
  return buildAccess({ admin, policies: new Map(entries), proxies: [], startedAt, ...change });
}

const minio = {
  allow: ["/v1/key/create/my-*", "/v1/key/generate/my-key", "/v1/key/*/shared", "/v1/status"],
  deny: ["/v1/key/create/my-internal*", "/v1/key/generate/my-key", "/v1/key/*/[xy]*"],
  identities: [alice],
};

const decisions = [
  { path: "/v1/key/create/my-a", allowed: true },
  { path: "/v1/key/decrypt/shared", allowed: true },
  { path: "/v1/status", allowed: true },
  { path: "/v1/key/create/my-internal-1", reason: "denied-by-rule", rule: "/v1/key/create/my-internal*" },
  { path: "/v1/key/generate/my-key", reason: "denied-by-rule", rule: "/v1/key/generate/my-key" },
  { path: "/v1/key/create/x1", reason: "denied-by-rule", rule: "/v1/key/*/[xy]*" },
  { path: "/v1/key/create/other", reason: "no-rule-allows", rule: "/v1/key/create/other" },
  { path: "/v1/status/", reason: "no-rule-allows", rule: "/v1/status/" },
  { path: "/V1/status", reason: "no-rule-allows", rule: "/V1/status" },
];

for (const { path, ...expected } of decisions) {
  test(`${path} is ${expected.reason ?? "allowed"}, asked once and again`, () => {
    const subject = access({ minio });
    const decision = expected.allowed === true ? expected : { allowed: false, policy: "minio", ...expected };
    assert.deepEqual(subject.decide(alice, path), decision);
    assert.deepEqual(subject.decide(alice, path), decision);
  });
}

test("the admin may do everything and identities of no policy nothing", () => {
  const subject = access({ minio, open: { allow: ["*"] } });
  assert.equal(subject.decide(admin, "/v1/key/create/my-internal-1").allowed, true);
  const unknown = { allowed: false, reason: "identity-unknown", policy: undefined, rule: undefined };
  for (const identity of [bob, "", "_", alice.toUpperCase(), "constructor", "__proto__"]) {
    assert.deepEqual(subject.decide(identity, "/v1/status"), unknown);
  }
});

for (const disabled of ["_", "disabled", "", "__proto__"]) {
  test(`an admin set to ${JSON.stringify(disabled)} is nobody`, () => {
    const subject = access({ minio }, { admin: disabled });
    assert.equal(subject.decide(disabled, "/v1/status").allowed, false);
    assert.equal(subject.roleOf(""), undefined);
  });
}

test("an empty policy refuses everything", () => {
  const subject = access({ none: { identities: [bob] } });
  assert.equal(subject.decide(bob, "/v1/status").allowed, false);
});

test("roles, policies and identities can be looked up and are listed in byte order", () => {
  const proxy = hashOf("proxy");
  const subject = access({ zeta: { identities: [bob] }, Alpha: minio, constructor: {} }, { proxies: [proxy] });
  assert.deepEqual(subject.roleOf(admin), { kind: "admin" });
  assert.deepEqual(subject.roleOf(alice), { kind: "policy", policy: "Alpha" });
  assert.equal(subject.roleOf(proxy), undefined);
  assert.deepEqual(subject.policyNames(), ["Alpha", "constructor", "zeta"]);
  assert.deepEqual(subject.identities(), [admin, alice, bob].toSorted());
  assert.deepEqual(subject.policy("zeta"), {
    name: "zeta",
    allow: [],
    deny: [],
    identities: [bob],
    configured: true,
    createdAt: startedAt,
    createdBy: admin,
  });
  assert.equal(subject.policy("toString"), undefined);
  assert.equal(subject.isProxy(proxy), true);
  assert.equal(subject.isProxy(alice), false);
});

test("a disabled admin is still listed and described, as clients have seen it", () => {
  const subject = access({}, { admin: "_" });
  assert.deepEqual(subject.identities(), ["_"]);
  assert.deepEqual(subject.roleOf("_"), { kind: "admin" });
});

const conflicts = [
  {
    title: "in two policies",
    policies: { a: { identities: [bob] }, b: { identities: [bob] } },
    text: /already has a policy/,
  },
  { title: "that is admin in a policy", policies: { a: { identities: [admin] } }, text: /already admin/ },
  { title: "that is a proxy in a policy", policies: { a: { identities: [bob] } }, proxies: [bob], text: /TLS proxy/ },
  { title: "that is admin and proxy", policies: {}, proxies: [admin], text: /already admin/ },
];

for (const { title, policies, text, proxies = [] } of conflicts) {
  test(`an identity ${title} is refused`, () => {
    assert.throws(() => access(policies, { proxies }), { code: "ConfigInvalid", message: text });
  });
}

test("an identity twice in one policy is no conflict", () => {
  const subject = access({ a: { allow: ["/v1/status"], identities: [bob, bob] } });
  assert.equal(subject.decide(bob, "/v1/status").allowed, true);
});

test("a pattern that does not compile is refused and names its policy", () => {
  const broken = { code: "ConfigInvalid", message: /^policy 'broken': pattern "\/v1\/\[" / };
  assert.throws(() => access({ broken: { allow: ["/v1/["] } }), broken);
  assert.throws(() => access({ broken: { deny: ["/v1/["] } }), broken);
});

test("an overlong path is judged as any other, but its denial does not repeat it", () => {
  const subject = access({ open: { allow: ["/v1/key/create/*"], deny: ["/v1/key/create/bad*"], identities: [bob] } });
  const long = "a".repeat(60_000);
  assert.equal(subject.decide(bob, `/v1/key/create/${long}`).allowed, true);
  assert.deepEqual(subject.decide(bob, `/v1/key/create/bad${long}`), {
    allowed: false,
    reason: "denied-by-rule",
    policy: "open",
    rule: "/v1/key/create/bad*",
  });
  const denied = { allowed: false, reason: "no-rule-allows", policy: "open", rule: undefined };
  assert.deepEqual(subject.decide(bob, `/v1/key/delete/${long}`), denied);
});

test("decisions stay right when far more paths are asked for than are remembered", () => {
  const rules = { allow: ["/v1/key/create/a*"], deny: ["/v1/key/create/ab*"] };
  const subject = access({ one: { ...rules, identities: [alice] }, two: { allow: ["*"], identities: [bob] } });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 40_000; i++) {
      const name = `${i % 2 === 0 ? "ab" : "a"}${i}`;
      const path = `/v1/key/create/${name}`;
      if (subject.decide(alice, path).allowed !== (i % 2 === 1)) assert.fail(path);
      if (i % 100 === 0) assert.equal(subject.decide(bob, path).allowed, true);
    }
  }
});

test("a decision is what the rules say one by one, deny first", () => {
  const pattern = fc.constantFrom(
    "*",
    "/v1/*",
    "/v1/key/*",
    "/v1/key/create/a",
    "/v1/key/create/a*",
    "/v1/key/*/a",
    "/v1/key/*/a*",
    "/v1/key/create/[ab]",
    "/v1/key/create/?",
    "/v1/status",
  );
  const path = fc.constantFrom(
    "/v1/status",
    "/v1/key/create/",
    "/v1/key/create/a",
    "/v1/key/create/ab",
    "/v1/key/create/[ab]",
    "/v1/key/delete/a/b",
    "/v1/key/*/a",
    "/version",
  );
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 4 }),
      fc.array(pattern, { maxLength: 3 }),
      path,
      (allow, deny, asked) => {
        const refused = deny.some((text) => compilePattern(text).matchesDeny(asked));
        const granted = allow.some((text) => compilePattern(text).matchesAllow(asked));
        const subject = access({ some: { allow, deny, identities: [bob] } });
        assert.equal(subject.decide(bob, asked).allowed, granted && !refused);
      },
    ),
    { numRuns: 1000 },
  );
});
