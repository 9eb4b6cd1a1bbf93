// What is made from something else is as new as that.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { parse } from "yaml";
import { crdTemplate } from "../../charts/crd-template.ts";
import { emitValuesSchema } from "../../charts/emit-values-schema.ts";
import { withValuesTable } from "../../charts/emit-values-table.ts";
import { readValues } from "../../charts/values-file.ts";
import { definitionFiles } from "../../crds/schema.ts";

const root = join(import.meta.dirname, "../..");
const chart = join(root, "charts/kes-operator");
const read = (path: string): string => readFileSync(path, "utf8");

test("CRDs, schema, table of values and dashboard are fresh", async () => {
  const generate = [join(root, "charts/generate.ts"), "--check"];
  const { stderr } = await promisify(execFile)(process.execPath, generate).catch((error: unknown) => {
    return error as { stderr: string };
  });
  assert.equal(stderr, "");
});

test("the chart has every CRD, and each is the one of crds/ but for labels and annotations", () => {
  const inChart = readdirSync(join(chart, "templates/crds"));
  assert.deepEqual(inChart.toSorted(), [...definitionFiles].toSorted());
  for (const file of definitionFiles) {
    const text = read(join(chart, "templates/crds", file)).replaceAll(/^.*\{\{.*\}\}.*\n/gm, "");
    const { metadata, ...rest } = parse(text);
    const { metadata: original, ...source } = parse(read(join(root, "crds", file)));
    assert.deepEqual(rest, source);
    assert.equal(metadata.name, original.name);
  }
});

test("a CRD that Helm would misread is not made a template of", () => {
  const source = "kind: X\nmetadata:\n  name: a\nspec:\n";
  assert.match(crdTemplate(source), /\nmetadata:\n {2}name: a\n {2}labels:\n/);
  assert.throws(() => crdTemplate(`${source}  a: "{{"\n`), /Helm/);
  assert.throws(() => crdTemplate(source.replace("spec:", "  labels:\nspec:")), /more in its metadata/);
});

const example = `# About the file.

## First

# -- One
# in two lines.
# @schema {minimum: 1}
a: 1
b:
  # -- Inner.
  c: ""
  # -- Whatever.
  d: { x: 1 }

## Second

# -- Last.
e: [1]
`;

test("values are read with section, description and constraints", () => {
  assert.deepEqual(readValues(example), [
    { path: ["a"], section: "First", description: "One in two lines.", default: 1, constraints: { minimum: 1 } },
    { path: ["b", "c"], section: "First", description: "Inner.", default: "", constraints: {} },
    { path: ["b", "d"], section: "First", description: "Whatever.", default: { x: 1 }, constraints: {} },
    { path: ["e"], section: "Second", description: "Last.", default: [1], constraints: {} },
  ]);
});

test("a value that nobody describes is an error", () => {
  assert.throws(() => readValues("# -- A.\na: 1\nb: 2\n"), /b has no description/);
  assert.throws(() => readValues("a:\n  # -- B.\n  b: 1\n  c: 1\n"), /a\.c has no description/);
  assert.throws(() => readValues("[]"), /no map/);
});

test("the schema is closed, except for maps that are described as a whole", () => {
  const schema = emitValuesSchema(readValues(example));
  const { properties, additionalProperties } = parse(JSON.stringify(schema));
  assert.equal(additionalProperties, false);
  assert.deepEqual(Object.keys(properties), ["a", "b", "e", "global", "enabled"]);
  assert.deepEqual(properties.a, { type: "integer", description: "One in two lines.", default: 1, minimum: 1 });
  assert.equal(properties.b.additionalProperties, false);
  assert.equal(properties.b.properties.d.type, "object");
  assert.equal(properties.b.properties.d.additionalProperties, undefined);
  assert.equal(properties.e.type, "array");
});

test("the table follows what is written by hand, which must have a place for it", () => {
  const mark = "<!-- Below: made from values.yaml by charts/generate.ts. -->\n";
  const readme = withValuesTable(`# Title\n${mark}old`, readValues(example));
  assert.ok(readme.startsWith(`# Title\n${mark}\n### First\n`));
  assert.ok(readme.includes('| `b.d` | `{"x":1}` | Whatever. |'));
  assert.ok(!readme.includes("old"));
  assert.throws(() => withValuesTable("# Title", []), /no line/);
});

interface ChartMeta {
  readonly version: string;
  readonly appVersion: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** An annotation of the chart that holds a YAML list. */
function annotated({ annotations }: ChartMeta, name: string): readonly Readonly<Record<string, string>>[] {
  return parse(annotations[`artifacthub.io/${name}`] ?? "");
}

test("versions and images are those of the release", () => {
  const { version } = parse(read(join(root, "package.json")));
  const meta = parse(read(join(chart, "Chart.yaml"))) as ChartMeta;
  assert.equal(meta.version, version);
  assert.equal(meta.appVersion, version);
  const values = parse(read(join(chart, "values.yaml")));
  const expected = [values.image, values.server.image].map((i) => `${i.registry}/${i.repository}:${version}`);
  assert.deepEqual(
    annotated(meta, "images").map(({ image }) => image),
    expected,
  );
});

test("Artifact Hub is told of every kind", () => {
  const meta = parse(read(join(chart, "Chart.yaml"))) as ChartMeta;
  const definitions = definitionFiles.map((file) => parse(read(join(root, "crds", file))));
  assert.deepEqual(
    annotated(meta, "crds").map(({ kind, version, name }) => `${kind} ${version} ${name}`),
    definitions.map(({ metadata, spec }) => `${spec.names.kind} ${spec.versions[0].name} ${metadata.name}`),
  );
  assert.deepEqual(
    annotated(meta, "crdsExamples").map(({ kind }) => kind),
    definitions.map(({ spec }) => spec.names.kind),
  );
});
