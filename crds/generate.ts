// The CRDs in this folder are the source of everything that is said about our objects: `node crds/generate.ts` makes the
// operator's types (operator/api/generated.ts) and the reference (docs/operator-fields.md) from them, and with --check
// fails when one of the two is not what it would make.
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { emitReference } from "./emit-reference.ts";
import { emitTypes } from "./emit-types.ts";
import { definitionFiles, readDefinition } from "./schema.ts";

const root = join(import.meta.dirname, "..");
const definitions = definitionFiles.map(readDefinition);
const outputs = [
  { file: join(root, "operator/api/generated.ts"), text: emitTypes(definitions) },
  { file: join(root, "docs/operator-fields.md"), text: emitReference(definitions) },
];

for (const { file, text } of outputs) {
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) {
    process.stderr.write(`${relative(root, file)} is stale; run: node crds/generate.ts\n`);
    process.exitCode = 1;
  }
}
