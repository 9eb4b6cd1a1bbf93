// docs/operator-fields.md: for each kind a table of its fields and what the API server refuses, from the schemas alone.
import { schemaOf } from "./schema.ts";
import type { Definition, Rule, Schema } from "./schema.ts";

/** Types that several fields have; they get a table of their own instead of one below each field. */
const shared: readonly string[] = ["CertificateSource", "Condition", "IssuerRef", "LabelSelector", "SecretKeyRef"];

const introduction = `# Fields of the operator's objects

<!-- Made from crds/*.yaml by \`node crds/generate.ts\`; do not edit. -->

API group \`kes-operator.io\`, version \`v1alpha1\`; every kind lives in a namespace and is in the category \`kes\`: \`kubectl get kes -A\`.
\`kubectl explain kesserver.spec.keystore\` shows the same text. **Bold** fields must be given. A default stands in the stored
object unless the meaning says what an absent field does. Durations are written as \`30s\`, \`5m\`, \`2160h\` or \`1h30m\`; days are not.

Not here, because the server does not serve them yet, and a field without effect is worse than none: the key stores Google Cloud,
Azure, Fortanix and Entrust, keys that never leave Vault's transit engine, a server name of its own for the connection to Vault,
and another lowest version of TLS than 1.2.`;

interface Row {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

export function emitReference(definitions: readonly Definition[]): string {
  const parts = [introduction, ...definitions.map(kindSection), sharedSection(definitions)];
  return parts.join("\n\n") + "\n";
}

function kindSection(definition: Definition): string {
  const { kind, shortNames } = definition.spec.names;
  const root = schemaOf(definition);
  const { spec = {}, status = {} } = root.properties ?? {};
  const named = { path: "metadata.name", schema: root, required: true };
  const all = [named, { path: "spec", schema: spec, required: true }, ...rowsBelow(spec)];
  return [
    `## ${kind}`,
    `Short name \`${shortNames.join("`, `")}\`. ${root.description ?? ""}`,
    table(rowsBelow(spec)),
    `### What ${kind} refuses\n\n${refusals(all)}`,
    `### Status of ${kind}\n\n${table(rowsBelow(status))}`,
  ].join("\n\n");
}

function sharedSection(definitions: readonly Definition[]): string {
  const all = definitions.flatMap((definition) => rowsBelow(schemaOf(definition)));
  const sections = shared.map((title) => {
    const schema = all.map((row) => inner(row.schema)).find((each) => each.title === title) ?? {};
    const refused = refusals([{ path: title, schema, required: false }, ...rowsBelow(schema)]);
    const rules = refused === "" ? [] : [`Refused: ${refused.replaceAll(/^- /gm, "")}.`];
    return [`### ${title}`, table(rowsBelow(schema)), ...rules].join("\n\n");
  });
  return ["## Shared types", ...sections].join("\n\n");
}

/** Every field below `schema`, each before its own fields. */
function rowsBelow(schema: Schema, prefix = ""): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]): readonly Row[] => {
    const path = `${prefix}${name}${field.type === "array" ? "[]" : ""}`;
    const row: readonly Row[] = [{ path, schema: field, required: schema.required?.includes(name) === true }];
    const below = inner(field);
    return shared.includes(below.title ?? "") ? row : row.concat(rowsBelow(below, `${path}.`));
  });
}

/** What stands in a list or map. */
function inner(schema: Schema): Schema {
  return schema.items ?? schema.additionalProperties ?? schema;
}

/** The messages of all rules, each once with the fields that it is about. */
function refusals(rows: readonly Row[]): string {
  const fields = new Map<string, string[]>();
  for (const { path, schema } of rows) {
    for (const { message, fieldPath = "" } of rulesOf(schema)) {
      const field = path === "metadata.name" ? path : `${path}${fieldPath}`.replace("spec.", "");
      fields.set(message, [...(fields.get(message) ?? []), `\`${field}\``]);
    }
  }
  return [...fields].map(([message, paths]) => `- ${paths.join(", ")}: ${message}`).join("\n");
}

function rulesOf(schema: Schema): readonly Rule[] {
  const own = schema["x-kubernetes-validations"] ?? [];
  const below = inner(schema);
  return below === schema || shared.includes(below.title ?? "") ? own : [...own, ...rulesOf(below)];
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ path: field, schema, required }) => {
    const cells = [required ? `**\`${field}\`**` : `\`${field}\``, typeOf(schema), defaultOf(schema)];
    return `| ${[...cells, schema.description ?? ""].map(escaped).join(" | ")} |`;
  });
  return ["| Field | Type | Default | Meaning |", "|---|---|---|---|", ...lines].join("\n");
}

function typeOf(schema: Schema): string {
  if (schema["x-kubernetes-int-or-string"] === true) return "integer or text";
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}, at most ${schema.maxItems}`;
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}`;
  return scalarOf(schema);
}

function scalarOf(schema: Schema): string {
  const { type, title, pattern, format, minimum, maximum } = schema;
  switch (type) {
    case "object":
      return title !== undefined && shared.includes(title) ? `[${title}](#${title.toLowerCase()})` : "object";
    case "integer":
      return maximum === undefined ? "integer" : `${minimum} to ${maximum}`;
    case "string":
      return format === "date-time" ? "time" : textOf(pattern);
    default:
      return type ?? "";
  }
}

function textOf(pattern: string | undefined): string {
  return pattern?.endsWith("(ms|s|m|h))+$") === true ? "duration" : "text";
}

/** Of an object: nothing, for the defaults of its fields are listed. */
function defaultOf(schema: Schema): string {
  if (schema.default === undefined || (schema.properties !== undefined && schema.title !== "Resources")) return "";
  return `\`${JSON.stringify(schema.default).replaceAll(/^"|"$/g, "")}\``;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}
