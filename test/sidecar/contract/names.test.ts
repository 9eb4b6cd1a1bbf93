import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { byBytes, isListingPattern, isName, prefixOf } from "../../../sidecar/contract/names.ts";

const valid = ["my-key", "abc123", "0", "_-___---_", "_0", "0-Z", "__", "a".repeat(80), "constructor", "__proto__"];
const invalid = ["", "_", "-a", "a-", "my.key", "key/", "a b", "hel<lo", "é", "a".repeat(81), "a\n", "a*"];

test("names follow the reference's examples", () => {
  for (const name of valid) assert.equal(isName(name), true, name);
  for (const name of invalid) assert.equal(isName(name), false, JSON.stringify(name));
});

test("listing patterns may be empty, end in a star and end in a dash", () => {
  for (const pattern of ["", "*", "my*", "my-", "my-*", "a".repeat(80), `${"a".repeat(79)}*`]) {
    assert.equal(isListingPattern(pattern), true, pattern);
  }
  for (const pattern of ["_", "-a", "a**", "*a", "a?", "a/b", `${"a".repeat(80)}*`, "a*\n"]) {
    assert.equal(isListingPattern(pattern), false, JSON.stringify(pattern));
  }
});

test("every name is a listing pattern and, with a star, selects itself", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9A-Za-z_-]{1,79}$/).filter(isName), (name) => {
      assert.equal(isListingPattern(name), true);
      assert.equal(prefixOf(`${name}*`), name);
      assert.equal(prefixOf(name), name);
    }),
  );
});

test("names sort by their bytes, not by a locale", () => {
  assert.deepEqual(["b", "a", "B", "_", "-", "a"].toSorted(byBytes), ["-", "B", "_", "a", "a", "b"]);
});
