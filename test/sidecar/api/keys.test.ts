import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KesError } from "../../../sidecar/errors.ts";
import { MemoryKeystore } from "../../../sidecar/keystore/memory.ts";
import { ApiHarness, admin } from "../../support/call.ts";

const key32 = Buffer.alloc(32, 7).toString("base64");
const invalidNames = ["", "_", "-a", "a-", "my.key", "key/", "a b", "hel<lo", "ä", "a".repeat(81)];
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

describe("every key route", () => {
  for (const [method, operation] of keyRoutes) {
    test(`refuses bad names for ${operation} before it reads the body`, async () => {
      await using api = new ApiHarness();
      for (const name of invalidNames) {
        const { status, text } = await api.ask(method, `/v1/key/${operation}/${name}`, { body: "no json" });
        assert.equal(status, 400);
        assert.equal(text, `key name '${name}' is empty, too long or contains invalid characters`);
      }
    });
  }

  const needing = [
    ["GET", "describe", undefined],
    ["DELETE", "delete", undefined],
    ["PUT", "generate", {}],
    ["PUT", "encrypt", {}],
    ["PUT", "decrypt", {}],
    ["PUT", "hmac", {}],
  ] as const;
  for (const [method, operation, body] of needing) {
    test(`answers 404 to ${operation} of a missing key`, async () => {
      await using api = new ApiHarness();
      const { status, text } = await api.ask(method, `/v1/key/${operation}/absent`, { body });
      assert.deepEqual({ status, text }, { status: 404, text: "key does not exist" });
    });
  }
});

describe("creating a key", () => {
  test("answers 200 without body or type, and logs who did it", async () => {
    await using api = new ApiHarness();
    const { reply } = await api.ask("PUT", "/v1/key/create/my-key");
    assert.deepEqual(reply, { status: 200, headers: {}, body: undefined, close: false, source: undefined });
    assert.deepEqual(api.logged, [{ fields: { key: "my-key", identity: admin }, message: "key created" }]);
  });

  test("twice is a 400, in the words of the era", async () => {
    await using current = new ApiHarness();
    await using older = new ApiHarness({ api: { errors: "legacy" } });
    for (const [api, message] of [
      [current, "key already exists"],
      [older, "key does already exist"],
    ] as const) {
      await api.ask("PUT", "/v1/key/create/my-key");
      const { status, text } = await api.ask("PUT", "/v1/key/create/my-key");
      assert.deepEqual({ status, text }, { status: 400, text: message });
    }
  });
});

describe("describing a key", () => {
  test("tells name, algorithm, origin and fingerprint", async () => {
    await using api = new ApiHarness();
    await api.ask("PUT", "/v1/key/create/my-key");
    const { status, headers, text, json } = await api.ask("GET", "/v1/key/describe/my-key");
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "application/json");
    assert.match(
      text,
      /^\{"name":"my-key","algorithm":"AES256","created_at":"[^"]+Z","created_by":"a{64}","fingerprint":"[0-9a-f]{16}"\}\n$/,
    );
    assert.ok(Math.abs(Date.parse(json().created_at) - Date.now()) < 60_000);
  });

  test("leaves out an unknown creator", async () => {
    await using api = new ApiHarness();
    await api.ask("PUT", "/v1/key/create/my-key", { identity: "" });
    assert.equal("created_by" in (await api.ask("GET", "/v1/key/describe/my-key")).json(), false);
  });

  test("needs no promise when the key is cached", async () => {
    await using api = new ApiHarness();
    await api.ask("PUT", "/v1/key/create/my-key");
    await api.ask("GET", "/v1/key/describe/my-key");
    const call = api.call("GET", "/v1/key/describe/my-key");
    assert.equal(call.route.handle(call) instanceof Promise, false);
  });
});

describe("deleting a key", () => {
  test("makes it unknown at once, and a second time a 404", async () => {
    await using api = new ApiHarness();
    await api.ask("PUT", "/v1/key/create/my-key");
    await api.ask("PUT", "/v1/key/generate/my-key");
    const { reply } = await api.ask("DELETE", "/v1/key/delete/my-key");
    assert.equal(reply?.status, 200);
    assert.equal(reply?.body, undefined);
    assert.equal((await api.ask("PUT", "/v1/key/generate/my-key")).status, 404);
    assert.equal((await api.ask("DELETE", "/v1/key/delete/my-key")).status, 404);
  });

  test("is a 403 with a reason when the key is protected", async () => {
    const deleteProtection = { enabled: true, names: ["my-key"] };
    await using api = new ApiHarness({ storePolicy: { deleteProtection } });
    await api.ask("PUT", "/v1/key/create/my-key");
    const { status, text } = await api.ask("DELETE", "/v1/key/delete/my-key");
    assert.equal(status, 403);
    assert.match(text, /'my-key'.*delete protection/);
    assert.equal((await api.ask("GET", "/v1/key/describe/my-key")).status, 200);
  });
});

describe("importing a key", () => {
  const accepted = [
    ["AES256", "AES256"],
    ["AES256-GCM_SHA256", "AES256"],
    ["ChaCha20", "ChaCha20"],
    ["XCHACHA20-POLY1305", "ChaCha20"],
  ] as const;
  for (const [cipher, algorithm] of accepted) {
    test(`accepts ${cipher}`, async () => {
      await using api = new ApiHarness();
      const { status, text } = await api.ask("PUT", "/v1/key/import/k", { body: { key: key32, cipher } });
      assert.deepEqual({ status, text }, { status: 200, text: "" });
      assert.equal((await api.ask("GET", "/v1/key/describe/k")).json().algorithm, algorithm);
      assert.equal((await api.ask("PUT", "/v1/key/hmac/k", { body: {} })).status, 200);
    });
  }

  const refused: readonly (readonly [unknown, number, string])[] = [
    [undefined, 400, "invalid import key request body"],
    ["", 400, "invalid import key request body"],
    ["{", 400, "invalid import key request body"],
    [{ key: "AAA", cipher: "AES256" }, 400, "invalid import key request body"],
    [{ key: 7, cipher: "AES256" }, 400, "invalid import key request body"],
    [{}, 406, "algorithm '' is not supported"],
    [{ key: key32 }, 406, "algorithm '' is not supported"],
    [{ key: key32, cipher: "aes256" }, 406, "algorithm 'aes256' is not supported"],
    [{ key: key32, cipher: "__proto__" }, 406, "algorithm '__proto__' is not supported"],
    [{ cipher: "AES256" }, 406, "invalid key size for 'AES256'"],
    [{ key: "AAAA", cipher: "XCHACHA20-POLY1305" }, 406, "invalid key size for 'XCHACHA20-POLY1305'"],
    [{ bytes: key32 }, 406, "algorithm '' is not supported"],
  ];
  for (const [body, status, message] of refused) {
    test(`answers ${status} to ${JSON.stringify(body)}`, async () => {
      await using api = new ApiHarness();
      const answer = await api.ask("PUT", "/v1/key/import/k", { body });
      assert.deepEqual([answer.status, answer.text], [status, message]);
      assert.deepEqual((await api.ask("GET", "/v1/key/list/")).json().names, []);
    });
  }

  const olderBodies = [
    [{ bytes: key32 }, "AES256"],
    [{ bytes: key32, algorithm: "XCHACHA20-POLY1305" }, "ChaCha20"],
    [{ key: key32, cipher: "ChaCha20", bytes: key32, algorithm: "AES256" }, "ChaCha20"],
  ] as const;
  for (const [body, algorithm] of olderBodies) {
    test(`understands the older form ${Object.keys(body).join()} where the older routes are`, async () => {
      await using api = new ApiHarness({ api: { legacy: true } });
      assert.equal((await api.ask("PUT", "/v1/key/import/k", { body })).status, 200);
      assert.equal((await api.ask("GET", "/v1/key/describe/k")).json().algorithm, algorithm);
    });
  }
});

describe("listing keys", () => {
  const names = ["a", "my", "my-1", "my-2", "z"];

  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["", names],
    ["*", names],
    ["my", ["my", "my-1", "my-2"]],
    ["my*", ["my", "my-1", "my-2"]],
    ["my-", ["my-1", "my-2"]],
    ["nothing", []],
  ];
  for (const [pattern, expected] of cases) {
    test(`selects [${expected.join()}] with '${pattern}'`, async () => {
      await using api = new ApiHarness();
      for (const name of names) await api.ask("PUT", `/v1/key/create/${name}`);
      const { text } = await api.ask("GET", `/v1/key/list/${pattern}`);
      assert.equal(text, `${JSON.stringify({ names: expected })}\n`);
    });
  }

  for (const pattern of ["_", "-a", "m*y", "a.b", "a".repeat(81)]) {
    test(`refuses the pattern '${pattern}'`, async () => {
      await using api = new ApiHarness();
      const { status, text } = await api.ask("GET", `/v1/key/list/${pattern}`);
      assert.equal(status, 400);
      assert.equal(text, `listing pattern '${pattern}' is empty, too long or is invalid`);
    });
  }

  test("continues where a long page ended, with a cursor that loses no name", async () => {
    const store = new MemoryKeystore();
    const signal = new AbortController().signal;
    const all = Array.from({ length: 30_000 }, (_, at) => `key-${"x".repeat(60)}-${String(at).padStart(6, "0")}`);
    for (const name of all) await store.create(name, Buffer.from("x"), signal);
    await using api = new ApiHarness({ store });
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const { text, json } = await api.ask("GET", `/v1/key/list/key-*${after === undefined ? "" : `?after=${after}`}`);
      assert.ok(text.length < 1 << 20, "a page is what the SDK reads");
      seen.push(...json().names);
      after = json().continue_at;
    } while (after !== undefined);
    assert.deepEqual(seen, all);
  });
});

describe("a failing key store", () => {
  const operations: readonly (readonly [string, string, unknown, string])[] = [
    ["PUT", "/v1/key/create/k", undefined, "failed to create key"],
    ["PUT", "/v1/key/import/k", { key: key32, cipher: "AES256" }, "failed to create key"],
    ["GET", "/v1/key/describe/k", undefined, "failed to read key"],
    ["DELETE", "/v1/key/delete/k", undefined, "failed to delete key"],
    ["GET", "/v1/key/list/", undefined, "failed to list keys"],
    ["PUT", "/v1/key/generate/k", {}, "failed to read key"],
    ["PUT", "/v1/key/encrypt/k", {}, "failed to read key"],
    ["PUT", "/v1/key/decrypt/k", {}, "failed to read key"],
    ["PUT", "/v1/key/hmac/k", {}, "failed to read key"],
  ];
  for (const [method, path, body, message] of operations) {
    test(`is a 502 '${message}' for ${method} ${path}, and tells no cause`, async () => {
      await using api = new ApiHarness({ store: failingStore("StoreFailed") });
      const { status, text, refusal } = await api.ask(method, path, { body });
      assert.deepEqual({ status, text, level: refusal?.level }, { status: 502, text: message, level: "error" });
    });
  }

  test("with something that is no key is a 502 as well", async () => {
    const store = new MemoryKeystore();
    await store.create("k", Buffer.from("garbage"), new AbortController().signal);
    await using api = new ApiHarness({ store });
    const { status, text } = await api.ask("PUT", "/v1/key/generate/k", { body: {} });
    assert.deepEqual({ status, text }, { status: 502, text: "failed to read key" });
  });
});

function failingStore(code: "StoreFailed" | "StoreUnreachable"): MemoryKeystore {
  const store = new MemoryKeystore();
  const fail = (): Promise<never> => Promise.reject(new KesError(code, "canary: a password"));
  return Object.assign(store, { create: fail, get: fail, delete: fail, list: fail, status: fail });
}
