import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { isKesError, KesError } from "../../../sidecar/errors.ts";
import { parseCipher } from "../../../sidecar/keys/cipher.ts";
import { decodeStoredKey, encodeStoredKey } from "../../../sidecar/keys/encoding.ts";
import { Key, newKey } from "../../../sidecar/keys/key.ts";
import { Secret } from "../../../sidecar/secret.ts";
import { commonKey, hex, vectors } from "./fixture.ts";

const corrupt = (error: unknown): boolean => isKesError(error, "KeyCorrupt");

const exactly = (size: number) => fc.uint8Array({ minLength: size, maxLength: size }).map((a) => Buffer.from(a));

describe("stored keys", () => {
  for (const { name, stored, ok, error } of vectors.stored) {
    test(`${name}: ${error ?? "is read"}`, () => {
      if (!ok) {
        assert.throws(
          () => decodeStoredKey(Buffer.from(stored)),
          (thrown) => isKesError(thrown) && thrown.code === error,
        );
        return;
      }
      const key = decodeStoredKey(Buffer.from(stored));
      assert.equal(key.secret.reveal().toString("hex"), vectors.secret);
      assert.equal(key.hmac?.reveal().toString("hex"), ok.hmac ? vectors.hmacKey : undefined);
      assert.deepEqual(
        { cipher: key.cipher, createdAt: key.createdAt, createdBy: key.createdBy },
        { cipher: ok.cipher, createdAt: ok.createdAt, createdBy: ok.createdBy },
      );
      if (ok.writable) assert.equal(encodeStoredKey(key).toString(), stored);
    });
  }

  test("whatever is encoded is decoded alike", () => {
    const seconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 });
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const createdBy = fc.string({ unit: "grapheme" }).map((text) => text.toWellFormed());
    const cipher = fc.constantFrom("AES256" as const, "ChaCha20" as const);
    fc.assert(
      fc.property(seconds, bytes32, bytes32, createdBy, cipher, (...[at, secret, hmac, createdBy, cipher]) => {
        const createdAt = new Date(at * 1000).toISOString().replace(".000Z", ".000000001Z");
        const parts = { cipher, secret: Secret.copyOf(secret), hmac: Secret.copyOf(hmac), createdAt, createdBy };
        const stored = encodeStoredKey(new Key(parts));
        const key = decodeStoredKey(stored);
        assert.ok(key.secret.equals(parts.secret) && key.hmac?.equals(parts.hmac));
        assert.deepEqual([key.cipher, key.createdAt, key.createdBy], [cipher, createdAt, createdBy]);
      }),
    );
  });

  test("arbitrary bytes, as they are, in base64 or as a mutated key, are a key or KeyCorrupt", () => {
    const base = Buffer.from(vectors.stored[0]?.stored ?? "", "base64");
    const mutated = fc.tuple(fc.nat(base.length - 1), fc.nat(255), fc.nat(base.length)).map(([at, value, end]) => {
      const copy = Buffer.from(base);
      copy[at] = value;
      return Buffer.from(copy.subarray(0, end).toString("base64"));
    });
    const raw = fc.uint8Array({ maxLength: 120 }).map((array) => Buffer.from(array));
    const inputs = fc.oneof(
      raw,
      raw.map((bytes) => Buffer.from(bytes.toString("base64"))),
      mutated,
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(inputs, (bytes) => {
        try {
          assert.ok(decodeStoredKey(bytes) instanceof Key);
        } catch (error) {
          assert.ok(corrupt(error), inspect(error));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("a key of an old release is never written anew", () => {
    assert.throws(
      () => encodeStoredKey(commonKey("AES256", { hmac: false })),
      (error) => isKesError(error, "KeyNoHmac"),
    );
  });
});

describe("keys", () => {
  for (const { name, message, hmac } of vectors.hmac) {
    test(`${name} is the HMAC of its message`, () => {
      assert.equal(commonKey("AES256").authenticate(hex(message)).toString("hex"), hmac);
    });
  }

  test("a key without an HMAC key says so", () => {
    const key = commonKey("AES256", { hmac: false });
    assert.throws(
      () => key.authenticate(Buffer.alloc(0)),
      (error) => isKesError(error, "KeyNoHmac"),
    );
  });

  test("AES message keys are HMAC-SHA-256 of the iv, for any secret and iv", () => {
    fc.assert(
      fc.property(exactly(32), exactly(16), exactly(16), (secret, iv, iv2) => {
        const origin = { cipher: "AES256", createdAt: "2026-01-01T00:00:00Z", createdBy: "" } as const;
        const key = newKey(origin, Secret.copyOf(secret));
        for (const each of [iv, iv2]) {
          assert.deepEqual(key.messageKey("AES256", each), createHmac("sha256", secret).update(each).digest());
        }
      }),
    );
  });

  test("the fingerprint covers cipher, secret and HMAC key, and nothing else", () => {
    const mac = createHmac("sha256", hex(vectors.secret)).update("kes-fingerprint-v1\0AES256\0");
    assert.equal(commonKey("AES256").fingerprint, mac.update(hex(vectors.hmacKey)).digest("hex").slice(0, 16));
    const bare = createHmac("sha256", hex(vectors.secret)).update("kes-fingerprint-v1\0AES256\0").digest("hex");
    assert.equal(commonKey("AES256", { hmac: false }).fingerprint, bare.slice(0, 16));
    const stored = vectors.stored.filter(({ ok }) => ok?.cipher === "AES256" && ok.hmac);
    const prints = new Set(stored.map(({ stored }) => decodeStoredKey(Buffer.from(stored)).fingerprint));
    assert.ok(stored.length > 2);
    assert.deepEqual([...prints], [commonKey("AES256").fingerprint]);
    assert.notEqual(commonKey("ChaCha20").fingerprint, commonKey("AES256").fingerprint);
  });

  test("secrets of another size are refused", () => {
    const origin = { cipher: "AES256", createdAt: "2026-01-01T00:00:00Z", createdBy: "" } as const;
    for (const size of [0, 16, 31, 33]) {
      assert.throws(
        () => newKey(origin, Secret.random(size)),
        (error) => isKesError(error, "KeySizeInvalid"),
      );
    }
  });

  test("nothing prints the secret: inspect, JSON, text and errors about corrupt keys", () => {
    const canary = "CANARYCANARYCANARYCANARYCANARY42";
    const origin = { cipher: "AES256", createdAt: "2026-01-01T00:00:00Z", createdBy: "" } as const;
    const key = newKey(origin, Secret.copyOf(Buffer.from(canary)));
    key.messageKey("AES256", hex(vectors.iv));
    key.messageKey("ChaCha20", hex(vectors.iv));
    const shown = [inspect(key, { depth: 9, showHidden: true }), JSON.stringify(key), String(key.secret)];
    const tooLong = JSON.stringify({ bytes: Buffer.from(`${canary}x`).toString("base64") });
    try {
      decodeStoredKey(Buffer.from(tooLong));
    } catch (error) {
      assert.ok(error instanceof KesError);
      shown.push(inspect(error, { depth: 9 }), JSON.stringify(error.details));
    }
    assert.equal(shown.length, 5);
    const base64 = Buffer.from(canary).toString("base64").slice(0, 40);
    const forms = [canary, base64, Buffer.from(canary).toString("hex"), Buffer.from(canary).join(",").slice(0, 30)];
    for (const text of shown) for (const form of forms) assert.ok(!text.includes(form), text);
  });

  test("every accepted cipher name is understood and no other", () => {
    const known = ["AES256", "AES256-GCM_SHA256", "ChaCha20", "XCHACHA20-POLY1305"].map(parseCipher);
    assert.deepEqual(known, ["AES256", "AES256", "ChaCha20", "ChaCha20"]);
    for (const name of ["", "aes256", "AES128", "constructor", "__proto__"]) assert.equal(parseCipher(name), undefined);
  });
});
