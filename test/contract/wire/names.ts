// Names and listing patterns (reference 2.1): what passes, what does not, and in which words.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expected } from "./differences.ts";
import { expectError, expectJson } from "./expect.ts";
import type { Fixture } from "./fixture.ts";

const validNames = [
  "my-key",
  "abc123",
  "0",
  "_-___---_",
  "_0",
  "0-Z",
  "__",
  "a".repeat(80),
  "constructor",
  "__proto__",
];
const invalidNames = [
  "",
  "_",
  "-",
  "-a",
  "a-",
  "my.key",
  "key/",
  "a b",
  "hel<lo",
  'a"b',
  "a*",
  "a\nb",
  "a\u0000",
  "naïve",
  "a\u2028b",
  "a".repeat(81),
];
const validPatterns = ["", "*", "a", "my*", "my-", "__", "a".repeat(80), `${"a".repeat(79)}*`];
const invalidPatterns = ["_", "-", "-a", "-a*", "**", "a*b", "*a", "a.b", "a b", "a/", "ä", "a".repeat(81)];

const keyRoutes = [
  ["PUT", "create"],
  ["PUT", "import"],
  ["GET", "describe"],
  ["DELETE", "delete"],
  ["PUT", "generate"],
  ["PUT", "encrypt"],
  ["PUT", "decrypt"],
  ["PUT", "hmac"],
] as const;

export function nameTests(fixture: Fixture): void {
  describe("names", () => {
    for (const name of validNames) {
      it(`takes ${JSON.stringify(name)} for a name`, async () => {
        const answer = await fixture.admin.send("GET", `/v1/policy/describe/${name}`);
        expectError(answer, 404, "policy does not exist");
      });
    }

    for (const name of invalidNames) {
      it(`refuses ${JSON.stringify(name)} as a name on every route that takes one`, async () => {
        await expectRefusedEverywhere(fixture, name);
      });
    }

    it("refuses a name that is no UTF-8", async () => {
      const message = "key name '\ufffd' is empty, too long or contains invalid characters";
      const answer = await fixture.admin.send("GET", "/v1/key/describe/%ff");
      assert.equal(answer.status, 400);
      assert.deepEqual(JSON.parse(answer.text), { message });
    });
  });
  describe("listing patterns", () => {
    patternTests(fixture);
  });
}

async function expectRefusedEverywhere(fixture: Fixture, name: string): Promise<void> {
  const escaped = encodeURIComponent(name);
  const complaint = `'${name}' is empty, too long or contains invalid characters`;
  for (const [method, action] of keyRoutes) {
    const answer = await fixture.admin.send(
      method,
      `/v1/key/${action}/${escaped}`,
      action === "create" || method !== "PUT" ? {} : { body: "{" },
    );
    expectError(answer, 400, `key name ${complaint}`);
  }
  for (const action of ["describe", "read"]) {
    expectError(await fixture.admin.send("GET", `/v1/policy/${action}/${escaped}`), 400, `policy name ${complaint}`);
  }
  expectError(await fixture.admin.send("GET", `/v1/identity/describe/${escaped}`), 400, `identity ${complaint}`);
}

function patternTests(fixture: Fixture): void {
  const lists = ["/v1/key/list/", "/v1/policy/list/", "/v1/identity/list/"];
  for (const pattern of validPatterns) {
    it(`takes ${JSON.stringify(pattern)}`, async () => {
      const dash = expected(fixture.target, "listDash", { upstream: pattern.endsWith("-"), ours: false });
      for (const list of lists) {
        const answer = await fixture.admin.send("GET", list + encodeURIComponent(pattern));
        if (dash) expectError(answer, 400, `listing pattern '${pattern}' is empty, too long or is invalid`);
        else expectJson(answer);
      }
    });
  }

  for (const pattern of invalidPatterns) {
    it(`refuses ${JSON.stringify(pattern)}`, async () => {
      for (const list of lists) {
        const answer = await fixture.admin.send("GET", list + encodeURIComponent(pattern));
        expectError(answer, 400, `listing pattern '${pattern}' is empty, too long or is invalid`);
      }
    });
  }
}
