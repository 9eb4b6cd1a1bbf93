// A cluster is lost and made anew from a backup: the objects of our kinds without their status, and what a careful owner saves
// besides. What was written down comes back as it was; what was not is either the same by its nature or named in a condition.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { startCertManager } from "../../env/cert-manager/cert-manager.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { applyManifest } from "../../env/kubectl/kubectl.ts";
import { identityOfCertificate } from "../../../sidecar/contract/identity.ts";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { exportObjects, restoreVolume, saveVolume } from "../../support/cluster-backup.ts";
import { startOperator } from "../../support/operator-process.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { Id, World } from "../../support/operator-world.ts";

const saved = mkdtempSync(join(tmpdir(), "kes-backup-"));
const server: Id = ["kesservers", "keys", "kes"];
/** Its volume is in nobody's backup. */
const forgetful: Id = ["kesservers", "keys", "forgetful"];
const keyIds: readonly Id[] = ["pinned", "unpinned", "deleted", "volumeless"].map((name) => ["keskeys", "keys", name]);
const identityIds: readonly Id[] = ["written", "pem", "client", "secretless"].map((name) => [
  "kesidentities",
  "apps",
  name,
]);

interface Backup {
  readonly objects: readonly Json[];
  readonly secret: readonly Json[];
  readonly claims: readonly Json[];
}

const running = new AsyncDisposableStack();
let admin: TestCertificate;
let backup: Backup;
/** By name, before and after. */
let fingerprints: ReadonlyMap<string, string>;
let identities: ReadonlyMap<string, string>;
let sealed: string;
let world: World;

before(async () => {
  admin = await makeLeaf({ cn: "admin" });
  await using first = await start();
  await declareAll(first.world);
  fingerprints = await statusOf(first.world, keyIds, "fingerprint");
  identities = await statusOf(first.world, identityIds, "identity");
  await pin(first.world);
  sealed = await seal(first.world);
  backup = await save(first.world);
});

after(async () => {
  await running.disposeAsync();
  rmSync(saved, { recursive: true });
});

suite("a cluster made anew", { concurrency: false }, () => {
  before(async () => {
    // A key file that is in no backup.
    for (const file of readdirSync(saved, { recursive: true, encoding: "utf8" })) {
      if (/(^|\/)deleted($|\.)/.test(file)) rmSync(join(saved, file));
    }
    const second = running.use(await start());
    world = second.world;
    for (const claim of backup.claims.filter(({ metadata }) => metadata.name === "kes-keys")) {
      await restoreVolume(world, claim, saved);
    }
    await applyManifest(world.cluster, [...backup.secret, ...backup.objects]);
    await world.untilCondition(server, "Ready", "True");
  });

  test("the backup had no status", () => {
    assert.equal(backup.objects.length, 11);
    for (const object of backup.objects) assert.ok(!("status" in object));
  });

  test("identities that are written down are the same", async () => {
    for (const id of identityIds.slice(0, 2)) await world.untilCondition(id, "Ready", "True");
    const now = await statusOf(world, identityIds.slice(0, 2), "identity");
    for (const [name, identity] of now) assert.equal(identity, identities.get(name), name);
  });

  test("a certificate whose Secret was saved is the same identity, once its request is there again", async (t) => {
    const client: Id = ["kesidentities", "apps", "client"];
    const began = Date.now();
    await world.untilCondition(client, "Ready", "True", 150_000);
    t.diagnostic(`after ${((Date.now() - began) / 1000).toFixed(1)} s`);
    assert.equal((await world.read(client)).status.identity, identities.get("client"));
  });

  test("a certificate whose Secret is lost is another identity, and the new Secret has it", async () => {
    const secretless: Id = ["kesidentities", "apps", "secretless"];
    await world.untilCondition(secretless, "Ready", "True");
    const { identity } = (await world.read(secretless)).status;
    assert.notEqual(identity, identities.get("secretless"));
    const { data } = await world.cluster.api.get("/api/v1/namespaces/apps/secrets/secretless-kes-tls");
    const { raw } = new X509Certificate(Buffer.from(data["tls.crt"], "base64"));
    assert.equal(identityOfCertificate(raw), identity);
  });

  test("keys of the saved volume are the same, and open what they sealed", async () => {
    for (const name of ["pinned", "unpinned"]) {
      const id: Id = ["keskeys", "keys", name];
      await world.untilCondition(id, "Ready", "True");
      assert.equal((await world.read(id)).status.fingerprint, fingerprints.get(name), name);
    }
    assert.equal(await open(world, sealed), 200);
  });

  test("a pinned key that the backup lacks is not made anew, and says which one is missing", async () => {
    const { message } = await world.untilCondition(["keskeys", "keys", "deleted"], "KeyMissing", "True");
    assert.match(
      message,
      new RegExp(`cannot find the key deleted, whose fingerprint is ${fingerprints.get("deleted")}`),
    );
    assert.match(message, /restore the key in the key store; it is not created anew/);
  });

  test("with an empty volume a pinned key says so too", async () => {
    const { message } = await world.untilCondition(["keskeys", "keys", "volumeless"], "KeyMissing", "True");
    assert.match(message, new RegExp(`whose fingerprint is ${fingerprints.get("volumeless")}`));
  });
});

interface Started extends AsyncDisposable {
  readonly world: World;
}

/** A cluster with the operator, cert-manager, both namespaces and the servers' own certificates. */
async function start(): Promise<Started> {
  const stack = new AsyncDisposableStack();
  const world = stack.use(await startWorld());
  stack.use(await startCertManager(world.cluster));
  stack.use(await startOperator(world.cluster, world.chart));
  for (const namespace of ["keys", "apps"]) await world.cluster.createNamespace(namespace);
  for (const name of ["kes", "forgetful"]) await world.serverTls("keys", name);
  return { world, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function declareAll(world: World): Promise<void> {
  for (const id of [server, forgetful]) {
    const tls = { secretName: `${id[2]}-cert`, caBundle: { configMapName: `${id[2]}-root`, key: "ca.crt" } };
    await world.declare(id, { tls, keystore: { fs: { volumeClaim: { size: "1Gi" } } } });
  }
  const policy: Id = ["kespolicies", "keys", "all"];
  const allowedNamespaces = { from: "Names", names: ["apps"] };
  await world.declare(policy, { allow: ["/v1/key/*"], identities: [admin.identity], allowedNamespaces });
  for (const id of keyIds)
    await world.declare(id, { serverRef: { name: id[2] === "volumeless" ? "forgetful" : "kes" } });
  const { certPem: certificatePEM } = await makeLeaf({ cn: "pem" });
  const { identity: hash } = await makeLeaf({ cn: "written" });
  const sources = [{ hash }, { certificatePEM }, { certificate: {} }, { certificate: {} }];
  const refs = { serverRef: { name: "kes", namespace: "keys" }, policyRef: { name: "all" } };
  for (const [index, id] of identityIds.entries()) await world.declare(id, { ...refs, ...sources[index] });
  for (const id of [server, forgetful, policy, ...keyIds, ...identityIds])
    await world.untilCondition(id, "Ready", "True", 120_000);
}

/** What a careful owner does once a key is there. */
async function pin(world: World): Promise<void> {
  for (const id of keyIds.filter(([, , name]) => name !== "unpinned")) {
    const { spec } = await world.read(id);
    await world.declare(id, { ...spec, expectedFingerprint: fingerprints.get(id[2]) });
    await world.untilCondition(id, "Ready", "True");
  }
}

async function statusOf(world: World, ids: readonly Id[], field: string): Promise<ReadonlyMap<string, string>> {
  const entries = ids.map(async (id) => [id[2], (await world.read(id)).status[field]] as const);
  return new Map(await Promise.all(entries));
}

async function save(world: World): Promise<Backup> {
  await saveVolume(world, "keys", "kes-keys", saved);
  const secrets = await exportObjects(world, "secrets", ["-n", "apps"]);
  return {
    objects: await exportObjects(world, "kessrv,kespol,kesid,keskey", ["-A"]),
    secret: secrets.filter(({ metadata }) => metadata.name === "client-kes-tls"),
    claims: await exportObjects(world, "pvc", ["-n", "keys"]),
  };
}

/** @returns a ciphertext of the key `pinned` */
async function seal(world: World): Promise<string> {
  const [client] = await world.clientsOf("keys", "kes", admin);
  using pod = client ?? assert.fail("no pod runs");
  const { status, body } = await pod.ask("PUT", "/v1/key/generate/pinned", {});
  assert.equal(status, 200, body);
  return (JSON.parse(body) as { ciphertext: string }).ciphertext;
}

async function open(world: World, ciphertext: string): Promise<number> {
  const [client] = await world.clientsOf("keys", "kes", admin);
  using pod = client ?? assert.fail("no pod runs");
  return await pod.status("PUT", "/v1/key/decrypt/pinned", { ciphertext });
}
