// Where the older write routes exist, a policy that was meant for reading (`/v1/policy/*`) reaches them too. Whoever is not
// the admin then changes neither the policy it holds, nor itself, nor the admin (decisions P3).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { ApiClient, Ask, Protocol } from "../../support/api-client.ts";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

interface Attempt extends Ask {
  readonly what: string;
  readonly path: string;
}

const readingRules = ["/v1/policy/*", "/v1/identity/*"];
const everything = { allow: ["/v1/*"] };
const refusals: ReadonlySet<number> = new Set([400, 403, 409]);

let kes: Kes;
/** Holds `reader` by the configuration file. */
let configured: TestCertificate;
/** Holds `granted` by a write of the admin. */
let granted: TestCertificate;
let other: TestCertificate;

before(async () => {
  [configured, granted, other] = [await makeLeaf(), await makeLeaf(), await makeLeaf()];
  kes = await startKes({
    extra: [
      "policy:",
      `  reader: { allow: [${readingRules.join(", ")}], identities: [${configured.identity}] }`,
      "  maker: { allow: [/v1/key/create/*] }",
      "api: { legacy: on }",
    ].join("\n"),
  });
  await using admin = as(kes.admin, "h1");
  const body = { identity: granted.identity };
  await admin.ask("/v1/policy/write/granted", { method: "POST", body: { allow: readingRules } });
  assert.equal((await admin.ask("/v1/policy/assign/granted", { method: "POST", body })).status, 200);
});

after(() => kes[Symbol.asyncDispose]());

function as(identity: TestCertificate, protocol: Protocol): ApiClient {
  return apiClient(protocol, kes.url, identity, kes.server);
}

/** What a reader may not change, as the server tells it. */
async function facts(client: ApiClient, self: TestCertificate, policy: string): Promise<readonly string[]> {
  const paths = [
    "/v1/identity/self/describe",
    `/v1/identity/describe/${self.identity}`,
    `/v1/identity/describe/${kes.admin.identity}`,
    "/v1/identity/list/*",
    `/v1/policy/read/${policy}`,
    "/v1/policy/read/maker",
    "/v1/policy/list/*",
  ];
  const answers: string[] = [];
  for (const path of paths) {
    const { status, text } = await client.ask(path);
    assert.equal(status, 200, `a reader reads ${path}`);
    answers.push(`${path} ${text}`);
  }
  return answers;
}

function write(what: string, policy: string, body: object, method = "POST"): Attempt {
  return { what, path: `/v1/policy/write/${policy}`, method, body };
}

function assign(what: string, policy: string, identity: string): readonly Attempt[] {
  return [
    { what, path: `/v1/policy/assign/${policy}`, method: "POST", body: { identity } },
    { what: `${what} by the path`, path: `/v1/identity/assign/${policy}/${identity}`, method: "PUT" },
  ];
}

function remove(what: string, path: string): Attempt {
  return { what, path, method: "DELETE" };
}

function attempts(identity: string, policy: string): readonly Attempt[] {
  const encoded = policy.replace(/./, (first) => `%${first.charCodeAt(0).toString(16)}`);
  const admin = kes.admin.identity;
  return [
    write("writes its policy", policy, everything),
    write("writes its policy by PUT", policy, everything, "PUT"),
    write("writes its policy in the oldest form", policy, { paths: ["*"] }),
    write("empties its policy", policy, {}),
    write("writes its policy by an encoded name", encoded, everything),
    write("writes another configured policy", "maker", everything),
    remove("deletes its policy", `/v1/policy/delete/${policy}`),
    remove("deletes its policy by an encoded name", `/v1/policy/delete/${encoded}`),
    remove("deletes another configured policy", "/v1/policy/delete/maker"),
    ...assign("gives itself another policy", "maker", identity),
    ...assign("gives itself its policy anew", policy, identity),
    ...assign("gives its policy to somebody else", policy, other.identity),
    ...assign("gives the admin a policy", "maker", admin),
    ...assign("gives the admin its own policy", policy, admin),
    remove("forgets itself", `/v1/identity/forget/${identity}`),
    remove("deletes itself", `/v1/identity/delete/${identity}`),
    remove("forgets the admin", `/v1/identity/forget/${admin}`),
    remove("deletes the admin", `/v1/identity/delete/${admin}`),
  ];
}

for (const protocol of protocols) {
  describe(`over ${protocol}, a reader of policies`, () => {
    for (const policy of ["reader", "granted"]) {
      test(`that holds '${policy}' changes nothing about itself, its policy or the admin by any older write`, async () => {
        const self = policy === "reader" ? configured : granted;
        await using client = as(self, protocol);
        const state = await facts(client, self, policy);
        for (const { what, path, ...request } of attempts(self.identity, policy)) {
          const { status, text } = await client.ask(path, request);
          assert.ok(refusals.has(status), `${what}: ${status} ${text}`);
          assert.deepEqual(await facts(client, self, policy), state, what);
        }
        assert.equal((await client.ask("/v1/key/create/taken", { method: "PUT" })).status, 403);
        await using admin = as(kes.admin, protocol);
        assert.equal((await admin.ask("/v1/status")).status, 200);
      });
    }

    test("does not get what it has written, by neither way of assigning", async () => {
      await using client = as(configured, protocol);
      const wide = `wide-${protocol}`;
      const { path, ...request } = write("", wide, { allow: ["/v1/key/*"] });
      assert.equal((await client.ask(path, request)).status, 200);
      for (const { path: way, ...assigning } of assign("", wide, configured.identity)) {
        const { status, text } = await client.ask(way, assigning);
        assert.deepEqual([status, text], [403, '{"message":"identity cannot assign policy to itself"\n}']);
      }
      assert.equal((await client.ask("/v1/key/create/taken", { method: "PUT" })).status, 403);
      assert.equal((await client.ask(`/v1/policy/delete/${wide}`, { method: "DELETE" })).status, 200);
    });
  });
}
