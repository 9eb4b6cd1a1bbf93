// TypeScript types from the schemas: one readonly interface per titled object. A field is optional only where it may
// really be absent from what the API server hands out: neither required nor defaulted.
import { schemaOf } from "./schema.ts";
import type { Definition, Schema } from "./schema.ts";

const header = [
  "// Generated from crds/*.yaml by `node crds/generate.ts`; do not edit.",
  'import type { ObjectMeta } from "../kube/object.ts";',
].join("\n");

/** The text of operator/api/generated.ts. @throws Error for schemas that have one title and differ */
export function emitTypes(definitions: readonly Definition[]): string {
  const types = new Map<string, string>();
  const kinds = definitions.map((definition) => kindOf(definition, types));
  return [header, ...kinds, ...types.values()].join("\n\n") + "\n";
}

function kindOf(definition: Definition, types: Map<string, string>): string {
  const { kind } = definition.spec.names;
  const root = schemaOf(definition);
  const { spec = {}, status = {} } = root.properties ?? {};
  return [
    comment(root.description, ""),
    `export interface ${kind} {`,
    '  readonly apiVersion: "kes-operator.io/v1alpha1";',
    `  readonly kind: "${kind}";`,
    "  readonly metadata: ObjectMeta;",
    `  readonly spec: ${typeOf(spec, types)};`,
    "  /** Absent until the operator has looked at the object. */",
    `  readonly status?: ${typeOf(status, types)};`,
    "}",
  ].join("\n");
}

function typeOf(schema: Schema, types: Map<string, string>): string {
  if (schema["x-kubernetes-int-or-string"] === true) return "number | string";
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  switch (schema.type) {
    case "integer":
      return "number";
    case "array":
      return arrayOf(typeOf(schema.items ?? {}, types));
    case "object":
      return objectOf(schema, types);
    default:
      return schema.type ?? "unknown";
  }
}

function arrayOf(item: string): string {
  return item.includes(" | ") ? `readonly (${item})[]` : `readonly ${item}[]`;
}

function objectOf(schema: Schema, types: Map<string, string>): string {
  const { title, additionalProperties } = schema;
  if (additionalProperties !== undefined) return `Readonly<Record<string, ${typeOf(additionalProperties, types)}>>`;
  if (title === undefined) return "Readonly<Record<string, unknown>>";
  // Reserves the place, so that a type stands above the types of its fields.
  const known = types.get(title);
  if (known === undefined) types.set(title, "");
  const text = interfaceOf(title, schema, types);
  if (known !== undefined && bare(known) !== bare(text)) throw new Error(`two different schemas are titled ${title}`);
  types.set(title, known ?? text);
  return title;
}

function interfaceOf(title: string, schema: Schema, types: Map<string, string>): string {
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) =>
    fieldOf(name, field, { schema, types }),
  );
  // An embedded type of Kubernetes is passed through whole.
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) fields.push("  readonly [field: string]: unknown;");
  const head = comment(schema.description, "");
  if (fields.length === 0) return `${head}\nexport type ${title} = Readonly<Record<string, never>>;`;
  return `${head}\nexport interface ${title} {\n${fields.join("\n")}\n}`;
}

function fieldOf(name: string, field: Schema, within: { schema: Schema; types: Map<string, string> }): string {
  const always = within.schema.required?.includes(name) === true || field.default !== undefined;
  const type = typeOf(field, within.types);
  const declaration = always ? `${name}: ${type}` : `${name}?: ${type} | undefined`;
  return `${comment(field.description, "  ")}\n  readonly ${declaration};`;
}

function comment(text: string | undefined, indent: string): string {
  return `${indent}/** ${(text ?? "").replaceAll("*/", "*\\/")} */`;
}

/** Without comments: shared types are described by where they are used. */
function bare(text: string): string {
  return text.replaceAll(/^ *\/\*\*.*\*\/$/gm, "");
}
