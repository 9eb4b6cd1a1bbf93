// The CRDs on a real API server: it accepts them without a warning, applies their defaults, keeps every rule, and shows
// what people ask kubectl for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import { apiVersion } from "../../../operator/api/kinds.ts";
import { editCases } from "../../crds/edit-cases.ts";
import { ruleCases, schemaCases } from "../../crds/rule-cases.ts";
import { hash, identity, key, least, vault } from "../../crds/specs.ts";
import type { Plural, Spec } from "../../crds/specs.ts";
import { kubectl, tryKubectl } from "../../env/kubectl/kubectl.ts";
import { ApiRefusal } from "../../env/kubernetes/api-client.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";

const root = join(import.meta.dirname, "../../..");
const kinds: Readonly<Record<Plural, string>> = {
  kesservers: "KesServer",
  kespolicies: "KesPolicy",
  kesidentities: "KesIdentity",
  keskeys: "KesKey",
};
const plurals = Object.keys(kinds) as readonly Plural[];
const shortNames: Readonly<Record<Plural, string>> = {
  kesservers: "kessrv",
  kespolicies: "kespol",
  kesidentities: "kesid",
  keskeys: "keskey",
};

interface Sample {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Spec;
  readonly status: Spec;
}
const samplesFile = join(root, "test/crds/samples.yaml");
const samples = parseAllDocuments(readFileSync(samplesFile, "utf8")).map((document) => document.toJS() as Sample);

let cluster: Kubernetes;
before(async () => {
  cluster = await startKubernetes();
  // As a user does it, so also within the limits of a client-side apply.
  const applied = await tryKubectl(cluster, ["apply", "-f", join(root, "crds")]);
  assert.deepEqual({ code: applied.code, stderr: applied.stderr }, { code: 0, stderr: "" });
  for (const plural of plurals) while ((await definition(plural)).status?.conditions?.length !== 2) await sleep(50);
  await storeSamples();
});
after(() => cluster[Symbol.asyncDispose]());

async function storeSamples(): Promise<void> {
  for (const { kind, metadata, spec, status } of samples) {
    const path = `${collection(pluralOf(kind))}/${metadata.name}`;
    const own = { apiVersion, kind, metadata };
    const apply = (where: string, body: object): Promise<Json> =>
      cluster.api.ask("PATCH", `${where}?fieldManager=test&${strict}`, {
        body,
        contentType: "application/apply-patch+yaml",
      });
    await apply(path, { ...own, spec });
    await apply(`${path}/status`, { ...own, status });
  }
}

const definition = (plural: Plural): Promise<Json> =>
  cluster.api.get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.kes-operator.io`);

function pluralOf(kind: string): Plural {
  return plurals.find((plural) => kinds[plural] === kind) ?? assert.fail(kind);
}

function collection(plural: Plural): string {
  return `/apis/${apiVersion}/namespaces/default/${plural}`;
}

const strict = "fieldValidation=Strict";

function create(plural: Plural, spec: Spec, { name = "sample", query = "dryRun=All" } = {}): Promise<Json> {
  const object = { apiVersion, kind: kinds[plural], metadata: { name }, spec };
  return cluster.api.create(`${collection(plural)}?${strict}&${query}`, object);
}

/** What the API server answers to something invalid; it must have one reason only. */
async function refusal(attempt: Promise<Json>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    assert.ok(error instanceof ApiRefusal, String(error));
    assert.ok([400, 422].includes(error.status), error.message);
    assert.ok(!error.message.includes("is invalid: ["), `more than one reason: ${error.message}`);
    return error.message;
  }
  return assert.fail("was accepted");
}

test("all four are established under their names, with no word of complaint", async () => {
  for (const plural of plurals) {
    const { conditions } = (await definition(plural)).status as { conditions: { type: string; status: string }[] };
    const found = conditions.map(({ type, status }) => `${type}=${status}`);
    assert.deepEqual(found.toSorted(), ["Established=True", "NamesAccepted=True"]);
  }
});

suite("rules", () => {
  for (const { plural, at, message, accepted, refused } of ruleCases) {
    const wrong = refused.name ?? JSON.stringify(refused.spec);
    test(`${plural} ${at}: ${message}: ${wrong}`, async () => {
      await create(plural, accepted.spec, accepted);
      const answer = await refusal(create(plural, refused.spec, refused));
      assert.ok(answer.endsWith(`: ${message}`), answer);
      assert.ok(answer.includes(at === "" ? "metadata.name: " : "spec"), answer);
    });
  }
});

suite("rules about edits", () => {
  let count = 0;
  for (const { plural, at, message, before, accepted, refused } of editCases) {
    test(`${plural} ${at}: ${message}: ${JSON.stringify(refused)}`, async () => {
      const name = `edited-${(count += 1)}`;
      await create(plural, before, { name, query: "" });
      const edit = (spec: Spec): Promise<Json> =>
        cluster.api.merge(`${collection(plural)}/${name}?dryRun=All&${strict}`, { spec });
      await edit(accepted);
      const answer = await refusal(edit(refused));
      assert.ok(answer.endsWith(`: Forbidden: ${message}`), answer);
    });
  }
});

suite("the schema", () => {
  for (const [plural, wrong] of schemaCases) {
    test(`${plural}: refuses ${JSON.stringify(wrong)}`, async () => {
      await assert.rejects(create(plural, wrong), ApiRefusal);
    });
  }
});

suite("samples with many fields and a status", () => {
  for (const { kind, metadata, spec, status } of samples) {
    test(`${kind} is stored as it is`, async () => {
      const path = `${collection(pluralOf(kind))}/${metadata.name}`;
      const object = { apiVersion, kind, metadata: { name: "another" }, spec, status };
      const created = await cluster.api.create(`${collection(pluralOf(kind))}?dryRun=All&${strict}`, object);
      assert.equal(created.status, undefined, "status has a door of its own");
      const stored = await cluster.api.get(path);
      assertContains(stored.spec, spec);
      assert.deepEqual(stored.status, status);
      const owners = stored.metadata.managedFields as readonly Json[];
      const owner = owners.find(({ subresource }) => subresource === "status");
      assert.deepEqual(owner?.fieldsV1, { "f:status": {} }, "one owner of the whole status");
    });
  }
});

function assertContains(actual: Json, expected: Json, path = "spec"): void {
  if (typeof expected !== "object" || Array.isArray(expected)) {
    assert.deepEqual(actual, expected, path);
    return;
  }
  for (const [name, value] of Object.entries(expected)) assertContains(actual?.[name], value, `${path}.${name}`);
}

const stored = async (plural: Plural, spec: Spec): Promise<Json> => (await create(plural, spec)).spec;

suite("defaults, as they are stored", () => {
  test("KesServer", async () => {
    assert.deepEqual(await stored("kesservers", least.kesservers), {
      mode: "Service",
      workload: "Deployment",
      serviceAccount: { create: true },
      tls: { clientAuth: "RequestIdentity" },
      keystore: { memory: {} },
      allowKeystoreChange: false,
      store: {
        startup: "wait",
        deleteProtection: { enabled: false, names: [] },
        warmup: false,
        strict: false,
        requireAtomicCreate: true,
      },
      keys: [],
      cache: { expiry: { any: "5m", unused: "30s", offline: "0s" } },
      log: { level: "info", audit: true },
      api: { routes: [] },
      policySelector: {},
      propagation: { watch: true, timeout: "2m", maxStaleness: "0s", revocationBrake: true },
      ops: { port: 8081 },
      monitoring: { serviceMonitor: { enabled: false, interval: "30s" } },
      networkPolicy: { enabled: false },
      resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "512Mi" } },
      terminationGracePeriodSeconds: 30,
    });
  });

  test("objects that are there get the rest of their fields", async () => {
    const spec = await stored("kesservers", {
      ...vault(),
      tls: { certManager: { privateKey: { size: 384 } } },
      autoscaling: { maxReplicas: 4 },
      cache: { expiry: { offline: "1h" } },
      service: { port: 443 },
      podDisruptionBudget: {},
    });
    assert.deepEqual(spec.keystore.vault, {
      endpoint: "https://openbao.openbao.svc:8200",
      engine: "kv",
      version: "v2",
      auth: { kubernetes: { role: "kes", mountPath: "kubernetes", tokenExpirationSeconds: 3600 } },
    });
    assert.deepEqual(spec.tls.certManager, {
      duration: "2160h",
      renewBefore: "720h",
      privateKey: { algorithm: "ECDSA", size: 384, rotationPolicy: "Always" },
    });
    assert.deepEqual(spec.autoscaling, { minReplicas: 2, maxReplicas: 4, targetCPUUtilizationPercentage: 75 });
    assert.deepEqual(spec.cache.expiry, { any: "5m", unused: "30s", offline: "1h" });
    assert.deepEqual(spec.service, { type: "ClusterIP", port: 443, headless: true });
    assert.deepEqual(spec.podDisruptionBudget, { enabled: true, maxUnavailable: 1 });
  });

  test("KesPolicy, KesIdentity, KesKey", async () => {
    assert.deepEqual(await stored("kespolicies", {}), {
      allow: [],
      deny: [],
      identities: [],
      allowedNamespaces: { from: "Same" },
    });
    const serverRef = { name: "kes", namespace: "kes-system" };
    assert.deepEqual(await stored("kesidentities", identity({ hash })), {
      serverRef,
      hash,
      connection: { layout: "MinIO" },
    });
    assert.deepEqual(await stored("kesidentities", identity({ certificate: {} })), {
      serverRef,
      connection: { layout: "MinIO" },
      certificate: {
        duration: "2160h",
        renewBefore: "720h",
        privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Never" },
        rotationOverlap: "24h",
      },
    });
    assert.deepEqual(await stored("keskeys", key()), { serverRef: { name: "kes" }, algorithm: "AES256" });
  });
});

/** The cells of a listing, its head first; they are two spaces and more apart. */
async function cells(...args: string[]): Promise<readonly (readonly string[])[]> {
  const listing = await kubectl(cluster, ["get", ...args]);
  return listing
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/\s{2,}/));
}

/** What a listing shows of one object, by column, without its age. */
async function shown(plural: Plural, name: string): Promise<Readonly<Record<string, string | undefined>>> {
  const [head = [], row = []] = await cells(shortNames[plural], name);
  return Object.fromEntries(head.slice(0, -1).map((column, index) => [column, row[index]]));
}

suite("kubectl", () => {
  test("kubectl get shows what people look for first", async () => {
    assert.deepEqual(await shown("kesservers", "kes"), {
      NAME: "kes",
      READY: "True",
      REPLICAS: "2",
      KEYSTORE: "vault",
      POLICIES: "2",
    });
    assert.deepEqual(await shown("kespolicies", "minio"), {
      NAME: "minio",
      READY: "True",
      SERVERS: "1",
      IDENTITIES: "3",
    });
    assert.deepEqual(await shown("kesidentities", "minio"), {
      NAME: "minio",
      READY: "True",
      SERVER: "kes",
      POLICY: "minio",
      IDENTITY: "3ecfcdf38fcb",
      SOURCE: "Certificate",
    });
    assert.deepEqual(await shown("keskeys", "minio-default"), {
      NAME: "minio-default",
      READY: "True",
      SERVER: "kes",
      KEY: "MinIO_default",
    });
  });

  test("kubectl get -o wide shows the rest", async () => {
    const heads: Readonly<Record<Plural, readonly string[]>> = {
      kesservers: ["IDENTITIES", "REVISION", "ENDPOINT", "MESSAGE"],
      kespolicies: ["REASON", "MESSAGE"],
      kesidentities: ["HASH", "EXPIRES", "REASON", "MESSAGE"],
      keskeys: ["FINGERPRINT", "ALGORITHM", "REASON", "MESSAGE"],
    };
    for (const plural of plurals) {
      const [usual = []] = await cells(plural);
      const [wide = []] = await cells(plural, "-o", "wide");
      assert.equal(usual.at(-1), "AGE");
      assert.deepEqual(
        wide.filter((column) => !usual.includes(column)),
        heads[plural],
      );
    }
    const [, row] = await cells("kessrv", "kes", "-o", "wide");
    assert.deepEqual(row?.slice(5, 9), ["14", "e5752223c7c2", "https://kes.default.svc:443", "the server can be used"]);
  });

  test("kubectl get kes -A lists all four kinds", async () => {
    const listing = await kubectl(cluster, ["get", "kes", "-A", "-o", "name"]);
    for (const plural of plurals)
      assert.ok(listing.includes(`${kinds[plural].toLowerCase()}.kes-operator.io/`), plural);
  });

  test("kubectl wait works for all four kinds", async () => {
    const names = { kesservers: "kes", kespolicies: "minio", kesidentities: "minio", keskeys: "minio-default" };
    for (const plural of plurals) {
      const what = `${kinds[plural].toLowerCase()}/${names[plural]}`;
      await kubectl(cluster, ["wait", "--for=condition=Ready", what, "--timeout=5s"]);
    }
  });

  test("kubectl explain has a description for everything", async () => {
    for (const plural of plurals) {
      for (const path of ["", ".spec", ".status", ".status.conditions"]) {
        const text = await kubectl(cluster, ["explain", `${plural}${path}`]);
        assert.ok(!text.includes("<no description>"), text);
      }
    }
    const text = await kubectl(cluster, ["explain", "kesserver.spec.keystore.vault.auth.kubernetes"]);
    assert.match(text, /role\s+<string> -required-\n\s+The role of Vault's Kubernetes auth method\./);
  });

  test("kubectl scale works with and without a number in the object", async () => {
    await create("kesservers", vault(), { name: "scaled", query: "" });
    const path = `${collection("kesservers")}/scaled`;
    await assert.rejects(cluster.api.get(`${path}/scale`), /replicas field.*does not exist/);
    for (const count of [3, 5]) {
      await kubectl(cluster, ["scale", "kessrv/scaled", `--replicas=${count}`]);
      assert.equal((await cluster.api.get(path)).spec.replicas, count);
    }
    const status = { replicas: 4, selector: "app.kubernetes.io/instance=scaled" };
    await cluster.api.merge(`${path}/status`, { status });
    const scale = await cluster.api.get(`${path}/scale`);
    assert.deepEqual({ spec: scale.spec, status: scale.status }, { spec: { replicas: 5 }, status });
  });
});

async function selected(selector: string): Promise<readonly string[]> {
  const path = `${collection("kesidentities")}?fieldSelector=${encodeURIComponent(selector)}`;
  const { items } = (await cluster.api.get(path)) as { items: Sample[] };
  return items.map(({ metadata }) => metadata.name);
}

test("identities can be selected by server and by policy", async () => {
  const refs = { a: ["s1", "p1"], b: ["s1", "p2"], c: ["s2", "p2"] } as const;
  for (const [name, [serverName, policy]] of Object.entries(refs)) {
    const spec = { serverRef: { name: serverName }, policyRef: { name: policy }, hash };
    await create("kesidentities", spec, { name, query: "" });
  }
  assert.deepEqual(await selected("spec.serverRef.name=s1"), ["a", "b"]);
  assert.deepEqual(await selected("spec.policyRef.name=p2"), ["b", "c"]);
  assert.deepEqual(await selected("spec.serverRef.name=s1,spec.policyRef.name!=p2"), ["a"]);
});
