// Visits to an identity: what is made, what is written into its status, and what people read there.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { KesIdentity, KesIdentitySpec, KesServer } from "../../../operator/api/generated.ts";
import { kesIdentities, kesServers } from "../../../operator/api/kinds.ts";
import type { Judgement } from "../../../operator/bundle/verdict.ts";
import {
  certificateRequests,
  certificates,
  issuers,
} from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import { configMaps } from "../../../operator/controllers/kes-identity/objects/connection.ts";
import type { ConfigMap } from "../../../operator/controllers/kes-identity/objects/connection.ts";
import { secrets } from "../../../operator/controllers/kes-identity/objects/secret.ts";
import type { Secret } from "../../../operator/controllers/kes-identity/objects/secret.ts";
import { createKesIdentityController } from "../../../operator/controllers/kes-identity/controller.ts";
import { parseApiKey } from "../../../sidecar/contract/identity.ts";
import { makeLeaf } from "../../support/certificates.ts";
import { makeKeys } from "./key-pool.ts";
import { aCertificate, anIdentity, aRequest, aServer, hashOf, minute, wantedCertificate } from "./objects.ts";
import { OperatorAtWork } from "./operator-at-work.ts";

const [a, b] = [hashOf("a"), hashOf("b")];

function atWork(spec: Partial<KesIdentitySpec>, server: KesServer | undefined = aServer()): OperatorAtWork {
  const operator = new OperatorAtWork();
  if (server !== undefined) operator.cluster.put(kesServers, server);
  operator.cluster.put(kesIdentities, anIdentity(spec));
  return operator;
}

function edit(operator: OperatorAtWork, spec: Partial<KesIdentitySpec>, annotations?: Record<string, string>): void {
  const { identity } = operator;
  const metadata = { ...identity.metadata, generation: (identity.metadata.generation ?? 0) + 1 };
  operator.cluster.put<KesIdentity>(kesIdentities, {
    ...identity,
    metadata: annotations === undefined ? metadata : { ...metadata, annotations },
    spec: { ...anIdentity(spec).spec },
  });
}

function condition({ identity }: OperatorAtWork, type: string): string {
  const {
    status = "",
    reason = "",
    message = "",
  } = identity.status?.conditions?.find((each) => each.type === type) ?? {};
  return `${status} ${reason}: ${message}`;
}

const yes: Judgement = { status: "True", reason: "Accepted", message: "" };
const noConflict: Judgement = { status: "False", reason: "NoConflict", message: "" };
const inSync: Judgement = { status: "True", reason: "AllReplicasInSync", message: "3/3 replicas confirmed" };

interface Said {
  readonly accepted?: Judgement;
  readonly conflicted?: Judgement;
  readonly programmed?: Judgement;
  readonly caPem?: string | undefined;
  readonly endpoint?: string;
  readonly hash?: string;
}

/** The server's controller reports. */
function say(operator: OperatorAtWork, said: Said = {}): void {
  const { accepted = yes, conflicted = noConflict, programmed = inSync, hash = a } = said;
  const verdict = { generation: 1, accepted, conflicted, policies: new Map([[hash, "minio"]]), isAdmin: false };
  operator.board.publish("kes-system/kes", {
    ready: true,
    endpoint: said.endpoint ?? "https://kes.kes-system.svc:7373",
    caPem: "caPem" in said ? said.caPem : "the CA",
    revision: "",
    verdicts: { policies: new Map(), identities: new Map([["prod/minio", verdict]]), keys: new Map() },
    programmed: { policies: new Map(), identities: new Map([["prod/minio", programmed]]), keys: new Map() },
    podKeys: new Map(),
  });
}

test("a hash in the spec becomes the identity, and one status has the server's word in it", async () => {
  const operator = atWork({ hash: a });
  operator.cluster.catchUp();
  assert.deepEqual(await operator.visit(), { after: 30_000 });
  operator.now += 500;
  say(operator);
  await operator.settle();
  const { status } = operator.identity;
  assert.deepEqual(status?.identities, [{ hash: a, state: "Active" }]);
  assert.deepEqual(
    [status?.identity, status?.shortIdentity, status?.source, status?.boundPolicy, status?.observedGeneration],
    [a, a.slice(0, 12), "Hash", "minio", 1],
  );
  assert.match(condition(operator, "Ready"), /^True Ready: /);
  assert.deepEqual(operator.cluster.writes, ["apply kesidentities/status prod/minio"]);
});

test("a server that says nothing is waited for no longer than half a minute", async () => {
  const operator = atWork({ hash: a });
  operator.cluster.catchUp();
  await operator.visit();
  operator.now += 29_000;
  assert.deepEqual(await operator.visit(), { after: 1_000 });
  operator.now += 1_000;
  await operator.settle();
  assert.deepEqual(
    ["Ready", "Accepted", "Issued", "Programmed", "Conflicted"].map((type) => condition(operator, type).split(" ")[0]),
    ["Unknown", "Unknown", "True", "Unknown", "Unknown"],
  );
});

test("a server of another operator, or one that is going away, is not waited for", async () => {
  const theirs = { ...aServer().metadata, annotations: { "kes-operator.io/instance": "blue" } };
  const going = { ...aServer().metadata, deletionTimestamp: "2026-11-22T08:00:00Z" };
  for (const metadata of [theirs, going]) {
    const operator = atWork({ hash: a }, { ...aServer(), metadata });
    assert.deepEqual(await operator.settle(), {});
    assert.deepEqual(operator.allowed(), [a]);
  }
});

test("at rest nothing is written and nothing is waited for", async () => {
  const operator = atWork({ hash: a });
  say(operator);
  await operator.settle();
  const { length } = operator.cluster.writes;
  assert.deepEqual(await operator.visit(), {});
  operator.restart();
  await operator.visit();
  assert.equal(operator.cluster.writes.length, length);
});

test("another hash in the spec is the identity at once, and the old one gone", async () => {
  const operator = atWork({ hash: a });
  say(operator);
  await operator.settle();
  edit(operator, { hash: b });
  await operator.settle();
  assert.deepEqual(operator.allowed(), [b]);
  assert.ok(
    operator.events.some(({ reason, message }) => reason === "IdentityChanged" && message === `was ${a}, is ${b}`),
  );
});

test("after a start of the operator, until the server has been looked at, the old word of it stands", async () => {
  const operator = atWork({ hash: a });
  say(operator);
  await operator.settle();
  operator.board.publish("kes-system/kes", undefined);
  await operator.settle();
  assert.match(condition(operator, "Ready"), /^True Ready/);
  assert.equal(operator.identity.status?.boundPolicy, "minio");
});

test("a server that is not there is told, and so is its coming", async () => {
  const operator = atWork({ hash: a });
  operator.cluster.remove(kesServers, { namespace: "kes-system", name: "kes" });
  await operator.settle();
  assert.match(
    condition(operator, "Accepted"),
    /^False ServerNotFound: there is no KesServer kes in namespace kes-system; make/,
  );
  assert.match(condition(operator, "Ready"), /^False ServerNotFound/);
  operator.cluster.put(kesServers, aServer());
  await operator.settle();
  assert.match(condition(operator, "Ready"), /^Unknown Pending/);
});

const troubles = [
  {
    said: { accepted: { status: "False", reason: "PolicyNotFound", message: "no policy" } },
    is: "False PolicyNotFound: no policy",
  },
  {
    said: { conflicted: { status: "True", reason: "IdentityAlreadyAssigned", message: "taken" } },
    is: "False IdentityAlreadyAssigned: taken",
  },
  {
    said: { programmed: { status: "Unknown", reason: "NoReadyReplicas", message: "no pod" } },
    is: "Unknown NoReadyReplicas: no pod",
  },
  { said: { programmed: { status: "False", reason: "Propagating", message: "1/3" } }, is: "False Propagating: 1/3" },
  {
    said: { accepted: { status: "True", reason: "NoPolicy", message: "it may do nothing" } },
    is: "True NoPolicy: it may do nothing",
  },
] as const;

for (const { said, is } of troubles) {
  test(`Ready says what is in the way: ${is}`, async () => {
    const operator = atWork({ hash: a });
    say(operator, said);
    await operator.settle();
    assert.equal(condition(operator, "Ready"), is);
  });
}

test("a certificate in the spec that no server would take is told, and leaves no hash", async () => {
  const operator = atWork({ certificatePEM: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" });
  await operator.settle();
  assert.match(
    condition(operator, "Issued"),
    /^False CertificateInvalid: spec.certificatePEM: it holds a certificate that cannot/,
  );
  assert.deepEqual(operator.allowed(), []);
});

test("a certificate in the spec tells its end", async () => {
  const { certPem } = await makeLeaf({ notAfter: new Date("2030-01-01T00:00:00Z") });
  const operator = atWork({ certificatePEM: certPem });
  await operator.settle();
  assert.equal(operator.identity.status?.notAfter, "2030-01-01T00:00:00Z");
});

function secretWith(entries: Readonly<Record<string, string>>): Secret {
  const data = Object.entries(entries).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { namespace: "prod", name: "tls" },
    data: Object.fromEntries(data),
  };
}

test("a certificate in a Secret: each way in which it can be missing is told, and it is looked for every minute", async () => {
  const operator = atWork({ secretRef: { name: "tls", key: "tls.crt" } });
  assert.equal((await operator.settle()).after, minute);
  assert.match(condition(operator, "Issued"), /^False SecretNotFound: Secret tls does not exist; make the Secret/);
  operator.cluster.put(secrets, secretWith({ "public.crt": "x" }));
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^False SecretInvalid: Secret tls has no entry "tls.crt"; put/);
  operator.cluster.put(secrets, secretWith({ "tls.crt": "x" }));
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^False SecretInvalid: entry "tls.crt" of Secret tls: it holds no PEM/);
  operator.cluster.put(secrets, secretWith({ "tls.crt": (await makeLeaf()).certPem }));
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^True Issued/);
  assert.equal(operator.allowed().length, 1);
});

test("another certificate in the Secret: both are allowed; no Secret any more: what was in use stays", async () => {
  const operator = atWork({ secretRef: { name: "tls", key: "tls.crt" } });
  operator.cluster.put(secrets, secretWith({ "tls.crt": (await makeLeaf()).certPem }));
  await operator.settle();
  operator.cluster.put(secrets, secretWith({ "tls.crt": (await makeLeaf()).certPem }));
  await operator.settle();
  assert.equal(operator.allowed().length, 2);
  operator.cluster.remove(secrets, { namespace: "prod", name: "tls" });
  await operator.settle();
  assert.equal(operator.allowed().length, 2);
});

test("without the right to read Secrets none is asked for, and the feature is named", async () => {
  const operator = atWork({ secretRef: { name: "tls", key: "tls.crt" } });
  operator.cluster.put(secrets, secretWith({ "tls.crt": (await makeLeaf()).certPem }));
  operator.features.secretIdentities = false;
  assert.deepEqual(await operator.settle(), {});
  assert.match(
    condition(operator, "Issued"),
    /^False FeatureDisabled: spec.secretRef takes features.secretIdentities; have it switched on/,
  );
  assert.deepEqual(operator.allowed(), []);
});

function apiKeyIn({ cluster }: OperatorAtWork, entry = "MINIO_KMS_KES_API_KEY"): string | undefined {
  const secret = cluster.get<Secret>(secrets, { namespace: "prod", name: "minio-kes-api-key" });
  const text = secret?.data?.[entry];
  return text === undefined ? undefined : parseApiKey(Buffer.from(text, "base64").toString()).identity;
}

test("an API key is made once, and found again after a restart", async () => {
  const operator = atWork({ apiKey: { rotationID: "1" } });
  await operator.settle();
  assert.deepEqual(operator.allowed(), [apiKeyIn(operator)]);
  assert.deepEqual([operator.identity.status?.source, operator.identity.status?.rotationID], ["APIKey", "1"]);
  const { length } = operator.cluster.writes;
  operator.restart();
  await operator.settle();
  assert.equal(operator.cluster.writes.length, length);
});

test("another rotationID: the new key is allowed for ten seconds before clients get it, the old one for a day after", async () => {
  const operator = atWork({ apiKey: { rotationID: "1" } });
  await operator.settle();
  const old = apiKeyIn(operator) ?? "";
  edit(operator, { apiKey: { rotationID: "2" } });
  const { after } = await operator.settle();
  const next = apiKeyIn(operator, "staged.api-key") ?? "";
  assert.deepEqual([apiKeyIn(operator), operator.allowed()], [old, [old, next]]);
  assert.equal(after, 10_000);
  operator.now += 9_999;
  await operator.settle();
  assert.equal(apiKeyIn(operator), old);
  operator.now += 1;
  await operator.settle();
  assert.deepEqual([apiKeyIn(operator), apiKeyIn(operator, "staged.api-key")], [next, undefined]);
  assert.deepEqual(operator.allowed(), [next, old]);
  assert.equal(operator.identity.status?.rotationID, "2");
  operator.now += 24 * 60 * minute;
  await operator.settle();
  assert.deepEqual(operator.allowed(), [next]);
});

test("the ten seconds begin anew after a restart, and not before the status has the new key", async () => {
  const operator = atWork({ apiKey: {} });
  await operator.settle();
  const old = apiKeyIn(operator);
  edit(operator, { apiKey: { rotationID: "2" } });
  operator.cluster.catchUp();
  assert.equal(await operator.crashAfter(1), true, "it ends when the new key was staged");
  assert.deepEqual(operator.allowed(), [old]);
  operator.now += minute;
  await operator.settle();
  assert.equal(apiKeyIn(operator), old);
  operator.now += 5_000;
  operator.restart();
  await operator.settle();
  operator.now += 9_000;
  await operator.settle();
  assert.equal(apiKeyIn(operator), old);
  operator.now += 1_000;
  await operator.settle();
  assert.notEqual(apiKeyIn(operator), old);
});

test("a rotationID that is taken back takes the staged key with it", async () => {
  const operator = atWork({ apiKey: { rotationID: "1" } });
  await operator.settle();
  const old = apiKeyIn(operator);
  edit(operator, { apiKey: { rotationID: "2" } });
  await operator.settle();
  edit(operator, { apiKey: { rotationID: "1" } });
  await operator.settle();
  assert.deepEqual([apiKeyIn(operator), apiKeyIn(operator, "staged.api-key")], [old, undefined]);
});

test("a Secret of somebody else is neither read for a key nor written", async () => {
  const operator = atWork({ apiKey: { secretName: "tls", rotationID: "2" } });
  operator.cluster.put(
    secrets,
    secretWith({ MINIO_KMS_KES_API_KEY: "kes:v1:AAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f" }),
  );
  await operator.settle();
  assert.match(
    condition(operator, "Issued"),
    /^False InvalidSpec: spec.apiKey.secretName: Secret tls was not made for this/,
  );
  assert.deepEqual(operator.allowed(), []);
  assert.deepEqual(operator.cluster.writes, ["apply kesidentities/status prod/minio"]);
});

test("a Secret that a former KesIdentity of that name has left is replaced as soon as it is gone", async () => {
  const operator = atWork({ apiKey: {} });
  await operator.settle();
  const old = apiKeyIn(operator);
  operator.cluster.remove(kesIdentities, at("minio"));
  operator.cluster.catchUp();
  await operator.visit();
  operator.cluster.put(kesIdentities, anIdentity({ apiKey: {} }, { metadata: { ...at("minio"), uid: "another" } }));
  const { after } = await operator.settle();
  assert.match(condition(operator, "Issued"), /^False InvalidSpec: spec.apiKey.secretName/);
  assert.equal(after, 5_000);
  operator.cluster.remove(secrets, at("minio-kes-api-key"));
  operator.now += 5_000;
  assert.equal((await operator.settle()).after, 10 * minute);
  assert.match(condition(operator, "Issued"), /^True Issued/);
  assert.notEqual(apiKeyIn(operator), old);
});

test("no key is in any event, condition or status", async () => {
  const operator = atWork({ apiKey: { rotationID: "1" } });
  await operator.settle();
  edit(operator, { apiKey: { rotationID: "2" } });
  await operator.settle();
  const text = JSON.stringify([operator.events, operator.identity]);
  assert.ok(!text.includes("kes:v1:") && !text.includes(Buffer.from("kes:v1:").toString("base64").slice(0, 8)), text);
});

test("a certificate: an issuer of one's own where the server's does not reach, and nothing more where it does", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  await operator.settle();
  assert.equal(operator.cluster.list(issuers).length, 1);
  assert.equal(operator.cluster.list(certificates).length, 1);
  const reaching = { issuerRef: { name: "ca", kind: "ClusterIssuer", group: "cert-manager.io" } };
  operator.cluster.put(kesServers, aServer({ certManager: reaching as never }));
  await operator.settle();
  assert.equal(operator.cluster.list(issuers).length, 0);
  assert.deepEqual(operator.cluster.get<KesIdentity>(certificates, at("minio-kes"))?.spec, {
    ...(operator.cluster.get<KesIdentity>(certificates, at("minio-kes"))?.spec as object),
    issuerRef: reaching.issuerRef,
  });
});

function at(name: string) {
  return { namespace: "prod", name };
}

test("without cert-manager nothing is made, and once it comes everything is", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  operator.deps.certificates.install(false);
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^False CertManagerNotInstalled/);
  assert.equal(operator.cluster.list(certificates).length, 0);
  operator.deps.certificates.install(true);
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^False Issuing/);
  assert.equal(operator.cluster.list(certificates).length, 1);
});

test("an issuer is not chosen before the server is there to choose", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  operator.cluster.remove(kesServers, { namespace: "kes-system", name: "kes" });
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^False ServerNotFound: the server decides who issues the certificate/);
  assert.equal(operator.cluster.list(certificates).length, 0);
});

test("a Certificate or ConfigMap of somebody else is not touched, and is tried again when its name is free", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  const foreign = {
    apiVersion: "v1",
    kind: "Certificate",
    metadata: { namespace: "prod", name: "minio-kes" },
    spec: { dear: 1 },
  };
  operator.cluster.put(certificates, foreign);
  const taken: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata: at("minio-kes"), data: { mine: "1" } };
  operator.cluster.put(configMaps, taken);
  say(operator);
  await operator.settle();
  assert.match(
    condition(operator, "Issued"),
    /^False InvalidSpec: metadata.name: Certificate minio-kes is there already/,
  );
  assert.match(
    condition(operator, "Accepted"),
    /^False InvalidSpec: spec.connection.configMapName: ConfigMap minio-kes is/,
  );
  assert.deepEqual(operator.cluster.get<ConfigMap>(configMaps, at("minio-kes"))?.data, { mine: "1" });
  operator.cluster.remove(certificates, at("minio-kes"));
  operator.cluster.remove(configMaps, at("minio-kes"));
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^False Issuing/);
  assert.match(condition(operator, "Accepted"), /^True Accepted/);
});

test("a Secret of another Certificate is left to it, and taken when it is free", async () => {
  const operator = atWork({ certificate: wantedCertificate({ secretName: "shared" }) });
  const other = { ...aCertificate({ uid: "uid-other" }), metadata: at("other-kes"), spec: { secretName: "shared" } };
  operator.cluster.put(certificates, other as never);
  say(operator);
  await operator.settle();
  const taken = /^False InvalidSpec: spec.certificate.secretName: the Secret is that of Certificate other-kes already/;
  assert.match(condition(operator, "Issued"), taken);
  assert.match(condition(operator, "Ready"), taken);
  assert.equal(operator.cluster.list(certificates).length, 1);
  operator.cluster.remove(certificates, at("other-kes"));
  assert.deepEqual(await operator.visit(), { after: 5_000 });
  await operator.settle();
  assert.match(condition(operator, "Issued"), /^False Issuing/);
});

test("of two Certificates for one Secret the younger goes, and a server's never does", async () => {
  for (const [creationTimestamp, labels, isGone] of [
    ["2026-11-21T09:00:00Z", { "kes-operator.io/identity": "other" }, true],
    ["2026-11-22T09:00:00Z", { "kes-operator.io/identity": "other" }, false],
    ["2026-11-22T09:00:00Z", {}, true],
  ] as const) {
    const operator = atWork({ certificate: wantedCertificate({ secretName: "shared" }) });
    say(operator);
    await operator.settle();
    const own = operator.cluster.get(certificates, at("minio-kes")) ?? assert.fail("no Certificate");
    operator.cluster.put(certificates, {
      ...own,
      metadata: { ...own.metadata, creationTimestamp: "2026-11-21T10:00:00Z" },
    });
    const other = { ...aCertificate(), metadata: { ...at("other-kes"), creationTimestamp, labels } };
    operator.cluster.put(certificates, { ...other, spec: { secretName: "shared" } } as never);
    await operator.settle();
    const names = operator.cluster.list(certificates).map(({ metadata }) => metadata.name);
    assert.deepEqual(names.toSorted(), isGone ? ["other-kes"] : ["minio-kes", "other-kes"]);
  }
});

test("an issuer for all namespaces that is not there is told in cert-manager's words", async () => {
  const issuerRef = { name: "nope", kind: "ClusterIssuer", group: "cert-manager.io" } as const;
  const operator = atWork({ certificate: wantedCertificate({ issuerRef }) });
  say(operator);
  await operator.settle();
  const { uid = "" } = operator.cluster.get(certificates, at("minio-kes"))?.metadata ?? {};
  const pending = 'Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "nope" not found';
  const request = aRequest({ owner: uid, pending });
  const [key] = await makeKeys(1);
  operator.cluster.put(certificateRequests, { ...request, spec: { ...request.spec, request: key?.request ?? "" } });
  await operator.settle();
  assert.match(
    condition(operator, "Ready"),
    /^False IssuerNotReady: cert-manager: Referenced "ClusterIssuer" not found/,
  );
});

test("a child that was changed by hand is put right, one that is as applied is left alone", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  await operator.settle();
  const { length } = operator.cluster.writes;
  await operator.settle();
  assert.equal(operator.cluster.writes.length, length);
  const certificate = operator.cluster.get<KesIdentity>(certificates, at("minio-kes"));
  assert.ok(certificate !== undefined);
  operator.cluster.put(certificates, { ...certificate, spec: { ...certificate.spec, isCA: true } });
  await operator.settle();
  assert.deepEqual(operator.cluster.writes.slice(length), ["apply certificates prod/minio-kes"]);
});

test("with another source the Certificate goes, and its key retires", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  await operator.settle();
  edit(operator, { hash: b });
  await operator.settle();
  assert.deepEqual([operator.cluster.list(certificates).length, operator.cluster.list(issuers).length], [0, 0]);
});

test("the connection follows the server, and the spec", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  await operator.settle();
  assert.equal(operator.cluster.list(configMaps).length, 0, "not before the server is known");
  say(operator);
  await operator.settle();
  const data = (name: string) => operator.cluster.get<ConfigMap>(configMaps, at(name))?.data;
  assert.equal(data("minio-kes")?.["MINIO_KMS_KES_ENDPOINT"], "https://kes.kes-system.svc:7373");
  assert.deepEqual(data("minio-kes-ca"), { "ca.crt": "the CA" });
  assert.equal(operator.identity.status?.connectionConfigMapName, "minio-kes");
  say(operator, { endpoint: "https://other:7373", caPem: undefined });
  await operator.settle();
  assert.equal(data("minio-kes")?.["MINIO_KMS_KES_ENDPOINT"], "https://other:7373");
  assert.equal(data("minio-kes")?.["MINIO_KMS_KES_CAPATH"], "/etc/kes/ca.crt", "a CA that is known once stays");
  edit(operator, { certificate: wantedCertificate(), connection: { layout: "MinIO", configMapName: "mine" } });
  await operator.settle();
  assert.deepEqual(
    operator.cluster
      .list(configMaps)
      .map(({ metadata }) => metadata.name)
      .toSorted(),
    ["mine", "mine-ca"],
  );
  edit(operator, { certificate: wantedCertificate(), connection: { layout: "MinIO", enabled: false } });
  await operator.settle();
  assert.equal(operator.cluster.list(configMaps).length, 0);
  assert.equal(operator.identity.status?.connectionConfigMapName, undefined);
});

test("a server that verifies chains does not take what signs itself", async () => {
  const clientCA = { configMapName: "ca", key: "ca.crt" };
  const operator = atWork({ certificate: wantedCertificate() }, aServer({ clientAuth: "VerifyChain", clientCA }));
  say(operator);
  await operator.settle();
  assert.match(
    condition(operator, "Accepted"),
    /^False IssuerNotTrusted: the certificate is self-signed; use an issuer/,
  );
  edit(operator, { apiKey: {} });
  await operator.settle();
  assert.match(
    condition(operator, "Accepted"),
    /^False IssuerNotTrusted: the certificate is made from an API key; use/,
  );
  edit(operator, { hash: a });
  await operator.settle();
  assert.match(condition(operator, "Accepted"), /^True Accepted/);
});

test("paused: nothing is written, which is told once", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  edit(operator, { certificate: wantedCertificate() }, { "kes-operator.io/paused": "true" });
  say(operator);
  await operator.settle();
  await operator.settle();
  assert.deepEqual(operator.cluster.writes, []);
  assert.deepEqual(
    operator.events.map(({ reason }) => reason),
    ["Paused"],
  );
  edit(operator, { certificate: wantedCertificate() }, {});
  await operator.settle();
  assert.notDeepEqual(operator.cluster.writes, []);
});

test("an identity of another operator, or one that is being deleted, is left alone", async () => {
  const operator = atWork({ hash: a });
  edit(operator, { hash: a }, { "kes-operator.io/instance": "blue" });
  await operator.settle();
  const { identity } = operator;
  const metadata = { ...identity.metadata, annotations: {}, deletionTimestamp: "2026-11-21T10:00:00Z" };
  operator.cluster.put(kesIdentities, { ...identity, metadata });
  await operator.settle();
  assert.deepEqual(operator.cluster.writes, []);
});

test("a child that cannot be written does not keep a new hash from being allowed", async () => {
  const operator = atWork({ hash: a, connection: { layout: "MinIO", enabled: true } });
  say(operator);
  operator.cluster.catchUp();
  operator.cluster.afterWrite = (write) => {
    if (write.includes("configmaps")) throw new Error("cannot apply configmaps");
  };
  await assert.rejects(operator.visit(), /cannot apply configmaps/);
  assert.deepEqual(operator.allowed(), [a]);
});

test("what cannot be written is told in a condition", async () => {
  const operator = atWork({ certificate: wantedCertificate() });
  operator.cluster.catchUp();
  operator.cluster.afterWrite = (write) => {
    if (write.includes("certificates")) throw new Error("cannot patch certificates: forbidden");
  };
  await assert.rejects(operator.visit(), /forbidden/);
  assert.equal(condition(operator, "Issued"), "Unknown ApplyFailed: cannot patch certificates: forbidden");
});

test("whatever concerns an identity has it visited, and what does not, does not", () => {
  const operator = atWork({ certificate: wantedCertificate() });
  operator.cluster.catchUp();
  const visits: string[] = [];
  const during = (change: () => void): readonly string[] => {
    visits.length = 0;
    change();
    operator.cluster.catchUp();
    return [...visits];
  };
  const stop = createKesIdentityController(operator.deps).watch((key) => void visits.push(key));
  assert.deepEqual(visits, ["prod/minio"], "each one at the start");
  const labelled = { ...at("x"), labels: { "kes-operator.io/identity": "minio" } };
  for (const resource of [certificates, issuers, configMaps]) {
    const object = { apiVersion: "v1", kind: resource.kind, metadata: labelled, spec: {} };
    const put = () => operator.cluster.put(resource, object);
    assert.deepEqual(during(put), ["prod/minio"], resource.kind);
    assert.deepEqual(
      during(() => operator.cluster.remove(resource, at("x"))),
      ["prod/minio"],
      `${resource.kind} gone`,
    );
  }
  assert.deepEqual(
    during(() => edit(operator, { hash: a })),
    ["prod/minio"],
  );
  assert.deepEqual(
    during(() => say(operator)),
    ["prod/minio"],
    "the server's word",
  );
  const server = aServer();
  const busy = { ...server, status: { readyReplicas: 3, bundle: { revision: "x" } } } as KesServer;
  assert.deepEqual(
    during(() => operator.cluster.put(kesServers, busy)),
    [],
    "what clients do not see of a server",
  );
  const moved = { ...server, status: { endpoint: "https://other" } } as KesServer;
  assert.deepEqual(
    during(() => operator.cluster.put(kesServers, moved)),
    ["prod/minio"],
  );
  const other = { ...server, metadata: { ...server.metadata, name: "other" } };
  assert.deepEqual(
    during(() => operator.cluster.put(kesServers, other)),
    [],
  );
  edit(operator, { certificate: wantedCertificate() });
  operator.cluster.catchUp();
  assert.deepEqual(
    during(() => operator.deps.certificates.install(true)),
    ["prod/minio"],
    "cert-manager has come",
  );
  stop();
  assert.deepEqual(
    during(() => edit(operator, { hash: b })),
    [],
  );
});
