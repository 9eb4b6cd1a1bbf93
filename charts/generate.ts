// What is in the chart because of something else is made here: the CRDs from crds/, the schema and the table of the values
// from values.yaml, what Grafana reads from dashboard.ts. With --check nothing is written, and what is stale is named.
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { format } from "prettier";
import { definitionFiles } from "../crds/schema.ts";
import { crdTemplate } from "./crd-template.ts";
import { dashboard } from "./dashboard.ts";
import { emitDashboard } from "./emit-dashboard.ts";
import { emitValuesSchema } from "./emit-values-schema.ts";
import { withValuesTable } from "./emit-values-table.ts";
import { readValues } from "./values-file.ts";

const root = join(import.meta.dirname, "..");
const chart = join(import.meta.dirname, "kes-operator");
const read = (file: string): string => readFileSync(file, "utf8");
const json = (content: object): Promise<string> => format(JSON.stringify(content), { parser: "json", printWidth: 120 });

const values = readValues(read(join(chart, "values.yaml")));
const readme = join(chart, "README.md");
const outputs = [
  ...definitionFiles.map((file) => ({
    file: join(chart, "templates/crds", file),
    text: crdTemplate(read(join(root, "crds", file))),
  })),
  { file: join(chart, "values.schema.json"), text: await json(emitValuesSchema(values)) },
  { file: join(chart, "dashboards/kes.json"), text: await json(emitDashboard(dashboard)) },
  { file: readme, text: withValuesTable(read(readme), values) },
];

for (const { file, text } of outputs) {
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (read(file) !== text) {
    process.stderr.write(`${relative(root, file)} is stale; run: node charts/generate.ts\n`);
    process.exitCode = 1;
  }
}
