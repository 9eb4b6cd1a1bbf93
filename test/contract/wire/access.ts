// Who may do what, and in which order it is decided (reference 1.4, 2.1, 3).
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { makeCa, makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { expected } from "./differences.ts";
import { expectEmpty, expectError, expectJson, expectNotFoundPage } from "./expect.ts";
import type { Fixture } from "./fixture.ts";
import { wireRoutes } from "./route-list.ts";
import type { Credentials } from "./target.ts";

const notAuthorized = "not authorized: insufficient permissions";

export function accessTests(fixture: Fixture): void {
  describe("an identity without a policy", () => {
    strangerTests(fixture);
  });
  describe("an identity with a policy", () => {
    readerTests(fixture);
  });
  describe("a client certificate", () => {
    certificateTests(fixture);
  });
}

function strangerTests(fixture: Fixture): void {
  const { stranger } = fixture.target;
  const skip = stranger === undefined && "no stranger was given";
  if (stranger === undefined) return void it("is not tested", { skip });

  for (const { method, path, guarded } of wireRoutes) {
    if (!guarded) continue;
    it(`may not ${method} ${path}, whatever stands behind it`, async () => {
      const client = fixture.as(stranger);
      const paths = path.endsWith("/") ? [path, `${path}a`, `${path}not.a.name`] : [path];
      for (const each of paths) expectError(await client.send(method, each), 403, notAuthorized);
    });
  }

  it("sees routes, redirects and methods like everybody", async () => {
    const client = fixture.as(stranger);
    expectJson(await client.send("GET", "/version"));
    expectNotFoundPage(await client.send("GET", "/v1/nothing"));
    assert.ok([301, 307].includes((await client.send("GET", "/v1/key/list")).status));
    assert.equal((await client.send("GET", "/v1/key/create/a")).status, 405);
  });

  it("has nothing to learn about itself", async () => {
    expectError(await fixture.as(stranger).send("GET", "/v1/identity/self/describe"), 404, "identity does not exist");
  });
}

function readerTests(fixture: Fixture): void {
  const { reader } = fixture.target;
  if (reader === undefined)
    return void it("is not tested", { skip: "needs an identity of the foreign server: give --reader-api-key" });
  const client = () => fixture.as(reader);

  it("may do what its policy allows, under its own name", async () => {
    const name = fixture.name("by-reader");
    expectEmpty(await client().send("PUT", `/v1/key/create/${name}`));
    expectJson(await client().send("PUT", `/v1/key/generate/${name}`));
    expectJson(await client().send("GET", "/v1/status"));
    expectJson(await client().send("GET", `/v1/key/list/${name}`));
    const { created_by: author } = expectJson(await fixture.admin.send("GET", `/v1/key/describe/${name}`)) as {
      created_by: string;
    };
    assert.equal(author, reader.identity);
    expectEmpty(await client().send("DELETE", `/v1/key/delete/${name}`));
  });

  const forbidden: readonly (readonly [method: string, path: string])[] = [
    ["GET", "/v1/ready"],
    ["GET", "/v1/metrics"],
    ["GET", "/v1/api"],
    ["GET", "/v1/key/describe/wire-a"],
    ["PUT", "/v1/key/import/wire-a"],
    ["PUT", "/v1/key/create/other"],
    ["PUT", "/v1/key/create/"],
    ["GET", "/v1/key/list/"],
    ["GET", "/v1/key/list/*"],
    ["GET", "/v1/policy/read/wire-reader"],
    ["GET", "/v1/identity/list/"],
    ["PUT", "/v1/key/create/Wire-a"],
  ];
  for (const [method, path] of forbidden) {
    it(`may not ${method} ${path}`, async () => {
      expectError(await client().send(method, path), 403, notAuthorized);
    });
  }

  it("is denied what a deny rule names, even where another allows it", async () => {
    expectError(await client().send("PUT", "/v1/key/generate/wire-denied-a"), 403, notAuthorized);
    expectError(await client().send("PUT", "/v1/key/generate/wire%2Ddenied"), 403, notAuthorized);
  });

  it("is denied what a deny rule with a star inside names", async () => {
    const answer = await client().send("DELETE", `/v1/key/delete/${fixture.prefix}a-kept`);
    const denied = expected(fixture.target, "denyGlob", { upstream: false, ours: true });
    if (denied) expectError(answer, 403, notAuthorized);
    else expectError(answer, 404, "key does not exist");
  });

  it("gets 403 before anybody looks at the name or the body", async () => {
    expectError(await client().send("GET", "/v1/key/describe/not.a.name"), 403, notAuthorized);
    expectError(await client().send("PUT", "/v1/key/hmac/wire-a", { body: "{" }), 403, notAuthorized);
    const bad = await client().send("PUT", "/v1/key/generate/wire-not.a.name", { body: "{" });
    expectError(bad, 400, "key name 'wire-not.a.name' is empty, too long or contains invalid characters");
  });

  it("cannot reach what it may not by writing the path differently", async () => {
    for (const path of ["/v1/%6Bey/describe/wire-a", "/v1/key/describe/%77ire-a", "/v1/key/generate/wire%2Ddenied"]) {
      const method = path.includes("generate") ? "PUT" : "GET";
      expectError(await client().send(method, path), 403, notAuthorized);
    }
  });
}

function certificateTests(fixture: Fixture): void {
  const many = "tls: received more than one client certificate";
  const none = "tls: client certificate is required";

  it("must come alone", async () => {
    const [first, second] = [await makeLeaf(), await makeLeaf()];
    const answer = await status(fixture, chain(first, second));
    expectError(answer, 400, many);
  });

  it("may come with the CA certificates behind it", async () => {
    const { key, cert } = fixture.target.admin;
    const ca = await makeCa();
    expectJson(await status(fixture, { key, cert: cert + ca.certPem }));
  });

  it("must not be a CA certificate", async () => {
    const answer = await status(fixture, chain(await makeLeaf({ ca: true })));
    assert.equal(answer.status, 400);
    if (fixture.target.flavour === "upstream") expectError(answer, 400, none);
  });

  it("is the first one: a CA certificate in front of somebody else's makes nobody", async () => {
    const attacker = await makeLeaf({ ca: true });
    const { cert } = fixture.target.admin;
    const answer = await status(fixture, { key: attacker.keyPem, cert: attacker.certPem + cert });
    assert.equal(answer.status, expected(fixture.target, "caInFront", { upstream: 200, ours: 400 }));
  });

  it("is required: without one no request is answered", async () => {
    await assert.rejects(fixture.without((client) => client.send("GET", "/version")));
  });
}

function status(fixture: Fixture, credentials: Credentials) {
  return fixture.fresh((client) => client.send("GET", "/v1/status"), credentials);
}

function chain(first: TestCertificate, ...others: readonly TestCertificate[]): Credentials {
  return { key: first.keyPem, cert: [first, ...others].map((certificate) => certificate.certPem).join("") };
}
