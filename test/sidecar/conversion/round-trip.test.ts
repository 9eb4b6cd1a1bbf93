// A file converted into objects, and the objects taken by the operator: what its pods are told means what the file said.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { stringify } from "yaml";
import { readDefinition, schemaOf } from "../../../crds/schema.ts";
import { compileBundle } from "../../../operator/bundle/compile.ts";
import type { Bundle } from "../../../sidecar/contract/bundle.ts";
import type { Config, KeystoreConfig } from "../../../sidecar/contract/config.ts";
import { loadConfig } from "../../../sidecar/config/load.ts";
import { convertConfig } from "../../../sidecar/conversion/convert.ts";
import type { Conversion } from "../../../sidecar/conversion/convert.ts";
import { declaredServer, observed, withDefaults } from "../../operator/kes-server/declared-server.ts";
import type { Declared, Json } from "../../operator/kes-server/declared-server.ts";
import { planServer } from "../../../operator/controllers/kes-server/plan.ts";
import { fileWith, hash, samples, withSetting } from "./settings.ts";

const target = { name: "kes", namespace: "kes-system", tlsSecret: undefined, claim: undefined, runAs: undefined };
const env = {
  ADMIN: hash("9"),
  MINIO_KES_IDENTITY: hash("a"),
  OFFLINE: "1h",
  KEY_PASSWORD: "p",
  WRAP: "w",
  KUBERNETES_SERVICE_HOST: "10.0.0.1",
  KUBERNETES_SERVICE_PORT: "443",
};
const crds = { KesPolicy: "kespolicies", KesIdentity: "kesidentities", KesKey: "keskeys" } as const;

interface Told {
  /** What the file means. */
  readonly before: Config;
  /** What a pod of the operator reads. */
  readonly after: Config;
  readonly bundle: Bundle;
  readonly conversion: Conversion;
  readonly pod: Json;
}

function tell(text: string): Told {
  const input = { text, path: "server.yaml", env, allowUnknownKeys: false };
  const conversion = convertConfig({ ...input, target, auth: undefined });
  // As the API would have it: without members that are undefined.
  const { spec }: { spec: Declared } = JSON.parse(JSON.stringify(conversion.objects[0]));
  const server = declaredServer(spec);
  const { bundle, encoded } = compileBundle({
    server,
    policies: declared(conversion, "KesPolicy"),
    identities: declared(conversion, "KesIdentity"),
    keys: declared(conversion, "KesKey"),
    namespaceLabels: new Map(),
    now: Date.now(),
  });
  const { objects } = planServer(observed(server, { bundle: encoded }));
  const child = (kind: string, name: string): Json =>
    objects.find(({ object }) => object.kind === kind && object.metadata.name === name)?.object;
  const written: string = child("ConfigMap", "kes-config").data["config.yaml"];
  const after = loadConfig({ text: written, path: "config.yaml", env }).config;
  const flags = text.includes("tls:") ? {} : { key: "/k", cert: "/c" };
  return {
    before: loadConfig({ ...input, flags }).config,
    after,
    bundle,
    conversion,
    pod: child("Deployment", "kes").spec.template,
  };
}

function declared({ objects }: Conversion, kind: keyof typeof crds): readonly Json[] {
  const schema = schemaOf(readDefinition(`${crds[kind]}.yaml`)).properties?.["spec"] ?? {};
  const chosen = objects.filter((object) => object.kind === kind);
  return chosen.map((object) => {
    const parsed = JSON.parse(JSON.stringify(object));
    return Object.assign(parsed, { spec: withDefaults(parsed.spec, schema) });
  });
}

function assertSame({ before, after, bundle, conversion, pod }: Told): void {
  assert.deepEqual(after.cache, {
    ...before.cache,
    unused: Math.min(before.cache.unused, before.cache.any || Infinity),
  });
  assert.equal(after.tls.auth, before.tls.auth);
  const { identities, header } = before.tls.proxy;
  const isOn = identities.length > 0 && header !== undefined;
  assert.deepEqual(after.tls.proxy, isOn ? before.tls.proxy : { identities: [], header: undefined });
  assert.equal(after.log.audit === "off", before.log.audit === "off");
  assert.deepEqual(
    routesOf(after),
    routesOf(before).filter(([path]) => sameRoutes.test(path)),
  );
  const { requireAtomicCreate: _, ...store } = before.store;
  assert.deepEqual({ ...after.store, requireAtomicCreate: undefined }, { ...store, requireAtomicCreate: undefined });
  assert.deepEqual(keystoreOf(after.keystore), keystoreOf(before.keystore));
  assert.equal(bundle.admin, /^[0-9a-f]{64}$/.test(before.admin) ? before.admin : "");
  assert.deepEqual(bundle.keys.map(({ name }) => name).toSorted(), [...before.keys].toSorted());
  assertAccess(before, bundle);
  assertFiles(conversion, pod);
}

const sameRoutes = /^\/v1\/(?:ready|status|metrics|api)$/;

function routesOf({ api }: Config): readonly (readonly [string, unknown])[] {
  return [...api.routes].filter(([, { skipAuth, timeout }]) => skipAuth || timeout !== undefined);
}

/** Without paths of files, which are others in a pod, and without what stands for credentials. */
function keystoreOf(keystore: KeystoreConfig): unknown {
  return JSON.parse(JSON.stringify(keystore, comparable));
}

const files = new Set(["path", "file", "ca", "key", "cert", "jwt"]);
const credentials = /^(?:id|secret|accessKey|secretKey|sessionToken|token)$/;

function comparable(name: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (name === "encryption") return Array.isArray(value) ? value.length : value;
  if (credentials.test(name) && value !== undefined) return "a credential";
  return files.has(name) && String(value).startsWith("/") ? "a file" : value;
}

function assertAccess(before: Config, bundle: Bundle): void {
  for (const [name, { allow, deny, identities }] of before.policies) {
    const there = bundle.policies.get(name.toLowerCase().replaceAll("_", "-"));
    assert.ok(there !== undefined, name);
    const wanted = allow.map((pattern) => (pattern === "*" ? "/*" : pattern));
    assert.deepEqual([...there.allow].toSorted(), wanted.toSorted(), name);
    assert.deepEqual([...there.deny].toSorted(), [...deny].toSorted(), name);
    for (const identity of identities) assert.equal(bundle.identities.get(identity), name, identity);
  }
  const all = [...before.policies.values()].flatMap(({ identities }) => identities);
  assert.deepEqual([...bundle.identities.keys()].toSorted(), all.toSorted());
}

/** What the pod mounts is what the file's owner is told to create. */
function assertFiles({ preparations }: Conversion, { spec }: Json): void {
  const mounted = JSON.stringify(spec.volumes);
  for (const { name, kind, entries } of preparations) {
    assert.ok(mounted.includes(`"${name}"`), `${name} is mounted`);
    if (kind === "PersistentVolumeClaim" || kind === "TLS Secret") continue;
    for (const { key } of entries) assert.ok(mounted.includes(`"key":"${key}"`), `${key} of ${name}`);
  }
}

const folder = join(import.meta.dirname, "../../vectors/config");

describe("what the pods are told means what the file said", () => {
  for (const name of ["full", "older", "minio-operator-fs", "minio-operator-vault"]) {
    test(name, () => assertSame(tell(readFileSync(join(folder, `${name}.yaml`), "utf8"))));
  }

  // Settings that have no field, or mean something about the file alone.
  const elsewhere = /^(?:root|log\.file|api\.(?:legacy|errors)|tls\.password|shutdown|http2|sync|keystore\.fs\.path)/;
  for (const [path, { value, file = fileWith() }] of Object.entries(samples)) {
    if (elsewhere.test(path)) continue;
    test(path, () => assertSame(tell(stringify(withSetting(file, path, value)))));
  }
});
