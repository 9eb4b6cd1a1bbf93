import assert from "node:assert/strict";
import { test } from "node:test";
import { pooledRandom, systemRandom } from "../../../sidecar/keys/randomness.ts";

test("each byte of the source is handed out at most once and is gone from the pool afterwards", () => {
  let counter = 0;
  let pool: Buffer = Buffer.alloc(0);
  const random = pooledRandom((target, offset, size) => {
    pool = target;
    for (let at = offset; at + 4 <= offset + size; at += 4) target.writeUInt32BE((counter += 1), at);
  });
  const seen = new Set<number>();
  for (let i = 0; i < 40_000; i += 1) {
    const target = Buffer.alloc(12);
    random(target, 4, 4);
    const value = target.readUInt32BE(4);
    assert.equal(target.readUInt32BE(0) + target.readUInt32BE(8), 0);
    assert.ok(value > 0 && !seen.has(value));
    seen.add(value);
    if (i % 1000 === 0) {
      for (let at = 0; at < pool.length; at += 4) assert.notEqual(pool.readUInt32BE(at), value);
    }
  }
});

test("a request that the rest of the pool cannot serve gets fresh bytes throughout", () => {
  let fills = 0;
  const random = pooledRandom((target, offset, size) => {
    fills += 1;
    target.fill(fills, offset, offset + size);
  });
  const target = Buffer.alloc(60_000);
  random(target, 0, 60_000);
  random(target, 0, 10_000);
  assert.deepEqual(target.subarray(0, 10_000), Buffer.alloc(10_000, 2));
});

test("a request larger than the pool is served", () => {
  const target = Buffer.alloc(200_000);
  pooledRandom(systemRandom)(target, 100, 199_000);
  assert.ok(target.subarray(100, 150).some((byte) => byte !== 0));
  assert.ok(target.subarray(199_000, 199_100).some((byte) => byte !== 0));
  assert.deepEqual(target.subarray(0, 100), Buffer.alloc(100));
  assert.deepEqual(target.subarray(199_100), Buffer.alloc(900));
});
