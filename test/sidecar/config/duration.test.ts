import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as fc from "fast-check";
import { formatDuration, parseDuration } from "../../../sidecar/contract/duration.ts";

describe("parseDuration", () => {
  const valid: [string, number][] = [
    ["0", 0],
    ["-0", 0],
    ["300ms", 300],
    ["10s", 10_000],
    ["5m0s", 300_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1500],
    [".5s", 500],
    ["2.s", 2000],
    ["-3s", -3000],
    ["+3s", 3000],
    ["500us", 0.5],
    ["500µs", 0.5],
    ["500μs", 0.5],
    ["1000ns", 0.001],
    ["30s1m", 90_000],
  ];
  for (const [text, ms] of valid) {
    test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms));
  }
  for (const text of ["", "10", "1d", "s", ".s", "1 s", "1s ", "--1s", "1e3s", "5M", "1s2", "300000000h", "0x1s"]) {
    test(`${JSON.stringify(text)} is no duration`, () => assert.equal(parseDuration(text), undefined));
  }
});

describe("formatDuration", () => {
  const forms: [number, string][] = [
    [0, "0s"],
    [300_000, "5m0s"],
    [5_400_000, "1h30m0s"],
    [1500, "1.5s"],
    [300, "300ms"],
    [0.5, "500µs"],
    [0.000001, "1ns"],
    [-90_000, "-1m30s"],
    [3_600_001, "1h0m0.001s"],
  ];
  for (const [ms, text] of forms) {
    test(`${ms} ms is ${text}`, () => assert.equal(formatDuration(ms), text));
  }

  test("what it writes is read back as the same number of nanoseconds", () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e15, max: 1e15 }), (nanoseconds) => {
        const read = parseDuration(formatDuration(nanoseconds / 1e6));
        assert.ok(read !== undefined && Math.abs(read * 1e6 - nanoseconds) < 1);
      }),
    );
  });
});
