// What the server says about policies and identities (reference 2.4, 8.2).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expected } from "./differences.ts";
import { expectError, expectJson } from "./expect.ts";
import type { Fixture } from "./fixture.ts";
import { readerPolicy } from "./policy.ts";

const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?(Z|[+-]\d\d:\d\d)$/;

export function policyTests(fixture: Fixture): void {
  describe("identities", () => {
    const { admin } = fixture.target;

    it("of admins are described as such", async () => {
      for (const client of [fixture.admin]) {
        const path = `/v1/identity/describe/${admin.identity}`;
        assert.deepEqual(dated(await value(client.send("GET", path))), { admin: true });
        const self = await value(client.send("GET", "/v1/identity/self/describe"));
        assert.deepEqual(Object.keys(self), ["identity", "admin", "created_at"]);
        assert.deepEqual(dated(self), { identity: admin.identity, admin: true });
      }
    });

    it("that nobody knows do not exist", async () => {
      const answer = await fixture.admin.send("GET", `/v1/identity/describe/${"0".repeat(64)}`);
      expectError(answer, 404, "identity does not exist");
    });

    it("are listed, the admin among them", async () => {
      for (const pattern of ["", "*", admin.identity, admin.identity.slice(0, 40), `${admin.identity.slice(0, 40)}*`]) {
        const listing = await value(fixture.admin.send("GET", `/v1/identity/list/${pattern}`));
        const { identities, ...rest } = listing as { identities: string[] };
        assert.deepEqual(rest, { continue_at: "" });
        assert.ok(identities.includes(admin.identity));
        assert.deepEqual(identities, identities.toSorted());
      }
      const nobody = await fixture.admin.send("GET", "/v1/identity/list/nobody");
      assert.equal(nobody.text, '{"identities":[],"continue_at":""}\n');
    });
  });

  describe("policies", () => {
    it("that do not exist are not found", async () => {
      for (const action of ["describe", "read"]) {
        const answer = await fixture.admin.send("GET", `/v1/policy/${action}/wire-nobody`);
        expectError(answer, 404, "policy does not exist");
      }
      const nothing = await fixture.admin.send("GET", "/v1/policy/list/wire-nobody");
      assert.equal(nothing.text, '{"names":[],"continue_at":""}\n');
    });
    readerTests(fixture);
  });
}

function readerTests(fixture: Fixture): void {
  const { admin, reader } = fixture.target;
  const skip = reader === undefined && "no reader was given";
  const { name, allow, deny } = readerPolicy;
  const sets = {
    allow: Object.fromEntries(allow.map((pattern) => [pattern, {}])),
    deny: Object.fromEntries(deny.map((pattern) => [pattern, {}])),
  };

  it("are described with their origin", { skip }, async () => {
    const description = await value(fixture.admin.send("GET", `/v1/policy/describe/${name}`));
    assert.deepEqual(Object.keys(description), ["name", "created_at", "created_by"]);
    assert.deepEqual(dated(description), { name, created_by: admin.identity });
  });

  it("are read with their patterns sorted", { skip }, async () => {
    const policy = await value(fixture.admin.send("GET", `/v1/policy/read/${name}`));
    assert.deepEqual(Object.keys(policy), ["name", "allow", "deny", "created_at", "created_by"]);
    assert.deepEqual(dated(policy), { name, ...sets, created_by: admin.identity });
  });

  it("are listed by name and prefix", { skip }, async () => {
    for (const pattern of ["", "*", "wire-reader", "wire-r", "wire-r*", "wire-r%2A"]) {
      const listing = await value(fixture.admin.send("GET", `/v1/policy/list/${pattern}`));
      const { names, ...rest } = listing as { names: string[] };
      assert.deepEqual(rest, { continue_at: "" });
      assert.ok(names.includes(name), `the list of '${pattern}' lacks ${name}`);
    }
  });

  it("of an identity are described with it", { skip }, async () => {
    const answer = await value(fixture.admin.send("GET", `/v1/identity/describe/${reader?.identity}`));
    assert.deepEqual(Object.keys(answer), ["policy", "created_at", "created_by"]);
    assert.deepEqual(dated(answer), { policy: name, created_by: admin.identity });
  });

  it("are what an identity learns about itself", { skip }, async () => {
    if (reader === undefined) return;
    const answer = await fixture.as(reader).send("GET", "/v1/identity/self/describe");
    const right = { identity: reader.identity, policy: name, created_by: admin.identity, ...sets };
    const wanted = expected<object | undefined>(fixture.target, "selfDescribe", { upstream: undefined, ours: right });
    if (wanted === undefined) expectError(answer, 404, "identity does not exist");
    else assert.deepEqual(dated(expectJson(answer) as object), wanted);
  });
}

async function value(answer: Promise<Parameters<typeof expectJson>[0]>): Promise<object> {
  return expectJson(await answer) as object;
}

/** Checks `created_at` and returns the rest. An `admin: false` says nothing and may be there. */
function dated(value: object): object {
  const { created_at: createdAt, ...rest } = value as { created_at: string; admin?: boolean };
  assert.match(createdAt, timestamp);
  if (rest.admin === false) delete rest.admin;
  return rest;
}
