// Output memory is used again, and never while a socket still has to send from it: that would put one answer into another.
import assert from "node:assert/strict";
import { test } from "node:test";
import { maxFreeSlabs, slabSize } from "../../../sidecar/http2/limits.ts";
import { SlabPool } from "../../../sidecar/http2/output.ts";

test("a slab goes on behind what is not sent, and starts again when all of it is", () => {
  const pool = new SlabPool();
  const slab = pool.take(100);
  slab.at = 1_000;
  slab.unsent += 1;
  pool.give(slab);
  assert.equal(pool.take(100), slab);
  assert.equal(slab.at, 1_000);
  slab.sent();
  assert.notEqual(pool.take(100), slab, "it is held");
  pool.give(slab);
  assert.equal(pool.take(100), slab);
  assert.equal(slab.at, 0);
});

test("a full slab comes back with its last write, and only once", () => {
  const pool = new SlabPool();
  const slab = pool.take(100);
  slab.at = slabSize;
  slab.unsent += 2;
  pool.give(slab);
  slab.sent();
  assert.notEqual(pool.take(100), slab);
  slab.sent();
  assert.equal(pool.take(100), slab);
  assert.notEqual(pool.take(100), slab);
});

test("a slab without enough room for the next frame is not lost", () => {
  const pool = new SlabPool();
  const slab = pool.take(100);
  slab.at = slabSize / 2;
  slab.unsent += 1;
  pool.give(slab);
  assert.notEqual(pool.take(slabSize), slab);
  slab.sent();
  assert.equal(pool.take(slabSize), slab);
});

test("what a storm needed is not all kept", () => {
  const pool = new SlabPool();
  const slabs = Array.from({ length: maxFreeSlabs + 5 }, () => pool.take(100));
  for (const slab of slabs) pool.give(slab);
  const again = Array.from({ length: maxFreeSlabs + 5 }, () => pool.take(100));
  assert.equal(again.filter((slab) => slabs.includes(slab)).length, maxFreeSlabs);
});
