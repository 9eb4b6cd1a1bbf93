import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { array, assert as check, constantFrom, oneof, property, string } from "fast-check";
import { parseTarget } from "../../../sidecar/http/target.ts";

const paths = [
  ["/v1/status", "/v1/status", ""],
  ["/v1/key/list/a?after=b&c", "/v1/key/list/a", "after=b&c"],
  ["/v1/key/list/?", "/v1/key/list/", ""],
  ["https://kes:7373/v1/status?x", "/v1/status", "x"],
  ["HTTP://kes", "/", ""],
  ["http://kes?x", "/", "x"],
  ["/a%20b", "/a b", ""],
  ["/a%2Fb%2e%2E", "/a/b..", ""],
  ["/%C3%A4", "/ä", ""],
  ["/%ff%41", "/\ufffdA", ""],
  ["/...", "/...", ""],
] as const;

const redirects = [
  ["//v1/status", "/v1/status"],
  ["/v1//status?x=1", "/v1/status?x=1"],
  ["/./v1/status", "/v1/status"],
  ["/v1/../v1/status/.", "/v1/status"],
  ["/..", "/"],
  ["/a/..", "/"],
  ["/a/b/../", "/a/"],
  ["/../../a", "/a"],
] as const;

const invalid = ["", "*", "v1/status", "kes:7373", "ftp://kes/x", "/a b", "/a\u0000", "/a\u007f", "/%", "/%4", "/%zz"];

describe("a request target", () => {
  for (const [target, path, query] of paths) {
    test(`${target} is the path ${path} with the query '${query}'`, () => {
      assert.deepEqual(parseTarget(target), { kind: "path", path, query });
    });
  }

  for (const [target, location] of redirects) {
    test(`${target} is redirected to ${location}`, () => {
      assert.deepEqual(parseTarget(target), { kind: "redirect", location });
    });
  }

  for (const target of invalid) {
    test(`${JSON.stringify(target)} is invalid`, () => {
      assert.deepEqual(parseTarget(target), { kind: "invalid" });
    });
  }

  test("of any form is read without a failure, and a redirect leads to no other redirect", () => {
    const piece = constantFrom("/", "//", "/.", "/..", "%2e", "%2F", "%", "?", "a", "ä", " ", "http://h", "#", "%ff");
    const target = oneof(
      string({ unit: "binary" }),
      array(piece).map((pieces) => pieces.join("")),
    );
    check(
      property(target, (text) => {
        const first = parseTarget(text);
        if (first.kind === "path") assert.ok(first.path.startsWith("/"), first.path);
        if (first.kind === "redirect") assert.notEqual(parseTarget(first.location).kind, "redirect");
      }),
      { numRuns: 2_000 },
    );
  });
});
