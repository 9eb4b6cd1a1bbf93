// Paths and methods: what is decided before anybody asks who is calling (reference 2.1).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expected } from "./differences.ts";
import {
  endToEnd,
  errorText,
  expectAnswer,
  expectDate,
  expectError,
  expectJson,
  expectNotFoundPage,
} from "./expect.ts";
import type { Fixture } from "./fixture.ts";
import { wireRoutes } from "./route-list.ts";

const unknownPaths = [
  "/",
  "/v1",
  "/v1/",
  "/v2/status",
  "/V1/status",
  "/version/",
  "/v1/status/",
  "/v1/status2",
  "/v1/key",
  "/v1/key/",
  "/v1/key/nope/a",
  "/v1/keys/list/",
  "/v1/log/audit/",
  "/v1/identity/self",
  "/v1/identity/self/describe/",
  `/v1/${"a".repeat(3000)}`,
];

const cleanings: readonly (readonly [path: string, location: string])[] = [
  ["//v1/status", "/v1/status"],
  ["/v1//status", "/v1/status"],
  ["/v1/./status", "/v1/status"],
  ["/v1/status/.", "/v1/status"],
  ["/v1/key/../status", "/v1/status"],
  ["/../v1/status", "/v1/status"],
  ["/v1/key/create//a", "/v1/key/create/a"],
  ["/v1/key/describe/..", "/v1/key"],
];

export function routingTests(fixture: Fixture): void {
  describe("routing", () => {
    methodTests(fixture);
    pathTests(fixture);
    redirectTests(fixture);
  });
}

function methodTests(fixture: Fixture): void {
  for (const { method, path } of wireRoutes) {
    const accepted = method === "PUT" ? ["PUT", "POST"] : [method];
    const methods = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE", "PATCH"];
    // An HTTP/1.1 parser may refuse a word it does not know before any route is looked for.
    if (fixture.protocol === "h2") methods.push("BREW");
    const wrong = methods.filter((candidate) => !accepted.includes(candidate));
    it(`${path} answers 405 to every method but ${accepted.join(" and ")}`, async () => {
      for (const other of wrong) {
        const answer = await fixture.admin.send(other, path.endsWith("/") ? `${path}x` : path);
        const text = errorText(`received method '${other}' expected '${method}'`);
        assert.equal(answer.status, 405);
        assert.deepEqual(endToEnd(answer), {
          accept: method,
          ...expected(fixture.target, "allowHeader", { upstream: {}, ours: { allow: accepted.join(", ") } }),
          "content-type": "application/json",
          "content-length": String(text.length),
        });
        assert.equal(answer.text, other === "HEAD" ? "" : text);
      }
    });
  }

  it("accepts POST where PUT is listed", async () => {
    const name = await fixture.key("post");
    assert.equal((await fixture.admin.send("POST", `/v1/key/generate/${name}`)).status, 200);
  });
}

function pathTests(fixture: Fixture): void {
  for (const path of unknownPaths) {
    it(`answers the 404 page to ${path.slice(0, 40)}`, async () => {
      expectNotFoundPage(await fixture.admin.send("GET", path));
      expectNotFoundPage(await fixture.admin.send("PUT", path, { body: "{}" }));
    });
  }

  it("decodes the path before it looks for a route", async () => {
    expectJson(await fixture.admin.send("GET", "/%76ersion"));
    expectJson(await fixture.admin.send("GET", "/v1/%73tatus"));
  });

  it("takes an encoded slash as part of the name, which it then refuses", async () => {
    const refused = "is empty, too long or contains invalid characters";
    expectError(await fixture.admin.send("GET", "/v1/key/describe/a%2Fb"), 400, `key name 'a/b' ${refused}`);
    expectError(await fixture.admin.send("GET", "/v1/key/describe/%2e%2e"), 400, `key name '..' ${refused}`);
    expectError(await fixture.admin.send("GET", "/v1/key/describe/%2e%2e/x"), 400, `key name '../x' ${refused}`);
  });

  it("decodes once only", async () => {
    const message = "key name 'a%2Fb' is empty, too long or contains invalid characters";
    expectError(await fixture.admin.send("GET", "/v1/key/describe/a%252Fb"), 400, message);
  });

  it("ignores the query", async () => {
    expectJson(await fixture.admin.send("GET", "/version?a=b&c"));
    const name = await fixture.key("query");
    assert.equal((await fixture.admin.send("GET", `/v1/key/describe/${name}?enclave=x`)).status, 200);
  });

  it("refuses an invalid percent escape without harm to the next request", async () => {
    const refusal = await fixture.admin.send("GET", "/v1/key/describe/%zz").then(
      (answer) => ({ status: answer.status, text: answer.text, type: answer.headers["content-type"] }),
      (error: unknown) => String(error),
    );
    if (fixture.protocol === "h1") {
      assert.deepEqual(refusal, { status: 400, text: "400 Bad Request", type: "text/plain; charset=utf-8" });
    } else if (typeof refusal === "object") {
      assert.equal(refusal.status, 400);
    } else {
      assert.match(refusal, /PROTOCOL_ERROR/);
    }
    expectJson(await fixture.admin.send("GET", "/version"));
  });
}

function redirectTests(fixture: Fixture): void {
  const subtrees = wireRoutes.filter((route) => route.path.endsWith("/")).map((route) => route.path);
  for (const path of subtrees) {
    it(`redirects ${path.slice(0, -1)} to ${path}`, async () => {
      await expectRedirect(fixture, path.slice(0, -1), path);
      await expectRedirect(fixture, `${path.slice(0, -1)}?a=b`, `${path}?a=b`);
    });
  }

  for (const [path, location] of cleanings) {
    it(`redirects ${path} to the cleaned path`, async () => {
      await expectRedirect(fixture, path, location);
      await expectRedirect(fixture, `${path}?a=b`, `${location}?a=b`);
    });
  }

  it("escapes what HTML cares about in the body of a redirect", async () => {
    const answer = await fixture.admin.send("GET", "/v1/key/list?a=%22&b='");
    assert.match(answer.headers["location"] ?? "", /^\/v1\/key\/list\/\?a=%22&b=/);
    assert.match(answer.text, /^<a href="\/v1\/key\/list\/\?a=%22&amp;b=/);
  });
}

async function expectRedirect(fixture: Fixture, from: string, location: string): Promise<void> {
  const got = await fixture.admin.send("GET", from);
  // A Go server compiled with Go 1.26 says 307 where every release of KES says 301: its router, not KES, decides.
  const temporary = fixture.target.flavour === "upstream" && got.status === 307;
  const status = temporary ? 307 : 301;
  const text = `<a href="${location}">${temporary ? "Temporary Redirect" : "Moved Permanently"}</a>.\n\n`;
  expectAnswer(got, { status, headers: { "content-type": "text/html; charset=utf-8", location }, text });

  const head = await fixture.admin.send("HEAD", from);
  assert.deepEqual([head.status, head.text, head.headers["location"]], [status, "", location]);
  for (const method of ["PUT", "POST", "DELETE"]) {
    expectAnswer(await fixture.admin.send(method, from), { status, headers: { location }, text: "" });
  }
  expectDate(got);
}
