import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileSchema } from "../../../sidecar/config/file-schema.ts";
import { loadConfig } from "../../../sidecar/config/load.ts";
import type { Reader } from "../../../sidecar/config/readers.ts";

const text = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
const toCome = /^keystore\.(fortanix|gcp|azure|entrust|kes|generic)$/;

/** Every setting of the file as documented: free names as `<name>`, routes as `<path>`, list items as `[]`. */
function settings(reader: Reader<unknown>, path: string): string[] {
  const below = Object.entries(reader.below ?? {});
  if (below.length === 0 || toCome.test(path)) return [path];
  return below.flatMap(([name, child]) => {
    const word = name.startsWith("/") ? "<path>" : name;
    if (word === "[]") return settings(child, `${path}[]`);
    return settings(child, path === "" ? word : `${path}.${word}`);
  });
}

test("every setting of the table is in docs/configuration.md", () => {
  const all = new Set(settings(fileSchema, "").filter((path) => !/^keys\.(?!\[)/.test(path)));
  assert.ok(all.has("policy.<name>.identities[]") && all.has("api.<path>.timeout") && all.has("keys[].name"));
  assert.deepEqual(
    [...all].filter((path) => !text.includes(`\`${path}\``)),
    [],
  );
});

test("every setting in its tables exists", () => {
  const all = new Set(settings(fileSchema, ""));
  const documented = [...text.matchAll(/^\| `([a-z][\w.<>[\]]*)`/gm)].map((match) => match[1] ?? "");
  assert.ok(documented.length > 40);
  assert.deepEqual(
    documented.filter((path) => !all.has(path)),
    [],
  );
});

test("the file to start from loads", () => {
  const [, file] = /```yaml\n([^`]*`[^`]*`[^`]*)```/.exec(text) ?? [];
  assert.ok(file !== undefined);
  const { config } = loadConfig({ text: file, path: "docs", env: { MINIO_KES_IDENTITY: "a".repeat(64) } });
  assert.equal(config.policies.get("minio")?.allow.length, 4);
});
