// KesServers as the API server would store them: what a test declares, with the defaults of the CRD filled in.
import assert from "node:assert/strict";
import { readDefinition, schemaOf } from "../../../crds/schema.ts";
import type { Schema } from "../../../crds/schema.ts";
import type { KesServer } from "../../../operator/api/generated.ts";
import type { Observed } from "../../../operator/controllers/kes-server/objects/observed.ts";
import type { OperatorSettings } from "../../../operator/controllers/kes-server/settings.ts";
import { planServer } from "../../../operator/controllers/kes-server/plan.ts";
import type { Plan } from "../../../operator/controllers/kes-server/plan.ts";
import { encodeBundle } from "../../../sidecar/contract/bundle.ts";

/** What JSON.parse makes: a test knows what it asked for. */
export type Json = ReturnType<typeof JSON.parse>;

/** What a user writes under `spec`. */
export type Declared = Readonly<Record<string, unknown>> & { readonly keystore?: object };

const specSchema = schemaOf(readDefinition("kesservers.yaml")).properties?.["spec"] ?? {};

export const keystoreSchema = specSchema.properties?.["keystore"] ?? {};

export const settings: OperatorSettings = {
  clusterDomain: "cluster.local",
  operatorNamespace: "kes-operator",
  imagePullPolicy: "IfNotPresent",
  openshift: false,
  ipv6: false,
};

export const emptyBundle = encodeBundle({
  server: "kes-system/kes",
  admin: "",
  policies: new Map(),
  identities: new Map(),
  keys: [],
});

export const memory = { memory: {} };

/** `kes-system/kes`. */
export function declaredServer(spec: Declared = {}, name = "kes"): KesServer {
  const object = {
    apiVersion: "kes-operator.io/v1alpha1",
    kind: "KesServer",
    metadata: { name, namespace: "kes-system", uid: "0b7c2c1e-9f5e-4a53-8a53-2d1f3b1d9c11", generation: 1 },
    spec: withDefaults({ keystore: memory, ...spec }, specSchema),
  };
  return object as unknown as KesServer;
}

/** A server that has all it needs: policies, a CA, cert-manager; nothing in the cluster yet. */
export function observed(server: KesServer, changes: Partial<Observed> = {}): Observed {
  return {
    server,
    settings,
    image: "registry.example.io/kes/server:0.1.0",
    bundle: emptyBundle,
    caPem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    workload: undefined,
    storeUsed: false,
    certManager: true,
    serviceMonitors: true,
    fallbackEndpoint: undefined,
    ...changes,
  };
}

export function plan(spec: Declared = {}, changes: Partial<Observed> = {}): Plan {
  return planServer(observed(declaredServer(spec), changes));
}

/** `id`: `Kind/name`. */
export function objectIn({ objects }: Plan, id: string): Json {
  const found = objects.find(({ object }) => `${object.kind}/${object.metadata.name}` === id);
  assert.ok(found !== undefined, `${id} is planned`);
  return found.object;
}

/** That object of the server `kes` with that spec. */
export function child(id: string, spec: Declared = {}, changes: Partial<Observed> = {}): Json {
  return objectIn(plan(spec, changes), id);
}

/** The template of its pods. */
export function templateOf(spec: Declared = {}, changes: Partial<Observed> = {}): Json {
  return child("Deployment/kes", spec, changes).spec.template;
}

export function itemsOf(list: Json): readonly Json[] {
  return list;
}

// As the API server does it: a default counts where the member is missing, and then goes on inside it.
export function withDefaults(value: unknown, { properties, items, additionalProperties }: Schema): unknown {
  if (Array.isArray(value)) return items === undefined ? value : value.map((item) => withDefaults(item, items));
  if (typeof value !== "object" || value === null) return value;
  const given = Object.entries(value).map(([name, member]): [string, unknown] => {
    const below = properties?.[name] ?? additionalProperties;
    return [name, below === undefined ? member : withDefaults(member, below)];
  });
  const missing = Object.entries(properties ?? {}).flatMap(([name, below]): [string, unknown][] => {
    return name in value || below.default === undefined ? [] : [[name, withDefaults(below.default, below)]];
  });
  return Object.fromEntries([...given, ...missing]);
}
