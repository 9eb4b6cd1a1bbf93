// The part of a CustomResourceDefinition that types and documentation are made from.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** An OpenAPI v3 schema as Kubernetes takes it ("structural"). */
export interface Schema {
  /** Names the TypeScript type; schemas with one title must be the same but for their descriptions. */
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-int-or-string"?: boolean;
  /** `atomic`: whoever applies one member owns them all. */
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly Rule[];
}

/** A CEL rule. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
  /** Below the schema that has the rule: where an error is shown. */
  readonly fieldPath?: string;
}

export interface Definition {
  readonly spec: {
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly string[] };
    readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }];
  };
}

/** In the order of the documentation. */
export const definitionFiles: readonly string[] = [
  "kesservers.yaml",
  "kespolicies.yaml",
  "kesidentities.yaml",
  "keskeys.yaml",
];

export function readDefinition(file: string): Definition {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ours, and checked by the API server in the tests
  return parse(readFileSync(join(import.meta.dirname, file), "utf8")) as Definition;
}

export function schemaOf(definition: Definition): Schema {
  return definition.spec.versions[0].schema.openAPIV3Schema;
}
