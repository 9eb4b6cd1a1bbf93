import assert from "node:assert/strict";
import { createDecipheriv, hkdfSync } from "node:crypto";
import { inspect } from "node:util";
import { test } from "node:test";

import * as fc from "fast-check";

import { isKesError } from "../../../sidecar/errors.ts";
import { encodeMarker, parseMarker, verifyMarker } from "../../../sidecar/keystore/fs/marker.ts";
import { newStoreId, sealedHeader, Sealer } from "../../../sidecar/keystore/fs/sealer.ts";
import { formatWrappingKey, generateWrappingKey, parseWrappingKey } from "../../../sidecar/keystore/fs/wrapping-key.ts";

const key = generateWrappingKey();
const storeId = newStoreId();

test("what is sealed opens again, and carries its header", () => {
  using sealer = new Sealer(storeId, [key]);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (value, name) => {
      const sealed = sealer.seal(key.id, name, value);
      assert.deepEqual(sealedHeader(sealed), { version: 1, keyId: key.id, storeId });
      assert.deepEqual(sealer.open(name, sealed), Buffer.from(value));
    }),
  );
});

test("no two seals share a nonce", () => {
  using sealer = new Sealer(storeId, [key]);
  const nonces = Array.from({ length: 1000 }, () => sealer.seal(key.id, "n", Buffer.of(1)).toString("hex", 29, 41));
  assert.equal(new Set(nonces).size, 1000);
});

test("any changed byte keeps a value shut", () => {
  using sealer = new Sealer(storeId, [key]);
  const sealed = sealer.seal(key.id, "name", Buffer.from("value"));
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bad = Buffer.from(sealed);
      bad.writeUInt8(bad.readUInt8(at) ^ change, at);
      assert.throws(
        () => sealer.open("name", bad),
        (error) => isKesError(error, "KeyCorrupt", "StoreWrongKey"),
      );
    }),
  );
});

test("the layout is the documented one, opened here with node:crypto alone", () => {
  const wrapping = parseWrappingKey(`kes-wrap:v1:${Buffer.alloc(32, 7).toString("base64")}`, "test");
  const id = "00112233445566778899aabbccddeeff";
  using sealer = new Sealer(id, [wrapping]);
  const sealed = sealer.seal(wrapping.id, "my-key", Buffer.from("value"));
  assert.equal(sealed.toString("hex", 0, 9), "894b455346530d0a01");
  const derived = hkdfSync("sha256", Buffer.alloc(32, 7), Buffer.from(id, "hex"), "kes-fs-seal-v1", 32);
  const decipher = createDecipheriv("aes-256-gcm", new Uint8Array(derived), sealed.subarray(29, 41));
  decipher.setAAD(Buffer.concat([Buffer.from("kes-fs-value-v1\0my-key\0"), sealed.subarray(0, 41)]));
  decipher.setAuthTag(sealed.subarray(-16));
  assert.equal(decipher.update(sealed.subarray(41, -16), undefined, "utf8") + decipher.final("utf8"), "value");
});

test("values in the format of the first release still open", () => {
  const wrapping = parseWrappingKey(`kes-wrap:v1:${Buffer.alloc(32, 7).toString("base64")}`, "test");
  using sealer = new Sealer("00112233445566778899aabbccddeeff", [wrapping]);
  const stored = Buffer.from(firstRelease, "base64");
  assert.equal(sealer.open("my-key", stored).toString(), "value");
});

const firstRelease = "iUtFU0ZTDQoBfEBAygARIjNEVWZ3iJmqu8zd7v9kVHbUoyzWh4dtZEH/9TdCATGHLYtNXnrzUBEdsdjtx04=";

test("plain text is never taken for a sealed value", () => {
  fc.assert(fc.property(fc.base64String(), (text) => assert.equal(sealedHeader(Buffer.from(text)), undefined)));
  fc.assert(fc.property(fc.json(), (text) => assert.equal(sealedHeader(Buffer.from(text)), undefined)));
});

test("a wrapping key survives its text form, which is the only place it shows", () => {
  for (let round = 0; round < 50; round += 1) {
    const fresh = generateWrappingKey();
    const again = parseWrappingKey(`  ${formatWrappingKey(fresh)}\r\n`, "test");
    assert.ok(again.secret.equals(fresh.secret));
    assert.equal(again.id, fresh.id);
    assert.match(fresh.id, /^[0-9a-f]{8}$/);
    const shown = inspect(fresh) + JSON.stringify(fresh) + String(fresh.secret);
    assert.equal(shown.includes(fresh.secret.reveal().toString("base64")), false);
  }
});

test("no text but a wrapping key is parsed as one", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String().map((text) => `kes-wrap:v1:${text}`),
      ),
      (text) => {
        try {
          assert.equal(formatWrappingKey(parseWrappingKey(text, "test")), text.trim());
        } catch (error) {
          assert.ok(isKesError(error, "ConfigInvalid"), String(error));
        }
      },
    ),
  );
});

test("a disposed wrapping key is wiped", () => {
  const fresh = generateWrappingKey();
  fresh[Symbol.dispose]();
  assert.deepEqual(fresh.secret.reveal(), Buffer.alloc(32));
});

test("whatever stands in a marker file, reading it ends in a marker or one error", () => {
  using sealer = new Sealer(storeId, [key]);
  const good = encodeMarker({ storeId, state: "sealed", keyIds: [key.id] }, sealer);
  assert.deepEqual(verifyMarker(parseMarker(good, "d"), sealer, "d"), { storeId, state: "sealed", keyIds: [key.id] });
  const changed = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
    const bad = Buffer.from(good);
    bad.writeUInt8(byte, at);
    return bad;
  });
  const anything = fc.oneof(fc.json(), fc.string()).map((text) => Buffer.from(text));
  fc.assert(
    fc.property(fc.oneof(changed, anything), (bytes) => {
      try {
        const marker = verifyMarker(parseMarker(bytes, "d"), sealer, "d");
        assert.deepEqual(marker, { storeId, state: "sealed", keyIds: [key.id] });
      } catch (error) {
        assert.ok(isKesError(error, "StoreFailed", "StoreWrongKey"), String(error));
      }
    }),
  );
});
