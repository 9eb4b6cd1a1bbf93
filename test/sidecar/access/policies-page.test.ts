import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parse } from "yaml";
import { buildAccess } from "../../../sidecar/access/access.ts";

const root = new URL("../../../", import.meta.url);
const page = readFileSync(new URL("docs/policies.md", root), "utf8");

/** Cells of the page's tables, without the blanks around them. */
const rows = page.split("\n").map((line) =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim().replace(/^`|`$/g, "")),
);

const vectors: { readonly cases: readonly Record<"pattern" | "path" | "ours" | "current" | "glob", string>[] } =
  JSON.parse(readFileSync(new URL("test/vectors/patterns.json", root), "utf8"));

test("docs/policies.md shows every case of the vectors as it is", () => {
  const shown = new Set(rows.map((row) => row.join("|").trimEnd()));
  for (const { pattern, path, ours, current, glob } of vectors.cases) {
    const row = [pattern === "" ? "(empty)" : pattern, path, ours, current, glob].join("|");
    assert.ok(shown.has(row), row);
  }
});

test("the MinIO policy of docs/policies.md allows what a MinIO server does and no more", () => {
  const { policy } = parse(/```yaml\n(policy:[\s\S]*?)```/.exec(page)?.[1] ?? "");
  const [identity] = policy.minio.identities;
  const source = { admin: "disabled", policies: new Map(Object.entries<never>(policy)), proxies: [] };
  const access = buildAccess({ ...source, startedAt: "2024-01-01T00:00:00Z" });
  const calls = ["/v1/api", "/v1/status", "/v1/key/list/", "/v1/key/list/my-*"];
  for (const call of ["create", "generate", "decrypt", "describe", "hmac"]) calls.push(`/v1/key/${call}/my-key`);
  for (const path of calls) assert.equal(access.decide(identity, path).allowed, true, path);
  for (const path of [
    "/v1/key/delete/my-key",
    "/v1/key/import/my-key",
    "/v1/key/create/other",
    "/v1/key/generate/my-internal-1",
  ]) {
    assert.equal(access.decide(identity, path).allowed, false, path);
  }
});
