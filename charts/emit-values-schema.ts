// values.schema.json: Helm refuses by it whatever the chart does not know, a misspelt value before all.
import type { Value } from "./values-file.ts";

interface Schema {
  readonly type: string;
  readonly description?: string;
  readonly [keyword: string]: unknown;
}

interface Closed extends Schema {
  readonly properties: Record<string, Schema | Closed>;
}

/** Given by Helm to charts that others depend on, or by those. */
const givenFromOutside = {
  global: { type: "object", description: "Values of the chart that depends on this one; not used here." },
  enabled: { type: "boolean", description: "For a chart that depends on this one, as the condition; not used here." },
};

export function emitValuesSchema(values: readonly Value[]): object {
  const root = closed();
  for (const value of values) {
    const [name = "", ...parents] = value.path.toReversed();
    mapAt(root, parents.toReversed()).properties[name] = schemaOf(value);
  }
  Object.assign(root.properties, givenFromOutside);
  return { $schema: "http://json-schema.org/draft-07/schema#", title: "Values of the chart kes-operator", ...root };
}

function mapAt(root: Closed, path: readonly string[]): Closed {
  let map = root;
  for (const name of path) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a value that is described has no members of its own
    map = (map.properties[name] ??= closed()) as Closed;
  }
  return map;
}

function closed(): Closed {
  return { type: "object", additionalProperties: false, properties: {} };
}

function schemaOf({ description, default: value, constraints }: Value): Schema {
  return { type: typeOf(value), description, default: value, ...constraints };
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "number" ? "integer" : typeof value;
}
