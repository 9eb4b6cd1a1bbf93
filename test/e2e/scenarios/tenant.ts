// A Tenant-style set-up of the Go server moves to ours by the commands of docs/migration.md, and what MinIO wrote before stays
// readable.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { Minio } from "../bucket.ts";
import type { Cluster } from "../cluster.ts";
import { blocksOf, Shell } from "../page-commands.ts";
import { makeNamespace } from "../world.ts";
import type { Scenario } from "../world.ts";

const namespace = "tenant";
const pod = "myminio-pool-0-0";
const plaintext = "of the old server ".repeat(1000);

export const tenant: Scenario = {
  name: "tenant",
  title: "a Tenant of the Go server moves to ours by the commands of docs/migration.md",
  async run(world, step) {
    const { cluster } = world;
    await world.operator();
    await step("the Go server with its keys on a volume, and MinIO with it, as the MinIO operator makes them", () =>
      makeTenant(cluster),
    );
    await using minio = await Minio.open(cluster, { namespace, pod });
    await step("objects are encrypted with its key", async () => {
      await minio.must({ method: "PUT", path: "/before" });
      for (let number = 0; number < 20; number += 1) await putEncrypted(minio, `/before/object-${number}`);
      assert.equal(await minio.occurrences("before", "of the old server"), 0);
    });
    using shell = new Shell(cluster);
    for (const { title, text } of blocksOf("migration.md", "tenant"))
      await step(title, async () => void (await shell.run(text)));
    await minio.connect();
    await step("what was written before opens, with the old servers gone and MinIO started anew", async () => {
      await minio.restart();
      for (let number = 0; number < 20; number += 1) {
        const { headers, body } = await minio.must({ method: "GET", path: `/before/object-${number}` });
        assert.equal(body.toString(), plaintext);
        assert.match(String(headers["x-amz-server-side-encryption-aws-kms-key-id"]), /my-minio-key/);
      }
      await putEncrypted(minio, "/before/after");
    });
    await step("the key is still the one of the old server", async () => {
      await cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "--timeout=30s", "keskey/my-minio-key");
      const { status }: Json = await cluster.get("keskey", "my-minio-key", "-n", namespace);
      return `fingerprint ${status.fingerprint}`;
    });
  },
};

async function putEncrypted(minio: Minio, path: string): Promise<void> {
  const headers = {
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "my-minio-key",
  };
  await minio.must({ method: "PUT", path, headers, body: plaintext });
}

async function makeTenant(cluster: Cluster): Promise<void> {
  await makeNamespace(cluster, namespace);
  const hosts = ["myminio-kes-hl-svc.tenant.svc", "*.myminio-kes-hl-svc.tenant.svc"];
  const server = await makeLeaf({ keyType: "p256", cn: "kes", dns: hosts, eku: ["server"] });
  const client = await makeLeaf({ cn: "myminio", eku: ["client"] });
  await cluster.apply([
    tlsSecret("myminio-kes-tls", server),
    tlsSecret("myminio-client-tls", client),
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "minio-identity", namespace },
      data: { identity: client.identity },
    },
  ]);
  await cluster.apply(readFileSync(join(import.meta.dirname, "../manifests/tenant.yaml"), "utf8"));
  for (const set of ["myminio-kes", "myminio-pool-0"]) {
    await cluster.kubectl("-n", namespace, "rollout", "status", `statefulset/${set}`, "--timeout=180s");
  }
}

/** With the entries that the MinIO operator gives it. */
function tlsSecret(name: string, { certPem, keyPem }: TestCertificate): object {
  const stringData = { "public.crt": certPem, "private.key": keyPem };
  return { apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, stringData };
}
