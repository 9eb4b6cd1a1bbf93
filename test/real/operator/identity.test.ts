// Identities with a real cert-manager, by an operator that has the chart's rights and no more: whose key is in a Secret is
// known without reading it, and the next key before it gets there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Condition, IdentityHash } from "../../../operator/api/generated.ts";
import { identityOfCertificate, parseApiKey } from "../../../sidecar/contract/identity.ts";
import { startCertManager } from "../../env/cert-manager/cert-manager.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { until } from "../../operator/until.ts";
import { makeLeaf } from "../../support/certificates.ts";
import { installChart } from "../../support/operator-chart.ts";
import { startOperator } from "../../support/operator-process.ts";

const group = "/apis/kes-operator.io/v1alpha1/namespaces";
const identities = `${group}/prod/kesidentities`;
const secrets = "/api/v1/namespaces/prod/secrets";
const issuing = "/apis/cert-manager.io/v1/namespaces/prod";

const stack = new AsyncDisposableStack();
let cluster: Kubernetes;

before(async () => {
  cluster = stack.use(await startKubernetes({ controllers: true }));
  const chart = await installChart(cluster, { values: { features: { apiKeys: true, secretIdentities: true } } });
  for (const namespace of ["kes-system", "prod"]) await cluster.createNamespace(namespace);
  await declare(`${group}/kes-system/kesservers/kes`, "KesServer", { keystore: { memory: {} }, replicas: 0 });
  const policy = { allow: ["/v1/key/*"], allowedNamespaces: { from: "All" } };
  await declare(`${group}/kes-system/kespolicies/minio`, "KesPolicy", policy);
  stack.use(await startOperator(cluster, chart));
});
after(() => stack.disposeAsync());

function declare(path: string, kind: string, spec: object, metadata: object = {}): Promise<Json> {
  const name = path.split("/").at(-1);
  return cluster.api.apply(path, {
    apiVersion: "kes-operator.io/v1alpha1",
    kind,
    metadata: { name, ...metadata },
    spec,
  });
}

function declareIdentity(name: string, source: object, annotations: object = {}): Promise<Json> {
  const spec = { serverRef: { name: "kes", namespace: "kes-system" }, policyRef: { name: "minio" }, ...source };
  return declare(`${identities}/${name}`, "KesIdentity", spec, { annotations });
}

async function conditionOf(name: string, type: string): Promise<Condition | undefined> {
  return conditionsOf(await cluster.api.get(`${identities}/${name}`)).find((condition) => condition.type === type);
}

function conditionsOf(object: Json): readonly Condition[] {
  return object?.status?.conditions ?? [];
}

/** Of a KesIdentity. */
function entriesOf(object: Json): readonly IdentityHash[] {
  return object?.status?.identities ?? [];
}

/** Resolves once the condition has the reason: by default within the time in which people are to see what is wrong. */
async function untilReason(name: string, type: string, reason: string, seconds = 10): Promise<Condition> {
  await until(`${name}: ${type} is ${reason}`, async () => (await conditionOf(name, type))?.reason === reason, seconds);
  const condition = await conditionOf(name, type);
  assert.ok(condition);
  return condition;
}

/** Identity of the certificate in a Secret. */
function hashIn(secret: Json): string {
  const pem = Buffer.from(secret?.data?.["tls.crt"] ?? "", "base64").toString();
  const block = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem)?.[1] ?? "";
  return identityOfCertificate(Buffer.from(block, "base64"));
}

async function statusOf(name: string): Promise<Json> {
  return (await cluster.api.get(`${identities}/${name}`)).status;
}

function renew(name: string, value: string): Promise<Json> {
  return cluster.api.merge(`${identities}/${name}`, { metadata: { annotations: { "kes-operator.io/renew": value } } });
}

test("without cert-manager it is said what is missing; when it comes, the certificate is issued", async () => {
  await declareIdentity("early", { certificate: {} });
  const { message } = await untilReason("early", "Issued", "CertManagerNotInstalled");
  assert.match(message, /install cert-manager/);
  stack.use(await startCertManager(cluster));
  await untilReason("early", "Issued", "Issued", 100);
  const secret = await cluster.api.get(`${secrets}/early-kes-tls`);
  assert.equal((await statusOf("early")).identity, hashIn(secret));
});

type Times = ReadonlyMap<string, number>;

function named(object: string): string {
  return `?fieldSelector=metadata.name%3D${object}`;
}

/** When each hash was first seen in an identity's status and in its Secret, until the signal is aborted; milliseconds. */
async function follow(name: string, secret: string, signal: AbortSignal): Promise<Record<"status" | "secret", Times>> {
  const watch = async (path: string, hashes: (object: Json) => readonly string[]): Promise<Times> => {
    const times = new Map<string, number>();
    try {
      for await (const { object } of cluster.api.watch(path, signal)) {
        const fresh = hashes(object).filter((hash) => !times.has(hash));
        for (const hash of fresh) times.set(hash, performance.now());
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return times;
  };
  const [status, inSecret] = await Promise.all([
    watch(identities + named(name), (object) => entriesOf(object).map(({ hash }) => hash)),
    watch(secrets + named(secret), (object) => (object.data?.["tls.crt"] === undefined ? [] : [hashIn(object)])),
  ]);
  return { status, secret: inSecret };
}

test("five renewals with new keys: each is allowed before a mounted Secret can have it, and the old one after", async (t) => {
  const certificate = { privateKey: { rotationPolicy: "Always" }, rotationOverlap: "60s" };
  await declareIdentity("rotating", { certificate });
  await untilReason("rotating", "Issued", "Issued");
  using stop = abortable();
  const followed = follow("rotating", "rotating-kes-tls", stop.signal);
  for (const value of ["1", "2", "3", "4", "5"]) {
    const before = (await statusOf("rotating")).identity;
    await renew("rotating", value);
    await until(
      `renewal ${value}`,
      async () => ![undefined, before].includes((await statusOf("rotating")).identity),
      30,
    );
  }
  await until("the policy of a Certificate at rest", async () => {
    const { spec } = await cluster.api.get(`${issuing}/certificates/rotating-kes`);
    return spec.privateKey.rotationPolicy === "Never";
  });
  const { status } = await cluster.api.get(`${issuing}/certificates/rotating-kes`);
  assert.equal(status.revision, 6, "each was renewed once");
  assert.equal(hashIn(await cluster.api.get(`${secrets}/rotating-kes-tls`)), (await statusOf("rotating")).identity);
  stop.abort();
  const seen = await followed;
  assert.equal(seen.secret.size, 6);
  for (const [hash, time] of [...seen.secret].slice(1)) {
    const lead = time - (seen.status.get(hash) ?? Number.POSITIVE_INFINITY);
    t.diagnostic(`allowed ${lead.toFixed(0)} ms before it was in the Secret`);
    // The kubelet takes seconds to bring a Secret to its client, servers take a fraction of one to learn of a hash.
    assert.ok(lead > -1000, `${hash} was allowed ${-lead} ms after it was in the Secret`);
  }
  const entries = entriesOf(await cluster.api.get(`${identities}/rotating`));
  assert.equal(entries.length, 6, "all of them within the overlap");
  assert.equal(entries.filter(({ state }) => state === "Retiring").length, 5);
});

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(), [Symbol.dispose]: () => controller.abort() };
}

test("a renewal with the policy Never keeps the key", async () => {
  await declareIdentity("steady", { certificate: {} });
  await untilReason("steady", "Issued", "Issued");
  const before = await statusOf("steady");
  await renew("steady", "now");
  await until("the renewal", async () => {
    const { status } = await cluster.api.get(`${issuing}/certificates/steady-kes`);
    return status.revision === 2;
  });
  await until("its key in the status", async () => (await statusOf("steady")).identities[0].revision === 2);
  const after = await statusOf("steady");
  assert.deepEqual([after.identity, after.identities.length], [before.identity, 1]);
  assert.equal(hashIn(await cluster.api.get(`${secrets}/steady-kes-tls`)), before.identity);
});

test("what cert-manager renews by itself keeps its key, whatever the identity's policy", async () => {
  await declareIdentity("alone", { certificate: { privateKey: { rotationPolicy: "Always" } } });
  await untilReason("alone", "Issued", "Issued");
  const { identity } = await statusOf("alone");
  const certificate = await cluster.api.get(`${issuing}/certificates/alone-kes`);
  const condition = {
    type: "Issuing",
    status: "True",
    reason: "Renewing",
    message: "",
    lastTransitionTime: new Date().toISOString(),
  };
  const conditions = [...certificate.status.conditions, condition];
  await cluster.api.merge(`${issuing}/certificates/alone-kes/status`, { status: { conditions } });
  await until("the renewal", async () => {
    return (await cluster.api.get(`${issuing}/certificates/alone-kes`)).status.revision === 2;
  });
  assert.equal(hashIn(await cluster.api.get(`${secrets}/alone-kes-tls`)), identity);
});

test("a KesIdentity that is deleted and made again has the key that is in its Secret", async () => {
  await declareIdentity("again", { certificate: {} });
  await untilReason("again", "Issued", "Issued");
  const { identity } = await statusOf("again");
  await cluster.api.delete(`${identities}/again`);
  // The garbage collector hears of cert-manager's kinds half a minute after they have come.
  await until(
    "its Certificate gone",
    async () => (await cluster.api.find(`${issuing}/certificates/again-kes`)) === undefined,
    60,
  );
  await declareIdentity("again", { certificate: {} });
  // A minute is the time in which a request may still be on its way.
  await untilReason("again", "Issued", "Issued", 100);
  assert.equal((await statusOf("again")).identity, identity);
  assert.equal(hashIn(await cluster.api.get(`${secrets}/again-kes-tls`)), identity);
});

test("a request that somebody forges gives nobody a key", async () => {
  await declareIdentity("forged", { certificate: {} });
  await untilReason("forged", "Issued", "Issued");
  const { identities: before } = await statusOf("forged");
  const requests = await cluster.api.get(
    `${issuing}/certificaterequests?labelSelector=kes-operator.io%2Fidentity%3Dforged`,
  );
  const [real] = requests.items;
  const other = await cluster.api.get(
    `${issuing}/certificaterequests?labelSelector=kes-operator.io%2Fidentity%3Dsteady`,
  );
  const { labels, annotations, ownerReferences } = real.metadata;
  const revision = { "cert-manager.io/certificate-revision": "2" };
  const metadata = {
    name: "forged-2",
    namespace: "prod",
    labels,
    annotations: { ...annotations, ...revision },
    ownerReferences,
  };
  const { issuerRef, usages } = real.spec;
  const spec = { issuerRef, usages, request: other.items[0].spec.request };
  const object = { apiVersion: "cert-manager.io/v1", kind: "CertificateRequest", metadata, spec };
  await cluster.api.create(`${issuing}/certificaterequests`, object);
  await until("its approval", async () => {
    const request = await cluster.api.get(`${issuing}/certificaterequests/forged-2`);
    return conditionsOf(request).some(({ type }) => type === "Approved");
  });
  await cluster.api.merge(`${identities}/forged`, { spec: { connection: { keyName: "visited" } } });
  await until("a visit", async () => (await statusOf("forged")).observedGeneration === 2);
  assert.deepEqual((await statusOf("forged")).identities, before);
});

test("a missing issuer is named within ten seconds, and its coming is enough", async () => {
  await declareIdentity("orphan", { certificate: { issuerRef: { name: "nobody" } } });
  const { message } = await untilReason("orphan", "Issued", "IssuerNotReady");
  assert.match(message, /^there is no Issuer nobody in namespace prod; make the issuer/);
  const issuer = {
    apiVersion: "cert-manager.io/v1",
    kind: "Issuer",
    metadata: { name: "nobody" },
    spec: { selfSigned: {} },
  };
  await cluster.api.apply(`${issuing}/issuers/nobody`, issuer);
  await untilReason("orphan", "Issued", "Issued", 30);
});

test("wrong names of Secret, policy and server are told within ten seconds", async () => {
  await declareIdentity("wrong-secret", { secretRef: { name: "nothing" } });
  await untilReason("wrong-secret", "Issued", "SecretNotFound");
  await declareIdentity("wrong-policy", { hash: "a".repeat(64), policyRef: { name: "nothing" } });
  await untilReason("wrong-policy", "Accepted", "PolicyNotFound");
  await untilReason("wrong-policy", "Ready", "PolicyNotFound");
  await declareIdentity("wrong-server", { hash: "b".repeat(64), serverRef: { name: "nothing" } });
  await untilReason("wrong-server", "Ready", "ServerNotFound");
});

test("a certificate in a Secret is the identity", async () => {
  const leaf = await makeLeaf();
  const stringData = { "public.crt": leaf.certPem };
  await cluster.api.apply(`${secrets}/tenant`, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "tenant" },
    stringData,
  });
  await declareIdentity("tenant", { secretRef: { name: "tenant", key: "public.crt" } });
  await untilReason("tenant", "Issued", "Issued");
  assert.equal((await statusOf("tenant")).identity, identityOfCertificate(leaf.certDer));
});

test("an API key is made, and another one with overlap", async () => {
  const keyIn = async (): Promise<string> => {
    const secret = await cluster.api.find(`${secrets}/job-kes-api-key`);
    const text = Buffer.from(secret?.data?.MINIO_KMS_KES_API_KEY ?? "", "base64").toString();
    return parseApiKey(text).identity;
  };
  await declareIdentity("job", { apiKey: { rotationID: "1" } });
  await untilReason("job", "Issued", "Issued");
  const first = await keyIn();
  assert.equal((await statusOf("job")).identity, first);
  await declareIdentity("job", { apiKey: { rotationID: "2" } });
  await until("the staged key", async () => (await statusOf("job")).identities.length === 2);
  assert.equal(await keyIn(), first);
  await until("the new key", async () => (await statusOf("job")).identity !== first, 30);
  const second = await keyIn();
  const entries = entriesOf(await cluster.api.get(`${identities}/job`));
  assert.deepEqual(
    entries.map(({ hash, state }) => [hash, state]),
    [
      [second, "Active"],
      [first, "Retiring"],
    ],
  );
});

function configMap(name: string): Promise<Json> {
  return cluster.api.find(`/api/v1/namespaces/prod/configmaps/${name}`);
}

test("clients find the server by ConfigMap: its address, and the CA that cert-manager made for it", async () => {
  await declareIdentity("minio", { certificate: {}, connection: { keyName: "minio-default" } });
  await until("the CA", async () => (await configMap("minio-kes-ca"))?.data?.["ca.crt"] !== undefined, 30);
  await until(
    "its place",
    async () => (await configMap("minio-kes"))?.data?.MINIO_KMS_KES_CAPATH === "/etc/kes/ca.crt",
  );
  const { data } = await configMap("minio-kes");
  assert.match(data.MINIO_KMS_KES_ENDPOINT, /^https:\/\/kes\.kes-system\.svc[^:]*:7373$/);
  assert.equal(data.MINIO_KMS_KES_KEY_NAME, "minio-default");
  assert.match((await configMap("minio-kes-ca")).data["ca.crt"], /^-----BEGIN CERTIFICATE-----/);
});
