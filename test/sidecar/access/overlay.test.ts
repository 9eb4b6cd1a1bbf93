import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { buildAccess } from "../../../sidecar/access/access.ts";
import type { AccessSource } from "../../../sidecar/access/access.ts";
import { Overlay } from "../../../sidecar/access/overlay.ts";
import { KesError } from "../../../sidecar/errors.ts";

function hashOf(name: string): string {
  return createHash("sha256").update(name).digest("hex");
}

const admin = hashOf("admin");
const alice = hashOf("alice");
const bob = hashOf("bob");
const carol = hashOf("carol");
const proxy = hashOf("proxy");
const now = "2024-05-05T05:05:05Z";

function source(
  policies: Readonly<Record<string, readonly string[]>>,
  change: Partial<AccessSource> = {},
): AccessSource {
  const entries = Object.entries(policies).map(
    ([name, identities]) => [name, { allow: [`/v1/key/create/${name}*`], deny: [], identities }] as const,
  );
  return { admin, policies: new Map(entries), proxies: [proxy], ...change };
}

/** `file` is in the configuration and alice holds it. */
const base = source({ file: [alice], spare: [] });

function accessTo(overlay: Overlay, under: AccessSource = base) {
  return buildAccess({ ...under, overlay, startedAt: now });
}

function rules(name: string, allow: readonly string[] = ["/v1/status"], deny: readonly string[] = []) {
  return { name, allow, deny };
}

test("a written policy and assignment apply, say who wrote them, and leave the overlay before untouched", () => {
  const before = Overlay.over(base);
  const overlay = before.writePolicy(alice, rules("new", ["/v1/*"], ["/v1/metrics"]), now).assign(alice, bob, "new");
  const access = accessTo(overlay);
  assert.equal(access.decide(bob, "/v1/status").allowed, true);
  assert.equal(access.decide(bob, "/v1/metrics").allowed, false);
  assert.deepEqual(access.policy("new"), {
    name: "new",
    allow: ["/v1/*"],
    deny: ["/v1/metrics"],
    identities: [bob],
    configured: false,
    createdAt: now,
    createdBy: alice,
  });
  assert.deepEqual(access.policyNames(), ["file", "new", "spare"]);
  assert.equal(before.isEmpty, true);
  assert.equal(accessTo(before).decide(bob, "/v1/status").allowed, false);
});

test("writing again replaces, assigning again replaces, both may come from different callers", () => {
  const overlay = Overlay.over(base)
    .writePolicy(alice, rules("new"), now)
    .assign(alice, bob, "new")
    .writePolicy(admin, rules("new", ["/v1/api"]), now)
    .assign(admin, bob, "spare");
  const access = accessTo(overlay);
  assert.deepEqual(access.policy("new")?.allow, ["/v1/api"]);
  assert.deepEqual(access.roleOf(bob), { kind: "policy", policy: "spare" });
  assert.deepEqual(access.policy("spare")?.identities, [bob]);
});

test("a deleted policy takes its assignments along and no others", () => {
  const overlay = Overlay.over(base)
    .writePolicy(admin, rules("new"), now)
    .assign(admin, bob, "new")
    .assign(admin, carol, "spare")
    .deletePolicy(admin, "new");
  assert.deepEqual([...overlay.assignments], [[carol, "spare"]]);
  assert.equal(accessTo(overlay).policy("new"), undefined);
  assert.equal(accessTo(overlay).roleOf(bob), undefined);
});

test("a forgotten identity has no access, and forgetting or deleting what is not there is fine", () => {
  const overlay = Overlay.over(base).assign(admin, bob, "file").forget(admin, bob).forget(admin, carol);
  assert.equal(overlay.deletePolicy(admin, "absent").isEmpty, true);
  assert.equal(accessTo(overlay).decide(bob, "/v1/key/create/file").allowed, false);
});

const holding = Overlay.over(base).writePolicy(admin, rules("held"), now).assign(admin, bob, "held");

interface Refusal {
  readonly title: string;
  readonly act: (overlay: Overlay) => Overlay;
  readonly code: string;
  readonly message?: string | RegExp;
}

const refusals: readonly Refusal[] = [
  {
    title: "write the policy it holds by the file",
    act: (o) => o.writePolicy(alice, rules("file"), now),
    code: "SelfAssignment",
  },
  {
    title: "write the policy it was given",
    act: (o) => o.writePolicy(bob, rules("held"), now),
    code: "SelfAssignment",
  },
  { title: "delete the policy it was given", act: (o) => o.deletePolicy(bob, "held"), code: "SelfAssignment" },
  { title: "assign the policy it was given", act: (o) => o.assign(bob, carol, "held"), code: "SelfAssignment" },
  {
    title: "assign the policy it holds by the file",
    act: (o) => o.assign(alice, carol, "file"),
    code: "SelfAssignment",
  },
  {
    title: "assign itself another policy",
    act: (o) => o.assign(bob, bob, "spare"),
    code: "SelfAssignment",
    message: "identity cannot assign policy to itself",
  },
  { title: "forget itself", act: (o) => o.forget(bob, bob), code: "SelfAssignment" },
  { title: "overwrite a configured policy", act: (o) => o.writePolicy(bob, rules("file"), now), code: "PolicyExists" },
  { title: "delete a configured policy", act: (o) => o.deletePolicy(bob, "spare"), code: "PolicyExists" },
  { title: "overwrite one as admin", act: (o) => o.writePolicy(admin, rules("file"), now), code: "PolicyExists" },
  { title: "delete one as admin", act: (o) => o.deletePolicy(admin, "file"), code: "PolicyExists" },
  {
    title: "assign the admin",
    act: (o) => o.assign(alice, admin, "spare"),
    code: "IdentityInvalid",
    message: "identity is root",
  },
  {
    title: "assign the admin as admin",
    act: (o) => o.assign(admin, admin, "spare"),
    code: "IdentityInvalid",
    message: "identity is root",
  },
  {
    title: "forget the admin",
    act: (o) => o.forget(alice, admin),
    code: "IdentityInvalid",
    message: "identity is root",
  },
  {
    title: "assign nobody",
    act: (o) => o.assign(admin, "_", "spare"),
    code: "IdentityInvalid",
    message: "identity is unknown",
  },
  { title: "forget nobody", act: (o) => o.forget(admin, ""), code: "IdentityInvalid", message: "identity is unknown" },
  {
    title: "assign a TLS proxy",
    act: (o) => o.assign(admin, proxy, "spare"),
    code: "IdentityInvalid",
    message: /TLS proxy/,
  },
  {
    title: "reassign a configured identity",
    act: (o) => o.assign(admin, alice, "spare"),
    code: "IdentityInvalid",
    message: /configuration/,
  },
  {
    title: "forget a configured identity",
    act: (o) => o.forget(admin, alice),
    code: "IdentityInvalid",
    message: /configuration/,
  },
  { title: "assign an unknown policy", act: (o) => o.assign(admin, carol, "none"), code: "PolicyNotFound" },
  { title: "assign a prototype's name", act: (o) => o.assign(admin, carol, "constructor"), code: "PolicyNotFound" },
  { title: "write a bad name", act: (o) => o.writePolicy(admin, rules("a.b"), now), code: "NameInvalid" },
  {
    title: "write a bad allow pattern",
    act: (o) => o.writePolicy(admin, rules("new", ["/v1/["]), now),
    code: "BodyInvalid",
  },
  {
    title: "write a bad deny pattern",
    act: (o) => o.writePolicy(admin, rules("new", [], ["\\"]), now),
    code: "BodyInvalid",
  },
];

for (const { title, act, code, message = /./ } of refusals) {
  test(`nobody can ${title}`, () => {
    assert.throws(() => act(holding), { code, message });
  });
}

test("whoever is called like a disabled admin has no admin's rights", () => {
  const overlay = Overlay.over(source({ file: ["_x"] }, { admin: "_x2" }));
  assert.throws(() => overlay.writePolicy("_x", rules("file"), now), { code: "SelfAssignment" });
  const named = Overlay.over(source({ file: [alice] }, { admin: "somebody" })).writePolicy(alice, rules("new"), now);
  assert.throws(() => named.assign(alice, "somebody", "new"), { message: "identity is root" });
});

const reloads = [
  {
    title: "an unrelated change keeps everything",
    after: source({ file: [alice], spare: [], more: [] }),
    policies: ["held"],
    assignments: [bob, carol],
  },
  {
    title: "an identity that the file now has",
    after: source({ file: [alice], spare: [bob] }),
    policies: ["held"],
    assignments: [carol],
  },
  {
    title: "a policy that the file now has goes, with its assignments",
    after: source({ spare: [], held: [] }),
    policies: [],
    assignments: [carol],
  },
  {
    title: "an assignment to a policy that the file no longer has",
    after: source({ file: [] }),
    policies: ["held"],
    assignments: [bob],
  },
  {
    title: "an identity that is now admin",
    after: source({ spare: [] }, { admin: bob }),
    policies: ["held"],
    assignments: [carol],
  },
  {
    title: "an identity that is now a proxy",
    after: source({ spare: [] }, { proxies: [carol] }),
    policies: ["held"],
    assignments: [bob],
  },
];

for (const { title, after, policies, assignments } of reloads) {
  test(`a reload drops what the file decides: ${title}`, () => {
    const overlay = Overlay.over(after, holding.assign(admin, carol, "spare"));
    assert.deepEqual([...overlay.policies.keys()], policies);
    assert.deepEqual([...overlay.assignments.keys()].toSorted(), assignments.toSorted());
  });
}

test("an identity that leaves the file is gone, whatever was written about it before", () => {
  const listed = source({ file: [alice], spare: [bob] });
  const gone = source({ file: [alice], spare: [] });
  const overlay = Overlay.over(gone, Overlay.over(listed, holding));
  assert.equal(accessTo(overlay, gone).roleOf(bob), undefined);
});

test("an access built over another configuration than its overlay still lets the file win", () => {
  const file = source({ spare: [bob], held: [] }, { proxies: [carol] });
  const access = accessTo(holding.assign(admin, carol, "held"), file);
  assert.deepEqual(access.roleOf(bob), { kind: "policy", policy: "spare" });
  assert.equal(access.policy("held")?.configured, true);
  assert.equal(access.roleOf(carol), undefined);
  const asAdmin = accessTo(holding, source({ spare: [] }, { admin: bob }));
  assert.deepEqual(asAdmin.roleOf(bob), { kind: "admin" });
});

type Deed =
  | { readonly kind: "write"; readonly name: string }
  | { readonly kind: "delete"; readonly name: string }
  | { readonly kind: "assign"; readonly name: string; readonly identity: string }
  | { readonly kind: "forget"; readonly identity: string };

function apply(overlay: Overlay, caller: string, act: Deed): Overlay {
  try {
    if (act.kind === "write") return overlay.writePolicy(caller, rules(act.name, ["*"]), now);
    if (act.kind === "delete") return overlay.deletePolicy(caller, act.name);
    if (act.kind === "forget") return overlay.forget(caller, act.identity);
    return overlay.assign(caller, act.identity, act.name);
  } catch (error) {
    assert.ok(error instanceof KesError, String(error));
    return overlay;
  }
}

test("no sequence of writes by non-admins changes what they themselves may do, or the admin, or the file", () => {
  const who = fc.constantFrom(alice, bob, carol);
  const anybody = fc.constantFrom(alice, bob, carol, admin, proxy);
  const name = fc.constantFrom("file", "spare", "held", "fresh");
  const deed = fc.oneof(
    fc.record({ kind: fc.constant("write" as const), name }),
    fc.record({ kind: fc.constant("delete" as const), name }),
    fc.record({ kind: fc.constant("assign" as const), name, identity: anybody }),
    fc.record({ kind: fc.constant("forget" as const), identity: anybody }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(who, deed), { maxLength: 12 }), (deeds) => {
      let overlay = holding;
      for (const [caller, act] of deeds) {
        const before = accessTo(overlay);
        overlay = apply(overlay, caller, act);
        const after = accessTo(overlay);
        const role = before.roleOf(caller);
        assert.deepEqual(after.roleOf(caller), role);
        if (role?.kind === "policy")
          assert.deepEqual(after.policy(role.policy)?.allow, before.policy(role.policy)?.allow);
        assert.deepEqual(after.roleOf(admin), { kind: "admin" });
        assert.deepEqual(after.roleOf(alice), { kind: "policy", policy: "file" });
        assert.deepEqual(after.policy("file")?.allow, ["/v1/key/create/file*"]);
        assert.equal(after.roleOf(proxy), undefined);
      }
    }),
    { numRuns: 500 },
  );
});
