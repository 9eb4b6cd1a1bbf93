// The policies of a bundle beside the admin and the proxies of the configuration file.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildAccess } from "../../../sidecar/access/access.ts";
import type { Access } from "../../../sidecar/access/access.ts";
import { bundleAccess } from "../../../sidecar/access/bundle-access.ts";
import { makeBundle } from "../../support/bundles.ts";
import type { BundleParts } from "../../support/bundles.ts";

const [alice, bob, carol] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];

function accessOf(file: { admin?: string; proxies?: readonly string[] }, parts?: BundleParts): Access {
  const { admin = "disabled", proxies = [] } = file;
  const bundle = parts === undefined ? undefined : makeBundle({ policies: { p: { allow: ["/v1/status"] } }, ...parts });
  return buildAccess({ ...bundleAccess({ admin, proxies }, bundle), startedAt: "2026-01-01T00:00:00Z" });
}

describe("with a bundle", () => {
  test("an identity has the policy that the bundle gives it", () => {
    const access = accessOf({}, { identities: { [alice]: "p" } });
    assert.deepEqual(access.roleOf(alice), { kind: "policy", policy: "p" });
    assert.equal(access.decide(alice, "/v1/status").allowed, true);
    assert.equal(access.decide(alice, "/v1/api").allowed, false);
    assert.equal(access.decide(bob, "/v1/status").allowed, false);
    assert.deepEqual(access.policy("p")?.identities, [alice]);
  });

  test("the admin of the file stays, whatever the bundle says of it or of another", () => {
    const access = accessOf({ admin: alice }, { admin: bob, identities: { [alice]: "p" } });
    assert.equal(access.admin, alice);
    assert.deepEqual(access.roleOf(alice), { kind: "admin" });
    assert.equal(access.roleOf(bob), undefined);
    assert.deepEqual(access.policy("p")?.identities, []);
  });

  test("the admin of the bundle counts where the file has none", () => {
    const access = accessOf({}, { admin: bob });
    assert.deepEqual(access.roleOf(bob), { kind: "admin" });
    assert.equal(access.decide(bob, "/v1/anything").allowed, true);
  });

  test("without either there is none", () => {
    const access = accessOf({}, {});
    assert.equal(access.admin, "disabled");
    assert.equal(access.decide("disabled", "/v1/status").allowed, false);
  });

  test("a TLS proxy of the file is neither admin nor has it a policy", () => {
    const access = accessOf({ proxies: [alice, bob] }, { admin: alice, identities: { [bob]: "p", [carol]: "p" } });
    assert.equal(access.isProxy(alice), true);
    assert.equal(access.roleOf(alice), undefined);
    assert.equal(access.roleOf(bob), undefined);
    assert.deepEqual(access.policy("p")?.identities, [carol]);
  });
});

test("without a bundle nobody but the admin of the file is let in", () => {
  const access = accessOf({ admin: alice });
  assert.deepEqual(access.policyNames(), []);
  assert.equal(access.decide(alice, "/v1/status").allowed, true);
  assert.equal(access.decide(bob, "/v1/status").allowed, false);
});
