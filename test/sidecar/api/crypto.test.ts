import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiHarness } from "../../support/call.ts";

const b64 = (text: string): string => Buffer.from(text).toString("base64");

async function withKey(): Promise<ApiHarness> {
  const api = new ApiHarness();
  await api.ask("PUT", "/v1/key/create/k");
  return api;
}

describe("a data key", () => {
  test("is 32 bytes, and its ciphertext decrypts to it in the same context alone", async () => {
    await using api = await withKey();
    const context = b64("context");
    const { text, headers, json } = await api.ask("PUT", "/v1/key/generate/k", { body: { context } });
    assert.match(text, /^\{"plaintext":"[^"]{44}","ciphertext":"[^"]+"\}\n$/);
    assert.equal(headers["content-type"], "application/json");
    const { plaintext, ciphertext } = json();
    const opened = await api.ask("PUT", "/v1/key/decrypt/k", { body: { ciphertext, context } });
    assert.equal(opened.text, `{"plaintext":"${plaintext}"}\n`);
    const wrong = await api.ask("PUT", "/v1/key/decrypt/k", { body: { ciphertext } });
    assert.deepEqual([wrong.status, wrong.text], [400, "decryption failed: ciphertext is not authentic"]);
  });

  const withoutContext: readonly (readonly [string, unknown])[] = [
    ["no body", undefined],
    ["{}", {}],
    ["null", null],
    ["a null context", { context: null }],
    ["an unknown field", { version: "v1" }],
    ["something after the object", "{} rubbish"],
  ];
  for (const [what, body] of withoutContext) {
    test(`has an empty context with ${what}`, async () => {
      await using api = await withKey();
      const { ciphertext, plaintext } = (await api.ask("PUT", "/v1/key/generate/k", { body })).json();
      const opened = await api.ask("PUT", "/v1/key/decrypt/k", { body: { ciphertext, context: "" } });
      assert.equal(opened.json().plaintext, plaintext);
    });
  }
});

describe("encryption", () => {
  test("of nothing makes 44 bytes that decrypt to nothing", async () => {
    await using api = await withKey();
    const { ciphertext } = (await api.ask("PUT", "/v1/key/encrypt/k", { body: {} })).json();
    assert.equal(Buffer.from(ciphertext, "base64").length, 44);
    assert.equal((await api.ask("PUT", "/v1/key/decrypt/k", { body: { ciphertext } })).text, '{"plaintext":""}\n');
  });

  test("keeps bytes and context", async () => {
    await using api = await withKey();
    const [plaintext, context] = [b64("a secret\0ÿ"), b64("bucket/object")];
    const { ciphertext } = (await api.ask("PUT", "/v1/key/encrypt/k", { body: { plaintext, context } })).json();
    const opened = await api.ask("PUT", "/v1/key/decrypt/k", { body: { ciphertext, context } });
    assert.equal(opened.json().plaintext, plaintext);
  });
});

describe("an HMAC", () => {
  test("is 32 bytes, the same for the same message", async () => {
    await using api = await withKey();
    const ask = async (message: string): Promise<string> =>
      (await api.ask("PUT", "/v1/key/hmac/k", { body: { message: b64(message) } })).text;
    assert.match(await ask("one"), /^\{"hmac":"[^"]{44}"\}\n$/);
    assert.equal(await ask("one"), await ask("one"));
    assert.notEqual(await ask("one"), await ask("two"));
  });
});

describe("a body that cannot be read", () => {
  const bodies: readonly (readonly [string, unknown])[] = [
    ["empty", ""],
    ["no JSON", "plaintext"],
    ["a list", "[]"],
    ["cut short", '{"context":"AA'],
    ["bad base64", { context: "A" }],
    ["URL-safe base64", { context: "_-__" }],
    ["a wrong type", { context: { a: 1 } }],
  ];
  for (const operation of ["generate", "encrypt", "decrypt", "hmac"]) {
    test(`is a 400 for ${operation}`, async () => {
      await using api = await withKey();
      for (const [what, body] of bodies) {
        const sent =
          operation === "hmac" && typeof body === "object" ? { message: Object.values(body ?? {})[0] } : body;
        const { status, text } = await api.ask("PUT", `/v1/key/${operation}/k`, { body: sent });
        assert.deepEqual({ status, text }, { status: 400, text: "invalid request body" }, what);
      }
    });
  }

  for (const operation of ["encrypt", "decrypt", "hmac"]) {
    test(`is also no body at all for ${operation}`, async () => {
      await using api = await withKey();
      assert.equal((await api.ask("PUT", `/v1/key/${operation}/k`)).status, 400);
    });
  }
});

describe("a cached key", () => {
  test("is used without a promise and without a signal", async () => {
    await using api = await withKey();
    const { ciphertext } = (await api.ask("PUT", "/v1/key/generate/k")).json();
    const requests: readonly (readonly [string, unknown])[] = [
      ["generate", { context: "AAAA" }],
      ["encrypt", { plaintext: "AAAA" }],
      ["decrypt", { ciphertext }],
      ["hmac", { message: "AAAA" }],
    ];
    for (const [operation, body] of requests) {
      const call = api.call("PUT", `/v1/key/${operation}/k`, { body });
      Object.defineProperty(call, "signal", { get: () => assert.fail(`${operation} asked for a signal`) });
      const reply = call.route.handle(call);
      assert.ok(!(reply instanceof Promise), operation);
      assert.equal(reply.status, 200);
    }
  });
});
