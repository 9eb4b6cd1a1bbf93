// Servers in one namespace, MinIO in another, Vault in a third: what several scenarios work on.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Json } from "../env/kubernetes/api-client.ts";
import { Minio } from "./bucket.ts";
import { makeNamespace } from "./world.ts";
import type { World } from "./world.ts";

/** Vault knows them by a role. */
export const servers = { namespace: "keys", name: "kes", role: "central" } as const;
export const client = { namespace: "store", name: "minio" } as const;
export const keyName = "minio-default";

const root = join(import.meta.dirname, "../..");

export interface Central {
  /** Its buckets: `sse-s3`, `sse-kms`, and `open`, which is not encrypted. */
  readonly minio: Minio;
}

/** Made by the first scenario that asks for it. */
export function central(world: World): Promise<Central> {
  return world.once("central", async () => {
    await world.operator();
    await provideServers(world);
    const minio = await provideMinio(world);
    await makeBuckets(minio);
    return { minio };
  });
}

async function provideServers(world: World): Promise<void> {
  const { cluster } = world;
  const vault = await world.vault();
  for (const { namespace } of [servers, client]) await makeNamespace(cluster, namespace);
  await vault.admit(servers.namespace, servers.name, { prefix: servers.role, ttl: "1m" });
  const metadata = { name: "vault-ca", namespace: servers.namespace };
  await cluster.apply([{ apiVersion: "v1", kind: "ConfigMap", metadata, data: { "ca.crt": await vault.caPem() } }]);
  await cluster.apply(readFileSync(join(import.meta.dirname, "manifests/central.yaml"), "utf8"));
  await untilReady(world);
}

/** Everything that manifests/central.yaml declares. */
export async function untilReady({ cluster }: World): Promise<void> {
  const wait = ["wait", "--for=condition=Ready", "--timeout=180s"];
  const ours = ["kesserver/kes", "kespolicy/minio", "keskey/minio-default"];
  await cluster.kubectl("-n", servers.namespace, ...wait, ...ours);
  await cluster.kubectl("-n", client.namespace, ...wait, "kesidentity/minio");
}

async function provideMinio({ cluster }: World): Promise<Minio> {
  await cluster.apply(minioObjects(client.namespace));
  await cluster.kubectl("-n", client.namespace, "rollout", "status", "statefulset/minio", "--timeout=180s");
  return Minio.open(cluster, { namespace: client.namespace });
}

/** The MinIO of docs/examples/minio.yaml, in another namespace. */
export function minioObjects(namespace: string): readonly Json[] {
  const text = readFileSync(join(root, "docs/examples/minio.yaml"), "utf8");
  const objects = parseAllDocuments(text).map((document): Json => document.toJS());
  const wanted = objects.filter(({ kind }) => ["Secret", "Service", "StatefulSet"].includes(kind));
  for (const { metadata } of wanted) metadata.namespace = namespace;
  return wanted;
}

async function makeBuckets(minio: Minio): Promise<void> {
  const { body: known } = await minio.must({ method: "GET", path: "/" });
  for (const name of ["sse-s3", "sse-kms", "open"]) {
    if (!known.includes(`<Name>${name}</Name>`)) await minio.must({ method: "PUT", path: `/${name}` });
  }
  const encrypt = async (bucket: string, rule: string): Promise<void> => {
    const body = `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>${rule}</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`;
    await minio.must({ method: "PUT", path: `/${bucket}`, query: { encryption: "" }, body });
  };
  await encrypt("sse-s3", "<SSEAlgorithm>AES256</SSEAlgorithm>");
  await encrypt("sse-kms", `<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>${keyName}</KMSMasterKeyID>`);
}
