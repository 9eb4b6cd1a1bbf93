// What is in the chart because of something else is made here: its CRDs from crds/. With --check nothing is written, and what
// is stale is named.
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { definitionFiles } from "../crds/schema.ts";
import { crdTemplate } from "./crd-template.ts";

const root = join(import.meta.dirname, "..");
const chart = join(import.meta.dirname, "kes-operator");

const outputs = definitionFiles.map((file) => ({
  file: join(chart, "templates/crds", file),
  text: crdTemplate(readFileSync(join(root, "crds", file), "utf8")),
}));

for (const { file, text } of outputs) {
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) {
    process.stderr.write(`${relative(root, file)} is stale; run: node charts/generate.ts\n`);
    process.exitCode = 1;
  }
}
