// Everything that ends some day is replaced while objects are written and read: certificates, keys, tokens, authorities. Nothing
// fails, and MinIO is restarted once, where only that makes it read its roots (decisions O12).
import assert from "node:assert/strict";
import { X509Certificate, createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { auditedRequests } from "../audit.ts";
import { central, client, keyName, servers } from "../central.ts";
import { renew, shownCertificates, untilShownAnew } from "../certificates.ts";
import { Load } from "../load.ts";
import type { Step } from "../report.ts";
import { until } from "../until.ts";
import type { Scenario, World } from "../world.ts";

export const rotation: Scenario = {
  name: "rotation",
  title: "everything is rotated while objects are written and read",
  async run(world, step) {
    const { minio } = await central(world);
    await using load = new Load(minio, "rotation");
    const keys = await rotateClientKey(world, step);
    await rotateServerCertificate(world, step);
    await rotateVaultToken(world, step);
    await renewAuthority(world, step);
    // MinIO has not been restarted until here.
    await step("MinIO shows its new key, and never the old one again", () => untilOnlyNewKey(world, keys));
    await replaceAuthority(world, step, load);
    await step("of all the requests meanwhile none failed", async () => load.summary());
  },
};

async function rotateServerCertificate({ cluster }: World, step: Step): Promise<void> {
  await step("the servers' certificate: a new serial number on the wire", async () => {
    const old = (await shownCertificates(cluster)).map(({ serialNumber }) => serialNumber);
    await renew(cluster, "kes-server");
    const serials = await untilShownAnew(cluster, old);
    return `${old[0]} became ${serials[0]} on ${serials.length} pods, which kept running`;
  });
}

interface ClientKeys {
  readonly began: Date;
  readonly old: string;
  readonly next: string;
  /** When MinIO was told to read its files again. */
  readonly told: number;
}

async function rotateClientKey(world: World, step: Step): Promise<ClientKeys> {
  const { cluster } = world;
  const { minio } = await central(world);
  const identity = async (): Promise<string> => {
    const { status }: Json = await cluster.get("kesidentity", client.name, "-n", client.namespace);
    return status.identity;
  };
  const began = new Date();
  const old = await identity();
  await step("MinIO's certificate, with a new key: servers know it", async () => {
    const renewal = `kes-operator.io/renew=${Date.now()}`;
    await cluster.kubectl("-n", client.namespace, "annotate", "kesidentity", client.name, "--overwrite", renewal);
    await until("another identity", async () => (await identity()) !== old);
  });
  const next = await identity();
  await step("its pod has the files, and MinIO gets SIGHUP", async () => {
    const command = "cat /etc/kes/tls.crt";
    const hasCome = async (): Promise<boolean> => hashOf(await minio.shell(command)) === next;
    await until("the new certificate in the pod", hasCome, 180, 1000);
    await minio.shell("kill -HUP 1");
  });
  return { began, old, next, told: Date.now() };
}

/** By the audit log: the last request with the old key, the first with the new one. */
async function untilOnlyNewKey({ cluster }: World, { began, old, next, told }: ClientKeys): Promise<string> {
  const uses = async (hash: string): Promise<readonly number[]> =>
    (await auditedRequests(cluster, began)).filter((request) => request.identity === hash).map(({ at }) => at);
  // Servers ask for a new connection within six minutes of the last one.
  const first = await until("the new key in the audit log", async () => (await uses(next))[0], 380, 2000);
  await sleep(15_000);
  const last = (await uses(old)).at(-1) ?? 0;
  // What was under way on the old connection ends on it.
  assert.ok(last < first + 1000, `the old key was used ${last - first} ms after the new one was first`);
  const requests = await auditedRequests(cluster, began);
  const refused = requests.filter(({ status }) => status !== 200);
  assert.deepEqual(refused, []);
  const seconds = Math.round((first - told) / 1000);
  return `${old.slice(0, 8)} became ${next.slice(0, 8)} ${seconds} s after SIGHUP; ${requests.length} requests, all answered 200`;
}

function hashOf(pem: string): string {
  const { publicKey } = new X509Certificate(pem);
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}

async function rotateVaultToken(world: World, step: Step): Promise<void> {
  const vault = await world.vault();
  const tokens = (): Promise<readonly string[]> => vault.tokensOf(servers.role);
  await step("the servers' tokens of Vault, revoked: they log in again", async () => {
    const old = await tokens();
    await vault.run(["lease", "revoke", "-sync", "-prefix", "auth/kubernetes/login"]);
    const isOld = (token: string): boolean => old.includes(token);
    assert.ok(old.length >= 2 && !(await tokens()).some(isOld), "tokens were revoked");
    // Each server needs the store again when what it holds in memory is too old.
    await until("new tokens", async () => (await tokens()).length >= 2, 90);
  });
}

/** What clients are told to trust, in MinIO's namespace. */
async function publishedRoots({ cluster }: World): Promise<readonly X509Certificate[]> {
  const { data }: Json = await cluster.get("configmap", "minio-kes-ca", "-n", client.namespace);
  const blocks = String(data["ca.crt"]).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((pem) => new X509Certificate(pem));
}

function keyOf(certificate: X509Certificate): string | Buffer {
  return certificate.publicKey.export({ type: "spki", format: "pem" });
}

async function renewAuthority(world: World, step: Step): Promise<void> {
  const { cluster } = world;
  await step("the authority is renewed with its key, then the servers' certificate: nothing restarts", async () => {
    const [old] = await publishedRoots(world);
    await renew(cluster, "kes-ca");
    const roots = await until("both roots are published", async () => {
      const found = await publishedRoots(world);
      return found.length === 2 && found;
    });
    assert.equal(new Set(roots.map(keyOf)).size, 1, "the key is the same");
    assert.ok(roots.some(({ serialNumber }) => serialNumber === old?.serialNumber));
    const serials = (await shownCertificates(cluster)).map(({ serialNumber }) => serialNumber);
    await renew(cluster, "kes-server");
    await untilShownAnew(cluster, serials);
  });
}

async function replaceAuthority(world: World, step: Step, load: Load): Promise<void> {
  const { cluster } = world;
  const { minio } = await central(world);
  await step("the authority gets a new key: old and new are published together", async () => {
    const known = new Set((await publishedRoots(world)).map(keyOf));
    await cluster.kubectl("-n", servers.namespace, "delete", "secret", "kes-ca");
    await until("a root with another key", async () =>
      (await publishedRoots(world)).some((root) => !known.has(keyOf(root))),
    );
    const keys = new Set((await publishedRoots(world)).map(keyOf));
    assert.equal(keys.size, 2);
  });
  await step("MinIO is restarted, to trust both", () => load.without(() => minio.restart()));
  await step("the servers' certificate comes from the new key, and MinIO goes on", async () => {
    const serials = (await shownCertificates(cluster)).map(({ serialNumber }) => serialNumber);
    await renew(cluster, "kes-server");
    await untilShownAnew(cluster, serials);
    const [newest] = await publishedRoots(world);
    const shown = await shownCertificates(cluster);
    for (const { raw } of shown) {
      const leaf = new X509Certificate(raw);
      assert.ok(newest !== undefined && leaf.verify(newest.publicKey), "issued by the new key");
    }
    const before = load.reads;
    await until("reads go on", async () => load.reads > before + 100, 60);
    return `${shown.length} servers; key ${keyName}`;
  });
}
