import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { emitReference } from "../../crds/emit-reference.ts";
import { emitTypes } from "../../crds/emit-types.ts";
import { definitionFiles, readDefinition, schemaOf } from "../../crds/schema.ts";
import type { Definition, Schema } from "../../crds/schema.ts";
import {
  certManagerDefaults,
  identityCertificateDefaults,
  podDisruptionBudgetDefaults,
  serviceDefaults,
} from "../../operator/api/defaults.ts";
import { apiVersion, kesIdentities, kesKeys, kesPolicies, kesServers } from "../../operator/api/kinds.ts";
import { editCases } from "./edit-cases.ts";
import { ruleCases } from "./rule-cases.ts";

const root = join(import.meta.dirname, "../..");
const definitions = definitionFiles.map((file) => readDefinition(file));
const [servers, , identities] = definitions as [Definition, Definition, Definition];

interface Place {
  /** `kesservers spec.tls`, `kesservers spec.keys[].name`. */
  readonly path: string;
  readonly schema: Schema;
}

function everyPlace({ spec }: Definition): readonly Place[] {
  const { openAPIV3Schema } = spec.versions[0].schema;
  return placesIn(openAPIV3Schema, `${spec.names.plural} `);
}

function placesIn(schema: Schema, path: string): readonly Place[] {
  const { properties = {}, items, additionalProperties } = schema;
  const dot = path.endsWith(" ") ? "" : ".";
  return [
    { path, schema },
    ...Object.entries(properties).flatMap(([name, each]) => placesIn(each, `${path}${dot}${name}`)),
    ...(items === undefined ? [] : placesIn(items, `${path}[]`)),
    ...(additionalProperties === undefined ? [] : placesIn(additionalProperties, `${path}{}`)),
  ];
}

const places = definitions.flatMap(everyPlace).filter(({ path }) => !path.includes(" metadata"));
const offenders = (bad: (place: Place) => boolean): readonly string[] => places.filter(bad).map(({ path }) => path);

const isSentence = (text: string | undefined): boolean => /^[A-Z{`].*[.`]$/su.test(text ?? "");
const isText = (schema: Schema): boolean => schema.type === "string" || schema["x-kubernetes-int-or-string"] === true;

test("what is made from the CRDs is fresh", () => {
  execFileSync(process.execPath, [join(root, "crds/generate.ts"), "--check"], { stdio: "pipe" });
  assert.equal(readFileSync(join(root, "operator/api/generated.ts"), "utf8"), emitTypes(definitions));
  assert.equal(readFileSync(join(root, "docs/operator-fields.md"), "utf8"), emitReference(definitions));
});

test("a status has one owner", () => {
  const statuses = places.filter(({ path }) => path.endsWith(" status"));
  assert.equal(statuses.length, definitions.length);
  assert.deepEqual(
    statuses.filter(({ schema }) => schema["x-kubernetes-map-type"] !== "atomic").map(({ path }) => path),
    [],
  );
});

test("a CRD fits into the annotation of a client-side apply", () => {
  for (const definition of definitions) assert.ok(Buffer.byteLength(JSON.stringify(definition)) < 262_144);
});

test("every field is described, in a sentence", () => {
  const inside = /\[\]$|\{\}$/;
  assert.deepEqual(
    offenders(
      ({ path, schema }) => !inside.test(path) && !/ (?:spec|status)$/.test(path) && !isSentence(schema.description),
    ),
    [],
  );
});

test("every list, map and text has a limit", () => {
  assert.deepEqual(
    offenders(({ schema }) => schema.type === "array" && schema.maxItems === undefined),
    [],
  );
  assert.deepEqual(
    offenders(({ schema }) => schema.additionalProperties !== undefined && schema.maxProperties === undefined),
    [],
  );
  assert.deepEqual(
    offenders(({ schema }) => isText(schema) && schema.maxLength === undefined),
    [],
  );
});

test("the default of an object is that of its fields", () => {
  for (const { path, schema } of places) {
    const { properties, default: whole } = schema;
    if (properties === undefined || whole === undefined || schema.title === "Resources") continue;
    assert.deepEqual(whole, defaultsOf(schema), path);
  }
});

function defaultsOf({ properties = {} }: Schema): Readonly<Record<string, unknown>> {
  const set = Object.entries(properties).filter(([, field]) => field.default !== undefined);
  return Object.fromEntries(set.map(([name, field]) => [name, field.default]));
}

test("the controllers' own defaults are those of the CRDs", () => {
  assert.deepEqual(serviceDefaults, defaultsOf(at(servers, "spec.service")));
  assert.deepEqual(podDisruptionBudgetDefaults, defaultsOf(at(servers, "spec.podDisruptionBudget")));
  assert.deepEqual(certManagerDefaults, defaultsOf(at(servers, "spec.tls.certManager")));
  assert.deepEqual(identityCertificateDefaults, defaultsOf(at(identities, "spec.certificate")));
});

function at(definition: Definition, path: string): Schema {
  return path.split(".").reduce((schema, name) => schema.properties?.[name] ?? assert.fail(path), schemaOf(definition));
}

test("the resources of kinds.ts are those of the CRDs", () => {
  const resources = [kesServers, kesPolicies, kesIdentities, kesKeys];
  for (const [index, { kind, plural, group, version }] of resources.entries()) {
    const { names } = definitions[index]?.spec ?? assert.fail();
    assert.deepEqual({ kind: names.kind, plural: names.plural }, { kind, plural });
    assert.equal(`${group}/${version}`, apiVersion);
  }
});

test("every rule has a case for the API server", () => {
  const rules = places.flatMap(({ path, schema }) =>
    (schema["x-kubernetes-validations"] ?? []).map(({ message }) => `${path}: ${message}`),
  );
  const cases = [...ruleCases, ...editCases].map(({ plural, at, message }) => `${plural} ${at}: ${message}`);
  assert.deepEqual(new Set(cases), new Set(rules));
});

test("types: required and defaulted fields are always there, others may be undefined", () => {
  const definition = definitionOf({
    type: "object",
    title: "ThingSpec",
    required: ["a"],
    properties: {
      a: { type: "string" },
      b: { type: "boolean", default: false },
      c: { type: "array", items: { type: "string", enum: ["x", "y"] } },
      d: { type: "object", additionalProperties: { type: "string" } },
    },
  });
  const text = emitTypes([definition]);
  for (const line of [
    "readonly a: string;",
    "readonly b: boolean;",
    'readonly c?: readonly ("x" | "y")[] | undefined;',
    "readonly d?: Readonly<Record<string, string>> | undefined;",
  ]) {
    assert.ok(text.includes(line), line);
  }
});

test("types: two different schemas with one title are a mistake", () => {
  const one = { type: "object", title: "Twin", description: "One.", properties: { a: { type: "string" } } };
  const same = { ...one, description: "Another description." };
  const other = { ...one, properties: { a: { type: "boolean" } } };
  const spec = (second: Schema): Schema => ({ type: "object", title: "S", properties: { one, second } });
  assert.equal(emitTypes([definitionOf(spec(same))]).match(/interface Twin /g)?.length, 1);
  assert.throws(() => emitTypes([definitionOf(spec(other))]), /titled Twin/);
});

function definitionOf(spec: Schema): Definition {
  const openAPIV3Schema = { properties: { spec, status: { type: "object", title: "ThingStatus", properties: {} } } };
  return {
    spec: {
      names: { kind: "Thing", plural: "things", shortNames: ["th"] },
      versions: [{ schema: { openAPIV3Schema } }],
    },
  };
}
