import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Pace } from "../../../operator/runtime/pace.ts";

describe("a pace of 500 ms", () => {
  let now: number;
  let pace: Pace;

  beforeEach(() => {
    now = 1_000_000;
    pace = new Pace(500, () => now);
  });

  test("lets the first cause count at once and gathers what follows at one moment", () => {
    const waits = [0, 10, 200, 289].map((ms) => {
      now += ms;
      return pace.delayOf("a");
    });
    assert.deepEqual(waits, [0, 490, 290, 1]);
  });

  test("begins anew after that moment", () => {
    pace.delayOf("a");
    now += 500;
    assert.equal(pace.delayOf("a"), 0);
    now += 100;
    assert.equal(pace.delayOf("a"), 400);
  });

  test("keeps keys apart", () => {
    pace.delayOf("a");
    assert.equal(pace.delayOf("b"), 0);
  });

  test("holds nothing up when the clock is set back", () => {
    pace.delayOf("a");
    now -= 3_600_000;
    assert.equal(pace.delayOf("a"), 0);
    assert.equal(pace.delayOf("a"), 500);
  });
});
