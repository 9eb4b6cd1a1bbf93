import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiHarness, admin, startedAt } from "../../support/call.ts";

const app = "b".repeat(64);
const other = "c".repeat(64);
const nobody = "d".repeat(64);

const policies = {
  "my-app": {
    allow: ["/v1/key/generate/my-*", "/v1/key/decrypt/my-*"],
    deny: ["/v1/key/*/internal"],
    identities: [app],
  },
  "my-empty": { identities: [other] },
  zulu: {},
};

const origin = `"created_at":"${startedAt}","created_by":"${admin}"`;

interface Row {
  readonly path: string;
  readonly identity?: string;
  readonly status?: number;
  readonly text: string;
}

function check(title: string, rows: readonly Row[], adminIdentity = admin): void {
  describe(title, () => {
    for (const { path, identity = admin, status = 200, text } of rows) {
      test(`${path} answers ${status} ${text.slice(0, 60)}`, async () => {
        await using api = new ApiHarness({ policies, admin: adminIdentity });
        const answer = await api.ask("GET", path, { identity });
        assert.deepEqual(
          { status: answer.status, text: answer.text },
          { status, text: status === 200 ? `${text}\n` : text },
        );
      });
    }
  });
}

check("policies", [
  { path: "/v1/policy/describe/my-app", text: `{"name":"my-app",${origin}}` },
  { path: "/v1/policy/describe/absent", status: 404, text: "policy does not exist" },
  {
    path: "/v1/policy/describe/a.b",
    status: 400,
    text: "policy name 'a.b' is empty, too long or contains invalid characters",
  },
  {
    path: "/v1/policy/read/my-app",
    text: `{"name":"my-app","allow":{"/v1/key/decrypt/my-*":{},"/v1/key/generate/my-*":{}},"deny":{"/v1/key/*/internal":{}},${origin}}`,
  },
  { path: "/v1/policy/read/zulu", text: `{"name":"zulu",${origin}}` },
  { path: "/v1/policy/read/absent", status: 404, text: "policy does not exist" },
  { path: "/v1/policy/list/", text: '{"names":["my-app","my-empty","zulu"],"continue_at":""}' },
  { path: "/v1/policy/list/*", text: '{"names":["my-app","my-empty","zulu"],"continue_at":""}' },
  { path: "/v1/policy/list/my-", text: '{"names":["my-app","my-empty"],"continue_at":""}' },
  { path: "/v1/policy/list/x*", text: '{"names":[],"continue_at":""}' },
  { path: "/v1/policy/list/a*b", status: 400, text: "listing pattern 'a*b' is empty, too long or is invalid" },
]);

check("identities", [
  { path: `/v1/identity/describe/${admin}`, text: `{"admin":true,"created_at":"${startedAt}"}` },
  { path: `/v1/identity/describe/${app}`, text: `{"policy":"my-app",${origin}}` },
  { path: `/v1/identity/describe/${nobody}`, status: 404, text: "identity does not exist" },
  {
    path: "/v1/identity/describe/_",
    status: 400,
    text: "identity '_' is empty, too long or contains invalid characters",
  },
  { path: "/v1/identity/list/", text: `{"identities":["${admin}","${app}","${other}"],"continue_at":""}` },
  { path: "/v1/identity/list/bb*", text: `{"identities":["${app}"],"continue_at":""}` },
  { path: "/v1/identity/list/-", status: 400, text: "listing pattern '-' is empty, too long or is invalid" },
]);

check(
  "a disabled admin",
  [{ path: "/v1/identity/list/_*", text: '{"identities":["_"],"continue_at":""}', identity: app }],
  "_",
);

check("who am I", [
  { path: "/v1/identity/self/describe", text: `{"identity":"${admin}","admin":true,"created_at":"${startedAt}"}` },
  {
    path: "/v1/identity/self/describe",
    identity: app,
    text: `{"identity":"${app}",${origin},"policy":"my-app","allow":{"/v1/key/decrypt/my-*":{},"/v1/key/generate/my-*":{}},"deny":{"/v1/key/*/internal":{}}}`,
  },
  {
    path: "/v1/identity/self/describe",
    identity: other,
    text: `{"identity":"${other}",${origin},"policy":"my-empty"}`,
  },
  { path: "/v1/identity/self/describe", identity: nobody, status: 404, text: "identity does not exist" },
  { path: "/v1/identity/self/describe", identity: "", status: 404, text: "identity does not exist" },
]);
