// The older API as its clients meet it (reference 2.7, decisions P3, P4, C7): what it answers, what its writes can never
// do, and how long they last.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { apiClient, protocols } from "../../support/api-client.ts";
import type { ApiClient, Ask, Protocol } from "../../support/api-client.ts";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { restartKes, startKes } from "../../support/kes-process.ts";
import type { Kes } from "../../support/kes-process.ts";

const writeRoutes: readonly (readonly [method: string, path: string])[] = [
  ["POST", "/v1/key/bulk/decrypt/x"],
  ["POST", "/v1/policy/write/x"],
  ["DELETE", "/v1/policy/delete/x"],
  ["POST", "/v1/policy/assign/x"],
  ["POST", "/v1/identity/assign/x/y"],
  ["DELETE", "/v1/identity/forget/x"],
  ["DELETE", "/v1/identity/delete/x"],
];
const logRoutes = ["/v1/log/audit/trace", "/v1/log/error/trace", "/v1/log/log/error/trace"];
const message = (text: string): string => `{"message":"${text}"\n}`;

let reader: TestCertificate;
let app: TestCertificate;
let kes: Kes;

function policies(...more: readonly string[]): string {
  return [
    "policy:",
    `  reader: { allow: [/v1/policy/*, /v1/identity/*], identities: [${reader.identity}] }`,
    "  maker: { allow: [/v1/key/create/*] }",
    ...more,
    "api: { legacy: on }",
  ].join("\n");
}

before(async () => {
  [reader, app] = [await makeLeaf(), await makeLeaf()];
  kes = await startKes({ extra: policies() });
});

after(() => kes[Symbol.asyncDispose]());

function as(identity: TestCertificate, protocol: Protocol, server = kes): ApiClient {
  return apiClient(protocol, server.url, identity, server.server);
}

async function mustAsk(client: ApiClient, path: string, request: Ask): Promise<void> {
  const { status, text } = await client.ask(path, request);
  assert.deepEqual([status, text], [200, ""], `${request.method} ${path}`);
}

for (const protocol of protocols) {
  describe(`over ${protocol}`, () => {
    for (const method of ["POST", "PUT"]) {
      test(`${method} writes and assigns, DELETE takes back`, async () => {
        const policy = `made-${method}-${protocol}`;
        await using admin = as(kes.admin, protocol);
        const body = { allow: ["/v1/key/create/made-*"], deny: ["/v1/key/create/made-not"] };
        await mustAsk(admin, `/v1/policy/write/${policy}`, { method, body });
        const read = (await admin.ask(`/v1/policy/read/${policy}`)).json() as Record<string, unknown>;
        assert.deepEqual(read["allow"], { "/v1/key/create/made-*": {} }, "in the current shape");
        assert.deepEqual(read["deny"], { "/v1/key/create/made-not": {} });
        assert.equal(read["created_by"], kes.admin.identity);

        const describePath = `/v1/identity/describe/${app.identity}`;
        for (const [path, request] of [
          [`/v1/policy/assign/${policy}`, { method, body: { identity: app.identity } }],
          [`/v1/identity/assign/${policy}/${app.identity}`, { method }],
        ] as const) {
          await mustAsk(admin, path, request);
          assert.equal(((await admin.ask(describePath)).json() as { policy: string }).policy, policy);
          const route = path.startsWith("/v1/policy") ? "forget" : "delete";
          await mustAsk(admin, `/v1/identity/${route}/${app.identity}`, { method: "DELETE" });
          assert.equal((await admin.ask(describePath)).status, 404);
        }
        await mustAsk(admin, `/v1/policy/delete/${policy}`, { method: "DELETE" });
        assert.equal((await admin.ask(`/v1/policy/read/${policy}`)).text, message("policy does not exist"));
      });

      test(`${method} opens many ciphertexts at once`, async () => {
        const key = `bulk-${method}-${protocol}`;
        await using admin = as(kes.admin, protocol);
        await mustAsk(admin, `/v1/key/create/${key}`, { method });
        const context = Buffer.from("bucket").toString("base64");
        const made: { plaintext: string; ciphertext: string }[] = [];
        for (let count = 0; count < 3; count++) {
          made.push((await admin.ask(`/v1/key/generate/${key}`, { method, body: { context } })).json() as never);
        }
        const bulk = `/v1/key/bulk/decrypt/${key}`;
        const opened = await admin.ask(bulk, { method, body: made.map(({ ciphertext }) => ({ ciphertext, context })) });
        assert.equal(opened.headers["content-type"], "application/json");
        assert.deepEqual(
          opened.json(),
          made.map(({ plaintext }) => ({ plaintext })),
        );
        const [first] = made;
        const broken = [{ ciphertext: first?.ciphertext, context }, { ciphertext: first?.ciphertext }];
        const refused = await admin.ask(bulk, { method, body: broken });
        assert.deepEqual(
          [refused.status, refused.text],
          [400, message("decryption failed: ciphertext is not authentic")],
        );
      });
    }

    test("takes the oldest form of a policy and answers in the current one", async () => {
      const path = `/v1/policy/write/oldest-${protocol}`;
      await using admin = as(kes.admin, protocol);
      await mustAsk(admin, path, { method: "POST", body: { paths: ["/v1/status"] } });
      const read = await admin.ask(path.replace("write", "read"));
      assert.deepEqual((read.json() as { allow: unknown }).allow, { "/v1/status": {} });
    });

    for (const [method, path] of writeRoutes) {
      test(`${path} refuses what is not ${method}`, async () => {
        await using admin = as(kes.admin, protocol);
        const { status, text, headers } = await admin.ask(path);
        assert.deepEqual([status, text], [405, message(`received method 'GET' expected '${method}'`)]);
        assert.equal(headers["accept"], method);
      });
    }

    test("applies writes to connections that are open", async () => {
      const policy = `open-${protocol}`;
      const path = `/v1/key/describe/open-${protocol}`;
      await using admin = as(kes.admin, protocol);
      await using client = as(app, protocol);
      const answered = async (): Promise<number> => (await client.ask(path)).status;
      assert.equal(await answered(), 403);
      await mustAsk(admin, `/v1/policy/write/${policy}`, { method: "POST", body: { allow: [path] } });
      assert.equal(await answered(), 403);
      await mustAsk(admin, `/v1/identity/assign/${policy}/${app.identity}`, { method: "POST" });
      assert.equal(await answered(), 404, "allowed: only the key is missing");
      await mustAsk(admin, `/v1/policy/write/${policy}`, { method: "POST", body: { allow: [path], deny: [path] } });
      assert.equal(await answered(), 403);
      await mustAsk(admin, `/v1/policy/write/${policy}`, { method: "POST", body: { allow: [path] } });
      assert.equal(await answered(), 404);
      await mustAsk(admin, `/v1/policy/delete/${policy}`, { method: "DELETE" });
      assert.equal(await answered(), 403);
    });
  });
}

async function reloaded(extra: string): Promise<void> {
  const count = kes.stdout().split("after SIGHUP signal completed").length;
  kes.rewrite({ extra });
  kes.signal("SIGHUP");
  await kes.until("the reload", (out) => out.split("after SIGHUP signal completed").length > count);
}

describe("what was written through the API", () => {
  const path = "/v1/key/describe/lasting";
  test("survives reloads, gives way to a file that says otherwise, and is gone after a restart", async () => {
    await using admin = as(kes.admin, "h2");
    await using client = as(app, "h1");
    const answered = async (): Promise<number> => (await client.ask(path)).status;
    const grant = async (): Promise<void> => {
      await mustAsk(admin, "/v1/policy/write/lasting", { method: "POST", body: { allow: [path] } });
      await mustAsk(admin, `/v1/identity/assign/lasting/${app.identity}`, { method: "POST" });
    };
    await grant();
    assert.equal(await answered(), 404);

    await reloaded(policies("  added: { allow: [/v1/ready] }"));
    assert.equal((await admin.ask("/v1/policy/read/added")).status, 200, "the new file is in use");
    assert.equal(await answered(), 404, "and what was written stays");

    await reloaded(policies("  lasting: { allow: [/v1/ready] }"));
    const read = (await admin.ask("/v1/policy/read/lasting")).json() as { allow: object };
    assert.deepEqual(read.allow, { "/v1/ready": {} }, "the file wins");
    assert.equal(await answered(), 403);
    assert.equal((await client.ask("/v1/ready")).status, 403, "who held the written policy does not get this one");
    const again = await admin.ask("/v1/policy/write/lasting", { method: "POST", body: { allow: [path] } });
    assert.equal(again.status, 409);

    await reloaded(policies());
    assert.equal((await admin.ask("/v1/policy/read/lasting")).status, 404, "it does not come back");
    await grant();
    assert.equal(await answered(), 404);
    assert.equal(await kes.stop(), 0);
    const next = await restartKes(kes);
    try {
      await using fresh = as(kes.admin, "h2", next);
      assert.equal((await fresh.ask("/v1/policy/read/lasting")).status, 404);
      assert.equal((await fresh.ask(`/v1/identity/describe/${app.identity}`)).status, 404);
      assert.equal((await fresh.ask("/v1/policy/read/maker")).status, 200);
    } finally {
      await next.stop();
    }
  });
});

describe("a server without the older routes", () => {
  test("does not know them, whoever asks, over both protocols", async () => {
    await using current = await startKes({
      extra: `policy: { reader: { allow: [/v1/policy/*], identities: [${reader.identity}] } }`,
    });
    for (const protocol of protocols) {
      for (const identity of [current.admin, reader]) {
        await using client = as(identity, protocol, current);
        for (const [method, path] of [...writeRoutes, ...logRoutes.map((log) => ["GET", log] as const)]) {
          const { status, text, headers } = await client.ask(path, { method });
          assert.deepEqual([status, text], [404, "404 page not found\n"], `${method} ${path}`);
          assert.equal(headers["content-type"], "text/plain; charset=utf-8");
        }
        assert.equal((await client.ask("/v1/policy/list/*")).status, 200);
      }
    }
  });
});

describe("a file of the older era", () => {
  const storedKey = JSON.stringify({
    version: "v1",
    algorithm: "AES256",
    bytes: Buffer.alloc(32, 1).toString("base64"),
  });

  test("brings the older routes, the older texts and a silent audit log", async () => {
    const root = await makeLeaf();
    const file = [
      "address: 127.0.0.1:0",
      `root: ${root.identity}`,
      "tls: { key: ./server.key, cert: ./server.crt }",
      `policy: { app: { paths: [/v1/key/create/*], identities: [${app.identity}] } }`,
      "keys: { fs: { path: ./older } }",
      "",
    ].join("\n");
    await using older = await startKes({
      files: { "older.yaml": file, "older/there": storedKey },
      args: ["--config", "older.yaml", "--auth", "off"],
    });
    for (const protocol of protocols) {
      await using admin = as(root, protocol, older);
      await using client = as(app, protocol, older);
      const denied = await client.ask("/v1/status");
      assert.deepEqual([denied.status, denied.text], [403, message("prohibited by policy")]);
      const twice = await client.ask("/v1/key/create/there", { method: "POST" });
      assert.deepEqual([twice.status, twice.text], [400, message("key does already exist")]);
      await mustAsk(admin, "/v1/policy/write/new", { method: "POST", body: { paths: ["/v1/status"] } });
    }
    assert.ok(!older.stdout().includes('"request"'), older.stdout());
  });
});
