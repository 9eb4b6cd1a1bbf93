import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiHarness } from "../../support/call.ts";

// Reference 2.2, with the counting of its defect D31 mended: everything but the metrics themselves.
const current = `
GET    /version                    0       10 none     counted
GET    /v1/ready                   0       15 policy   counted
GET    /v1/status                  0       15 policy   counted
GET    /v1/metrics                 0       15 policy   -
GET    /v1/api                     0       10 policy   counted
PUT    /v1/key/create/             0       15 policy   counted
PUT    /v1/key/import/             1000000 15 policy   counted
GET    /v1/key/describe/           0       15 policy   counted
DELETE /v1/key/delete/             0       15 policy   counted
GET    /v1/key/list/               0       15 policy   counted
PUT    /v1/key/generate/           1000000 15 policy   counted
PUT    /v1/key/encrypt/            1000000 15 policy   counted
PUT    /v1/key/decrypt/            1000000 15 policy   counted
PUT    /v1/key/hmac/               1000000 15 policy   counted
GET    /v1/policy/describe/        0       15 policy   counted
GET    /v1/policy/read/            0       15 policy   counted
GET    /v1/policy/list/            0       15 policy   counted
GET    /v1/identity/describe/      0       15 policy   counted
GET    /v1/identity/list/          0       15 policy   counted
GET    /v1/identity/self/describe  0       15 identify counted
GET    /v1/log/error               0       0  policy   counted
GET    /v1/log/audit               0       0  policy   counted`;

const older = `
POST   /v1/key/bulk/decrypt/       1048576 15 policy   counted
POST   /v1/policy/write/           1048576 15 policy   counted
DELETE /v1/policy/delete/          0       15 policy   counted
POST   /v1/policy/assign/          1048576 15 policy   counted
POST   /v1/identity/assign/        0       15 policy   counted
DELETE /v1/identity/forget/        0       15 policy   counted
DELETE /v1/identity/delete/        0       15 policy   counted
GET    /v1/log/audit/trace         0       0  policy   counted
GET    /v1/log/error/trace         0       0  policy   counted
GET    /v1/log/log/error/trace     0       0  policy   counted`;

function rowsOf(text: string): readonly string[] {
  return text
    .trim()
    .split("\n")
    .map((row) => row.replace(/ +/g, " "));
}

function rowsOfHarness(api: ApiHarness): readonly string[] {
  return api.routes.map(({ method, path, maxBody, timeout, auth, count }) =>
    [method, path, maxBody, timeout / 1000, auth, count ? "counted" : "-"].join(" "),
  );
}

describe("the route table", () => {
  test("is that of the reference", async () => {
    await using api = new ApiHarness();
    assert.deepEqual(rowsOfHarness(api), rowsOf(current));
  });

  test("has the older routes only when they are wanted", async () => {
    await using api = new ApiHarness({ api: { legacy: true } });
    assert.deepEqual(rowsOfHarness(api), [...rowsOf(current), ...rowsOf(older)]);
  });

  test("takes deadlines from the configuration, and opens only the routes that may be opened", async () => {
    const routes = new Map([
      ["/v1/ready", { skipAuth: true, timeout: undefined }],
      ["/v1/key/create/", { skipAuth: true, timeout: 1500 }],
      ["/v1/status", { skipAuth: false, timeout: 3000 }],
    ]);
    await using api = new ApiHarness({ api: { routes } });
    const route = (path: string): unknown => {
      const found = api.routes.find((one) => one.path === path);
      return { auth: found?.auth, timeout: found?.timeout };
    };
    assert.deepEqual(route("/v1/ready"), { auth: "open", timeout: 15_000 });
    assert.deepEqual(route("/v1/key/create/"), { auth: "policy", timeout: 1500 });
    assert.deepEqual(route("/v1/status"), { auth: "policy", timeout: 3000 });
  });

  test("is what /v1/api tells, in whole seconds", async () => {
    const routes = new Map([["/v1/key/create/", { skipAuth: false, timeout: 1500 }]]);
    await using api = new ApiHarness({ api: { routes } });
    const listed = (await api.ask("GET", "/v1/api")).json();
    assert.equal(listed.length, 22);
    assert.deepEqual(listed[0], { method: "GET", path: "/version", max_body: 0, timeout: 10 });
    assert.deepEqual(listed[5], { method: "PUT", path: "/v1/key/create/", max_body: 0, timeout: 2 });
    assert.deepEqual(listed[6], { method: "PUT", path: "/v1/key/import/", max_body: 1_000_000, timeout: 15 });
    assert.deepEqual(listed[21], { method: "GET", path: "/v1/log/audit", max_body: 0, timeout: 0 });
  });
});
