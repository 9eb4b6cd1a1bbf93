import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { isKesError } from "../../../sidecar/errors.ts";
import { decrypt, encrypt } from "../../../sidecar/keys/ciphertext.ts";
import type { Cipher } from "../../../sidecar/keys/cipher.ts";
import type { RandomFill } from "../../../sidecar/keys/randomness.ts";
import { commonKey, hex, vectors } from "./fixture.ts";

const none = Buffer.alloc(0);
const ciphers: readonly Cipher[] = ["AES256", "ChaCha20"];
const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((array) => Buffer.from(array));
const failed = (error: unknown): boolean => isKesError(error, "DecryptFailed");

/** Random bytes that are the vectors' iv and nonce. */
const scripted: RandomFill = (target, offset, size) => {
  assert.equal(hex(vectors.iv + vectors.nonce).copy(target, offset), size);
};

/** A MessagePack header with a length of `width` bytes. */
const header = (kind: "str" | "bin", width: 1 | 2 | 4, size: number): Buffer => {
  const out = Buffer.alloc(1 + width);
  out[0] = (kind === "str" ? 0xd9 : 0xc4) + { 1: 0, 2: 1, 4: 2 }[width];
  out.writeUIntBE(size, 1, width);
  return out;
};

describe("current ciphertexts", () => {
  for (const { name, cipher, plaintext, context, ciphertext } of vectors.current) {
    test(`${name} comes out of encrypt byte for byte and goes back`, () => {
      const key = commonKey(cipher);
      assert.equal(encrypt(key, hex(plaintext), hex(context), scripted).toString("hex"), ciphertext);
      assert.equal(decrypt(key, hex(ciphertext), hex(context)).toString("hex"), plaintext);
    });
  }

  for (const cipher of ciphers) {
    test(`the message key of ${cipher} is derived as in the reference`, () => {
      assert.equal(commonKey(cipher).messageKey(cipher, hex(vectors.iv)).toString("hex"), vectors.derived[cipher]);
    });

    test(`whatever ${cipher} encrypts it decrypts, 44 bytes longer, never twice the same`, () => {
      const key = commonKey(cipher);
      fc.assert(
        fc.property(bytes(300), bytes(80), (plaintext, context) => {
          const sealed = encrypt(key, plaintext, context);
          assert.equal(sealed.length, plaintext.length + 44);
          assert.deepEqual(decrypt(key, sealed, context), plaintext);
          assert.notDeepEqual(encrypt(key, plaintext, context), sealed);
        }),
        { numRuns: 200 },
      );
    });

    test(`every single flipped bit of a ${cipher} ciphertext makes it fail`, () => {
      const key = commonKey(cipher);
      const context = Buffer.from("context");
      const sealed = encrypt(key, Buffer.from("some plaintext"), context);
      for (let bit = 0; bit < sealed.length * 8; bit += 1) {
        const flipped = Buffer.from(sealed);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.throws(() => decrypt(key, flipped, context), failed, `bit ${bit}`);
      }
    });

    test(`every truncated or extended ${cipher} ciphertext fails`, () => {
      const key = commonKey(cipher);
      const sealed = encrypt(key, Buffer.from("plain"), none);
      for (let size = 0; size < sealed.length; size += 1) {
        assert.throws(() => decrypt(key, sealed.subarray(0, size), none), failed, `${size} bytes`);
        assert.throws(() => decrypt(key, sealed.subarray(sealed.length - size), none), failed, `last ${size} bytes`);
      }
      assert.throws(() => decrypt(key, Buffer.concat([sealed, Buffer.alloc(1)]), none), failed);
      assert.throws(() => decrypt(key, Buffer.concat([Buffer.alloc(1), sealed]), none), failed);
    });

    test(`another context, another key or the other cipher fails for ${cipher}`, () => {
      const key = commonKey(cipher);
      const sealed = encrypt(key, Buffer.from("plain"), Buffer.from("a"));
      assert.throws(() => decrypt(key, sealed, Buffer.from("b")), failed);
      assert.throws(() => decrypt(key, sealed, none), failed);
      const other = commonKey(cipher === "AES256" ? "ChaCha20" : "AES256");
      assert.throws(() => decrypt(other, sealed, Buffer.from("a")), failed);
    });
  }

  test("failures look alike: same code and message for a short and for a forged ciphertext", () => {
    const key = commonKey("AES256");
    const messages = [Buffer.alloc(3), Buffer.alloc(100)].map((forged) => {
      try {
        return decrypt(key, forged, none).toString();
      } catch (error) {
        assert.ok(isKesError(error, "DecryptFailed"));
        assert.equal(error.details["fingerprint"], key.fingerprint);
        return error.message;
      }
    });
    assert.equal(messages[0], messages[1]);
  });

  test("a wiped key refuses to encrypt instead of encrypting with zeros", () => {
    const key = commonKey("AES256");
    key[Symbol.dispose]();
    assert.throws(() => encrypt(key, none, none), { code: "Internal", message: /wiped/ });
    assert.throws(() => key.authenticate(none), { code: "Internal", message: /wiped/ });
  });
});

describe("legacy ciphertexts", () => {
  for (const { name, format, context, ok, ciphertext } of vectors.legacy) {
    for (const cipher of ciphers) {
      test(`${name} (${format}) opens under a key stored as ${cipher}`, () => {
        assert.equal(decrypt(commonKey(cipher), hex(ciphertext), hex(context)).toString("hex"), ok);
      });
    }

    test(`${name} with any byte changed in length, or with bytes after it, fails and never crashes`, () => {
      const sealed = hex(ciphertext);
      const key = commonKey("AES256");
      for (let size = 0; size < sealed.length; size += 1) {
        assert.throws(() => decrypt(key, sealed.subarray(0, size), hex(context)), failed, `${size} bytes`);
      }
      assert.throws(() => decrypt(key, Buffer.concat([sealed, Buffer.of(0x20, 0x7d)]), hex(context)), failed);
      assert.throws(() => decrypt(key, sealed, none), failed);
    });
  }

  const parts = hex(vectors.current[2]?.ciphertext ?? "");
  const sealed = parts.subarray(0, -28);
  const iv = hex(vectors.iv);
  const nonce = hex(vectors.nonce);
  const context = hex(vectors.current[2]?.context ?? "");
  const messagePack = (width: 1 | 2 | 4, algorithm = "AES256", ivBytes = iv, nonceBytes = nonce): Buffer =>
    Buffer.concat([
      Buffer.of(0x95),
      ...[algorithm, "id"].flatMap((text) => [header("str", width, text.length), Buffer.from(text)]),
      ...[ivBytes, nonceBytes, sealed].flatMap((part) => [header("bin", width, part.length), part]),
    ]);

  for (const width of [1, 2, 4] as const) {
    test(`MessagePack headers with ${width}-byte lengths are legal`, () => {
      assert.equal(decrypt(commonKey("ChaCha20"), messagePack(width), context).length, 32);
    });
  }

  test("MessagePack with a wrong iv or nonce length or an unknown algorithm is not legacy, so it fails", () => {
    const key = commonKey("AES256");
    assert.throws(() => decrypt(key, messagePack(1, "AES128"), context), failed);
    assert.throws(() => decrypt(key, messagePack(1, "AES256", iv.subarray(1)), context), failed);
    assert.throws(() => decrypt(key, messagePack(1, "AES256", iv, Buffer.concat([nonce, nonce])), context), failed);
  });

  test("JSON with unknown fields is legacy; with another algorithm, bad base64 or a second value it is not", () => {
    const key = commonKey("ChaCha20");
    const fields = {
      aead: "AES-256-GCM-HMAC-SHA-256",
      iv: iv.toString("base64"),
      nonce: nonce.toString("base64"),
      bytes: sealed.toString("base64"),
    };
    const json = (change: object, tail = ""): Buffer => Buffer.from(JSON.stringify({ ...fields, ...change }) + tail);
    assert.equal(decrypt(key, json({ more: 1 }), context).length, 32);
    const bad = [json({ aead: "AES256" }), json({ iv: "ICE" }), json({ nonce: undefined }), json({ bytes: 5 })];
    for (const text of [...bad, json({}, "{}")]) assert.throws(() => decrypt(key, text, context), failed);
  });

  for (const first of [0x95, 0x7b]) {
    test(`a current ciphertext that starts with ${first.toString(16)} by chance is read as current`, () => {
      const key = commonKey("AES256");
      let found = 0;
      for (let i = 0; found < 3; i += 1) {
        const plaintext = Buffer.from([i & 0xff, 2, 3]);
        const sealed = encrypt(key, plaintext, none);
        if (sealed[0] !== first) continue;
        found += 1;
        assert.deepEqual(decrypt(key, sealed, none), plaintext);
      }
    });

    test(`arbitrary bytes after ${first.toString(16)} only ever fail to decrypt`, () => {
      const key = commonKey("AES256");
      fc.assert(
        fc.property(bytes(120), (tail) => {
          assert.throws(() => decrypt(key, Buffer.concat([Buffer.of(first), tail]), none), failed);
        }),
        { numRuns: 500 },
      );
    });
  }
});
