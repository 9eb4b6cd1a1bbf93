// Presets: what is ready-made must be what the documentation says, and a prefix must never widen it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compilePattern } from "../../../sidecar/contract/pattern.ts";
import { presetPatterns, presetRules } from "../../../sidecar/contract/preset.ts";

function patterns(keyPrefix: string): readonly string[] {
  return presetPatterns("MinIO", keyPrefix) ?? assert.fail(`${keyPrefix} was refused`);
}

function allows(keyPrefix: string, path: string): boolean {
  return patterns(keyPrefix).some((pattern) => compilePattern(pattern).matchesAllow(path));
}

test("the MinIO preset is the list of docs/policies.md", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/policies.md"), "utf8");
  const documented = /allow:\n((?: +- \/v1.*\n)+)/.exec(page)?.[1]?.match(/\/v1\S*/g);
  assert.deepEqual([...patterns("my-")].toSorted(), documented?.toSorted());
});

test("a MinIO with a prefix does everything it needs with its own keys and nothing with others", () => {
  for (const call of ["create", "generate", "decrypt", "describe", "hmac"]) {
    assert.ok(allows("tenant-", `/v1/key/${call}/tenant-default`), call);
    assert.ok(!allows("tenant-", `/v1/key/${call}/other`), call);
    assert.ok(allows("", `/v1/key/${call}/other`), call);
  }
  for (const path of ["/v1/key/delete/tenant-a", "/v1/key/import/tenant-a", "/v1/policy/list/a", "/v1/log/audit"]) {
    assert.ok(!allows("tenant-", path), path);
    assert.ok(!allows("", path), path);
  }
});

test("MinIO may list keys, with whatever prefix it asks for", () => {
  assert.ok(allows("tenant-", "/v1/key/list/"));
  assert.ok(allows("tenant-", "/v1/key/list/t*"));
});

test("every release of KES reads the preset alike", () => {
  for (const pattern of patterns("my-")) assert.ok(!compilePattern(pattern).differs, pattern);
});

test("what cannot begin a key name is refused", () => {
  for (const bad of ["*", "a*", "?", "[a-z]", "a/", "/", "..", " ", "-a", "a".repeat(81)]) {
    assert.equal(presetPatterns("MinIO", bad), undefined, bad);
  }
});

test("each rule says what it is for", () => {
  for (const { use, since } of presetRules("MinIO")) {
    assert.match(use, /^[a-z]/);
    assert.match(since ?? "2024-03", /^20\d\d-[01]\d$/);
  }
});
