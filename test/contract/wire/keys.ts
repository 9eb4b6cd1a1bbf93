// The life of a key and what it computes (reference 2.4, 4).
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { expected } from "./differences.ts";
import { expectEmpty, expectError, expectJson } from "./expect.ts";
import type { Fixture } from "./fixture.ts";

const secret = Buffer.from("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "hex");
const contextA = Buffer.from('{"bucket":"b/o"}');
const plaintextP = Buffer.from("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf", "hex");
const tail = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b";
const keyId = "d9203633306463643239363663343333363639313132353434386262623235623466";
const sealedAes = "545c94caa69f81ea8954a70c7f792fb69af111e7caa48e09868a845ad0b136a8cb7bdc71e82add0c05e4274d962609aa";
const sealedChaCha = "0be05df47375260ccb7b18c85323301e2da225dd1d41e85823c03ca76be2503d35a666ccda06b9119e9c12ea519fcb60";
const msgpackTail = (sealed: string) => `c410${tail.slice(0, 32)}c40c${tail.slice(32)}c430${sealed}`;

interface Vector {
  readonly name: string;
  readonly cipher: "AES256" | "ChaCha20";
  readonly ciphertext: Buffer;
  readonly context: Buffer;
  readonly plaintext: Buffer;
}

const hex = (text: string) => Buffer.from(text, "hex");
const none = Buffer.alloc(0);
const hello = Buffer.from("hello");
const v2 = hex(`9c985a056d54d47480863fee336be97d2a9216361e${tail}`);
const v5 = hex(`c324933bb82be764e355055a1aa2088137232cfbe9${tail}`);
const jsonAes = {
  aead: "AES-256-GCM-HMAC-SHA-256",
  iv: "ICEiIyQlJicoKSorLC0uLw==",
  nonce: "MDEyMzQ1Njc4OTo7",
  bytes: hex(sealedAes).toString("base64"),
};
const jsonChaCha = { ...jsonAes, aead: "ChaCha20Poly1305", bytes: hex(sealedChaCha).toString("base64") };
const p = { context: contextA, plaintext: plaintextP };

/** Reference 4.6, those that a key imported over the API can open. */
const vectors: readonly Vector[] = [
  {
    name: "V1",
    cipher: "AES256",
    ciphertext: hex(`262b4f656862e53de584a25b52d7b269${tail}`),
    context: none,
    plaintext: none,
  },
  { name: "V2", cipher: "AES256", ciphertext: v2, context: none, plaintext: hello },
  { name: "V3", cipher: "AES256", ciphertext: hex(sealedAes + tail), ...p },
  {
    name: "V4",
    cipher: "ChaCha20",
    ciphertext: hex(`b747a910dc34d5507ab4e245f2017db3${tail}`),
    context: none,
    plaintext: none,
  },
  { name: "V5", cipher: "ChaCha20", ciphertext: v5, context: none, plaintext: hello },
  { name: "V6", cipher: "ChaCha20", ciphertext: hex(sealedChaCha + tail), ...p },
  {
    name: "V7",
    cipher: "AES256",
    ciphertext: hex(`95b1${Buffer.from("AES256-GCM_SHA256").toString("hex")}${keyId}${msgpackTail(sealedAes)}`),
    ...p,
  },
  {
    name: "V8",
    cipher: "ChaCha20",
    ciphertext: hex(`95b2${Buffer.from("XCHACHA20-POLY1305").toString("hex")}${keyId}${msgpackTail(sealedChaCha)}`),
    ...p,
  },
  {
    name: "V9",
    cipher: "AES256",
    ciphertext: hex(`95a6${Buffer.from("AES256").toString("hex")}${keyId}${msgpackTail(sealedAes)}`),
    ...p,
  },
  { name: "V10", cipher: "AES256", ciphertext: Buffer.from(JSON.stringify(jsonAes)), ...p },
  { name: "V11", cipher: "ChaCha20", ciphertext: Buffer.from(JSON.stringify(jsonChaCha)), ...p },
];

export function keyTests(fixture: Fixture): void {
  describe("keys", () => {
    lifeTests(fixture);
    importTests(fixture);
  });
  describe("cryptography", () => {
    roundTripTests(fixture);
    vectorTests(fixture);
    tamperTests(fixture);
  });
}

function lifeTests(fixture: Fixture): void {
  it("are created once, described, and deleted once", async () => {
    const name = await fixture.key("life");
    expectError(await fixture.admin.send("POST", `/v1/key/create/${name}`), 400, "key already exists");
    await expectDescription(fixture, name, "AES256");
    expectEmpty(await fixture.admin.send("DELETE", `/v1/key/delete/${name}`));
    expectError(await fixture.admin.send("DELETE", `/v1/key/delete/${name}`), 404, "key does not exist");
    expectError(await fixture.admin.send("GET", `/v1/key/describe/${name}`), 404, "key does not exist");
  });

  it("that do not exist answer 404 on every route that needs one", async () => {
    const name = fixture.name("absent");
    for (const action of ["generate", "encrypt", "decrypt", "hmac"]) {
      const answer = await fixture.admin.send("PUT", `/v1/key/${action}/${name}`, { body: "{}" });
      expectError(answer, 404, "key does not exist");
    }
  });

  it("that are deleted are of no use at once, and a new one of the same name is another", async () => {
    const name = await fixture.key("again");
    const made = await call(fixture, "generate", name, {});
    expectEmpty(await fixture.admin.send("DELETE", `/v1/key/delete/${name}`));
    const body = JSON.stringify({ ciphertext: made["ciphertext"] });
    expectError(await fixture.admin.send("PUT", `/v1/key/decrypt/${name}`, { body }), 404, "key does not exist");
    await fixture.key("again");
    expectError(await fixture.admin.send("PUT", `/v1/key/decrypt/${name}`, { body }), 400, notAuthentic);
  });

  it("are made by one of many who ask at the same time", async () => {
    const name = fixture.name("race");
    const path = `/v1/key/create/${name}`;
    const answers = await Promise.all(Array.from({ length: 8 }, () => fixture.admin.send("PUT", path)));
    const statuses = answers.map((answer) => answer.status).toSorted((a, b) => a - b);
    assert.deepEqual(statuses, [200, ...Array.from({ length: 7 }, () => 400)]);
  });
}

const notAuthentic = "decryption failed: ciphertext is not authentic";

async function expectDescription(fixture: Fixture, name: string, algorithm: string): Promise<void> {
  const description = expectJson(await fixture.admin.send("GET", `/v1/key/describe/${name}`)) as Record<string, string>;
  const { fingerprint, created_at: createdAt = "", ...rest } = description;
  assert.deepEqual(rest, { name, algorithm, created_by: fixture.target.admin.identity });
  assert.deepEqual(Object.keys(description).slice(0, 4), ["name", "algorithm", "created_at", "created_by"]);
  assert.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z$/);
  const hasOne = expected(fixture.target, "fingerprint", { upstream: false, ours: true });
  assert.equal(/^[0-9a-f]{16}$/.test(fingerprint ?? ""), hasOne);
}

function importTests(fixture: Fixture): void {
  const algorithms = [
    ["AES256", "AES256"],
    ["AES256-GCM_SHA256", "AES256"],
    ["ChaCha20", "ChaCha20"],
    ["XCHACHA20-POLY1305", "ChaCha20"],
  ] as const;
  for (const [cipher, algorithm] of algorithms) {
    it(`are imported for ${cipher}`, async () => {
      const name = await fixture.imported(`import-${cipher}`, secret, cipher);
      await expectDescription(fixture, name, algorithm);
      const body = JSON.stringify({ key: secret.toString("base64"), cipher });
      expectError(await fixture.admin.send("PUT", `/v1/key/import/${name}`, { body }), 400, "key already exists");
    });
  }

  const key = secret.toString("base64");
  const refusals: readonly (readonly [body: object | null, status: number, message: string])[] = [
    [{}, 406, "algorithm '' is not supported"],
    [null, 406, "algorithm '' is not supported"],
    [{ bytes: key }, 406, "algorithm '' is not supported"],
    [{ key, cipher: "aes256" }, 406, "algorithm 'aes256' is not supported"],
    [{ key, cipher: "AES<256>" }, 406, "algorithm 'AES<256>' is not supported"],
    [{ cipher: "AES256" }, 406, "invalid key size for 'AES256'"],
    [{ key: "AAAA", cipher: "ChaCha20" }, 406, "invalid key size for 'ChaCha20'"],
    [{ key: "AAAA", cipher: "XCHACHA20-POLY1305" }, 406, "invalid key size for 'XCHACHA20-POLY1305'"],
    [{ key: `${key.slice(0, -1)}A`, cipher: "AES256" }, 406, "invalid key size for 'AES256'"],
    [{ key, cipher: 5 }, 400, "invalid import key request body"],
    [{ key: "?", cipher: "AES256" }, 400, "invalid import key request body"],
    [[], 400, "invalid import key request body"],
  ];
  for (const [body, status, message] of refusals) {
    it(`are not imported from ${JSON.stringify(body)}`, async () => {
      const path = `/v1/key/import/${fixture.name("refused")}`;
      expectError(await fixture.admin.send("PUT", path, { body: JSON.stringify(body) }), status, message);
    });
  }

  it("of the same bytes have a MAC key of their own", async () => {
    const macs = await Promise.all(
      ["mac-a", "mac-b"].map(async (suffix) =>
        call(fixture, "hmac", await fixture.imported(suffix, secret, "AES256"), { message: "aGVsbG8=" }),
      ),
    );
    assert.notDeepEqual(macs[0], macs[1]);
    assert.notEqual(macs[0]?.["hmac"], createHmac("sha256", secret).update("hello").digest("base64"));
  });
}

async function call(fixture: Fixture, action: string, name: string, body: object): Promise<Record<string, string>> {
  const answer = await fixture.admin.send("PUT", `/v1/key/${action}/${name}`, { body: JSON.stringify(body) });
  return expectJson(answer) as Record<string, string>;
}

function roundTripTests(fixture: Fixture): void {
  for (const cipher of ["AES256", "ChaCha20"] as const) {
    it(`of ${cipher} gives back what was encrypted, in its context only`, async () => {
      const name = await fixture.imported(`round-${cipher}`, secret, cipher);
      for (const plaintext of ["", "aGVsbG8=", Buffer.alloc(100_000, 7).toString("base64")]) {
        const context = contextA.toString("base64");
        const { ciphertext = "" } = await call(fixture, "encrypt", name, { plaintext, context });
        assert.equal(Buffer.from(ciphertext, "base64").length, Buffer.from(plaintext, "base64").length + 44);
        assert.deepEqual(await call(fixture, "decrypt", name, { ciphertext, context }), { plaintext });
        const body = JSON.stringify({ ciphertext, context: "YQ==" });
        expectError(await fixture.admin.send("PUT", `/v1/key/decrypt/${name}`, { body }), 400, notAuthentic);
      }
    });
  }

  it("generates data keys of 32 bytes that decrypt gives back, no two alike", async () => {
    const name = await fixture.key("data-key");
    const seen = new Set<string>();
    for (let n = 0; n < 8; n++) {
      const { plaintext = "", ciphertext = "", ...rest } = await call(fixture, "generate", name, { context: "YQ==" });
      assert.deepEqual(rest, {});
      assert.equal(Buffer.from(plaintext, "base64").length, 32);
      assert.equal(Buffer.from(ciphertext, "base64").length, 32 + 44);
      assert.deepEqual(await call(fixture, "decrypt", name, { ciphertext, context: "YQ==" }), { plaintext });
      seen.add(plaintext).add(ciphertext);
    }
    assert.equal(seen.size, 16);
  });

  it("answers generate with plaintext first and ciphertext second", async () => {
    const answer = await fixture.admin.send("PUT", `/v1/key/generate/${await fixture.key("order")}`);
    assert.match(answer.text, /^\{"plaintext":"[^"]{44}","ciphertext":"[^"]{104}"\}\n$/);
  });

  it("makes the same MAC of the same message, 32 bytes long", async () => {
    const name = await fixture.key("mac");
    const first = await call(fixture, "hmac", name, { message: "aGVsbG8=" });
    assert.deepEqual(await call(fixture, "hmac", name, { message: "aGVsbG8=" }), first);
    assert.equal(Buffer.from(first["hmac"] ?? "", "base64").length, 32);
    assert.deepEqual(Object.keys(first), ["hmac"]);
    assert.notDeepEqual(await call(fixture, "hmac", name, {}), first);
    assert.deepEqual(await call(fixture, "hmac", name, {}), await call(fixture, "hmac", name, { message: "" }));
  });
}

function vectorTests(fixture: Fixture): void {
  for (const { name, cipher, ciphertext, context, plaintext } of vectors) {
    it(`opens vector ${name}`, async () => {
      const key = await fixture.imported(`vector-${name}`, secret, cipher);
      const body = { ciphertext: ciphertext.toString("base64"), context: context.toString("base64") };
      assert.deepEqual(await call(fixture, "decrypt", key, body), { plaintext: plaintext.toString("base64") });
    });
  }
}

function tamperTests(fixture: Fixture): void {
  it("refuses a ciphertext with any bit of it changed, cut, or lengthened", async () => {
    const name = await fixture.imported("tamper", secret, "AES256");
    const path = `/v1/key/decrypt/${name}`;
    const broken = Array.from(v2, (_, at) => flipped(v2, at));
    broken.push(
      none,
      v2.subarray(1),
      v2.subarray(0, -1),
      Buffer.concat([v2, hex("00")]),
      v2.subarray(-28),
      v2.subarray(-29),
    );
    for (const ciphertext of broken) {
      const body = JSON.stringify({ ciphertext: ciphertext.toString("base64") });
      expectError(await fixture.admin.send("PUT", path, { body }), 400, notAuthentic);
    }
  });

  it("refuses a broken ciphertext of the older forms", async () => {
    const name = await fixture.imported("tamper-old", secret, "AES256");
    const older = vectors
      .filter((vector) => ["V7", "V9", "V10"].includes(vector.name))
      .map((vector) => vector.ciphertext);
    const broken = older.flatMap((bytes) => [
      bytes.subarray(0, -1),
      bytes.subarray(0, 5),
      flipped(bytes, bytes.length - 3),
    ]);
    for (const ciphertext of [...broken, Buffer.from("{}"), Buffer.from("{"), hex("95")]) {
      const body = JSON.stringify({ ciphertext: ciphertext.toString("base64"), context: contextA.toString("base64") });
      expectError(await fixture.admin.send("PUT", `/v1/key/decrypt/${name}`, { body }), 400, notAuthentic);
    }
  });
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
