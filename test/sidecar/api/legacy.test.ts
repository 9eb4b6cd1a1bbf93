import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiHarness, admin } from "../../support/call.ts";
import type { Answer } from "../../support/call.ts";

const app = "b".repeat(64);
const other = "c".repeat(64);
const policies = { configured: { allow: ["/v1/key/create/*"], identities: [app] } };

function older(): ApiHarness {
  return new ApiHarness({ policies, api: { legacy: true } });
}

async function decides(api: ApiHarness, identity: string, path: string): Promise<boolean> {
  return api.state.access.decide(identity, path).allowed;
}

describe("a written policy", () => {
  const bodies = [
    { allow: ["/v1/key/generate/*"], deny: ["/v1/key/generate/secret"] },
    { paths: ["/v1/key/generate/*"], deny: ["/v1/key/generate/secret"] },
    { paths: ["/v1/key/generate/*"], allow: null, deny: ["/v1/key/generate/secret"], other: 1 },
  ];
  for (const body of bodies) {
    test(`in the form ${Object.keys(body).join()} applies at once`, async () => {
      await using api = older();
      const written = await api.ask("POST", "/v1/policy/write/new", { body });
      assert.deepEqual([written.status, written.text], [200, ""]);
      assert.equal((await api.ask("POST", "/v1/policy/assign/new", { body: { identity: other } })).status, 200);
      assert.equal(await decides(api, other, "/v1/key/generate/k"), true);
      assert.equal(await decides(api, other, "/v1/key/generate/secret"), false);
      const read = (await api.ask("GET", "/v1/policy/read/new")).json();
      assert.deepEqual(read.allow, { "/v1/key/generate/*": {} });
      assert.equal(read.created_by, admin);
      assert.ok(Math.abs(Date.parse(read.created_at) - Date.now()) < 60_000);
    });
  }

  test("is gone with its assignments when it is deleted, also a second time", async () => {
    await using api = older();
    await api.ask("POST", "/v1/policy/write/new", { body: { allow: ["/v1/status"] } });
    await api.ask("POST", `/v1/identity/assign/new/${other}`);
    assert.equal(await decides(api, other, "/v1/status"), true);
    assert.equal((await api.ask("DELETE", "/v1/policy/delete/new")).status, 200);
    assert.equal(await decides(api, other, "/v1/status"), false);
    assert.equal((await api.ask("GET", "/v1/policy/read/new")).status, 404);
    assert.equal((await api.ask("DELETE", "/v1/policy/delete/new")).status, 200);
  });

  for (const body of ["", "{", "[]", "7", { allow: "x" }, { paths: [1] }, { deny: {} }]) {
    test(`is refused as ${JSON.stringify(body)}`, async () => {
      await using api = older();
      const { status, text } = await api.ask("POST", "/v1/policy/write/new", { body });
      assert.deepEqual([status, text], [400, "invalid json"]);
    });
  }

  test("is refused with a bad pattern, which the answer names", async () => {
    await using api = older();
    const { status, text } = await api.ask("POST", "/v1/policy/write/new", { body: { allow: ["/v1/key/[a"] } });
    assert.equal(status, 400);
    assert.match(text, /\/v1\/key\/\[a/);
  });

  test("never replaces a configured one", async () => {
    await using api = older();
    const written = await api.ask("POST", "/v1/policy/write/configured", { body: { allow: ["/v1/*"] } });
    const deleted = await api.ask("DELETE", "/v1/policy/delete/configured");
    for (const { status, text } of [written, deleted]) {
      assert.equal(status, 409);
      assert.match(text, /'configured' is in the configuration file/);
    }
    assert.equal(await decides(api, app, "/v1/status"), false);
  });
});

describe("an assignment", () => {
  const refused: readonly (readonly [string, (api: ApiHarness) => Promise<Answer>, number, string])[] = [
    [
      "of an unknown policy",
      (api) => api.ask("POST", `/v1/identity/assign/absent/${other}`),
      404,
      "policy does not exist",
    ],
    ["to the admin", (api) => api.ask("POST", `/v1/identity/assign/configured/${admin}`), 400, "identity is root"],
    ["to no identity", (api) => api.ask("POST", "/v1/identity/assign/configured/"), 400, "identity is unknown"],
    ["without an identity", (api) => api.ask("POST", "/v1/identity/assign/configured"), 400, "identity is unknown"],
    ["to a path", (api) => api.ask("POST", `/v1/identity/assign/configured/${other}/x`), 400, "identity is unknown"],
    [
      "in an empty body",
      (api) => api.ask("POST", "/v1/policy/assign/configured", { body: {} }),
      400,
      "identity is unknown",
    ],
    ["in no body", (api) => api.ask("POST", "/v1/policy/assign/configured"), 400, "invalid json"],
    [
      "to oneself",
      (api) => api.ask("POST", `/v1/identity/assign/configured/${other}`, { identity: other }),
      403,
      "identity cannot assign policy to itself",
    ],
  ];
  for (const [what, ask, status, message] of refused) {
    test(`${what} is a ${status} '${message}'`, async () => {
      await using api = older();
      const answer = await ask(api);
      assert.deepEqual([answer.status, answer.text], [status, message]);
    });
  }

  for (const route of ["forget", "delete"]) {
    test(`ends with identity/${route}, also a second time`, async () => {
      await using api = older();
      await api.ask("POST", `/v1/identity/assign/configured/${other}`);
      assert.equal((await api.ask("GET", `/v1/identity/describe/${other}`)).status, 200);
      assert.equal((await api.ask("DELETE", `/v1/identity/${route}/${other}`)).status, 200);
      assert.equal((await api.ask("GET", `/v1/identity/describe/${other}`)).status, 404);
      assert.equal((await api.ask("DELETE", `/v1/identity/${route}/${other}`)).status, 200);
    });
  }

  test("of the configuration, or the admin's, is not forgotten", async () => {
    await using api = older();
    assert.equal((await api.ask("DELETE", `/v1/identity/forget/${admin}`)).text, "identity is root");
    assert.equal((await api.ask("DELETE", `/v1/identity/forget/${app}`)).status, 400);
    assert.equal(await decides(api, app, "/v1/key/create/k"), true);
  });
});

async function sealed(api: ApiHarness, count: number): Promise<{ plaintext: string; ciphertext: string }[]> {
  await api.ask("PUT", "/v1/key/create/k");
  const made = [];
  for (let at = 0; at < count; at++) made.push((await api.ask("PUT", "/v1/key/generate/k")).json());
  return made;
}

describe("decrypting in bulk", () => {
  test("answers the plaintexts in order", async () => {
    await using api = older();
    const made = await sealed(api, 3);
    const body = made.map(({ ciphertext }) => ({ ciphertext }));
    const { json } = await api.ask("POST", "/v1/key/bulk/decrypt/k", { body });
    assert.deepEqual(
      json(),
      made.map(({ plaintext }) => ({ plaintext })),
    );
  });

  test("fails as a whole when one does", async () => {
    await using api = older();
    const [one] = await sealed(api, 1);
    const body = [{ ciphertext: one?.ciphertext }, { ciphertext: one?.ciphertext, context: "AAAA" }];
    const { status, text } = await api.ask("POST", "/v1/key/bulk/decrypt/k", { body });
    assert.deepEqual([status, text], [400, "decryption failed: ciphertext is not authentic"]);
  });

  const refused: readonly (readonly [string, unknown, string])[] = [
    ["no list", {}, "invalid request body"],
    ["no JSON", "[", "invalid request body"],
    ["bad base64", [{ ciphertext: "A" }], "invalid request body"],
    ["too many", Array.from({ length: 1001 }, () => ({ ciphertext: "AAAA" })), "too many ciphertexts"],
  ];
  for (const [what, body, message] of refused) {
    test(`refuses ${what}`, async () => {
      await using api = older();
      await api.ask("PUT", "/v1/key/create/k");
      const { status, text } = await api.ask("POST", "/v1/key/bulk/decrypt/k", { body });
      assert.deepEqual([status, text], [400, message]);
    });
  }
});
