// A Go server of somebody's own, with its keys in Vault and its credentials in its file, moves to ours by the commands of
// docs/migration.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { blocksOf, Shell } from "../page-commands.ts";
import type { Vault } from "../vault.ts";
import { makeNamespace } from "../world.ts";
import type { Scenario, World } from "../world.ts";

const namespace = "plain";

export const plain: Scenario = {
  name: "plain",
  title: "a Go server with Vault moves to ours by the commands of docs/migration.md",
  async run(world, step) {
    await world.operator();
    using shell = new Shell(world.cluster);
    await step("the Go server with its keys in Vault has sealed something", () => startOldServer(world, shell));
    for (const { title, text } of blocksOf("migration.md", "plain")) {
      await step(title, async () => void (await shell.run(text)));
    }
  },
};

async function startOldServer(world: World, shell: Shell): Promise<void> {
  const { cluster } = world;
  const vault = await world.vault();
  await makeNamespace(cluster, namespace);
  const server = await makeLeaf({ keyType: "p256", cn: "kes", dns: ["old-kes"], eku: ["server"] });
  const client = await makeLeaf({ cn: "app", eku: ["client"] });
  const files = {
    "client.crt": client.certPem,
    "client.key": client.keyPem,
    "vault-ca.crt": await vault.caPem(),
    "server-config.yaml": stringify(configuration(shell.folder, client, await appRole(vault))),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(shell.folder, name), text, { mode: 0o600 });
  const stringData = { ...files, "server.crt": server.certPem, "server.key": server.keyPem };
  await cluster.apply([
    { apiVersion: "v1", kind: "Secret", metadata: { name: "old-kes", namespace }, stringData },
    podOf(shell.folder),
  ]);
  await cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "--timeout=60s", "pod/old-kes");
  await shell.run(`
    kubectl -n plain port-forward pod/old-kes 7373:7373 > /dev/null & sleep 10
    export MINIO_KES_CERT_FILE=client.crt MINIO_KES_KEY_FILE=client.key
    kes key create app-key -k || true # of another run, on a cluster that is kept
    kes key dek app-key -k > sealed.json
    kill %1`);
}

/** What its owner has; it is at the same place on this machine and in the pod. */
function configuration(folder: string, client: TestCertificate, approle: object): object {
  return {
    address: "0.0.0.0:7373",
    admin: { identity: "disabled" },
    tls: { key: join(folder, "server.key"), cert: join(folder, "server.crt") },
    policy: {
      app: {
        allow: ["create", "generate", "decrypt"].map((call) => `/v1/key/${call}/app-*`),
        identities: [client.identity],
      },
    },
    keys: [{ name: "app-key" }],
    keystore: {
      vault: {
        endpoint: "https://vault.vault.svc:8200",
        engine: "kv",
        version: "v2",
        prefix: "plain",
        approle,
        tls: { ca: join(folder, "vault-ca.crt") },
      },
    },
  };
}

/** The login of the old server. */
async function appRole(vault: Vault): Promise<object> {
  const known = await vault.run(["auth", "list", "-format=json"]);
  if (!known.includes('"approle/"')) await vault.run(["auth", "enable", "approle"]);
  const policy = `path "kv/data/plain/*" { capabilities = ["create", "read"] }
path "kv/metadata/plain/*" { capabilities = ["list", "delete"] }
path "kv/metadata/plain/" { capabilities = ["list"] }
`;
  await vault.run(["policy", "write", "plain", "-"], policy);
  await vault.run(["write", "auth/approle/role/plain", "token_policies=plain", "token_ttl=1h"]);
  const id = await vault.run(["read", "-field=role_id", "auth/approle/role/plain/role-id"]);
  const secret = await vault.run(["write", "-force", "-field=secret_id", "auth/approle/role/plain/secret-id"]);
  return { id, secret };
}

function podOf(folder: string): object {
  const restricted = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"] } };
  const container = {
    name: "kes",
    image: "docker.io/minio/kes:v0.24.0",
    command: ["kes", "server", `--config=${folder}/server-config.yaml`],
    readinessProbe: { tcpSocket: { port: 7373 }, periodSeconds: 1 },
    securityContext: restricted,
    volumeMounts: [{ name: "files", mountPath: folder, readOnly: true }],
  };
  const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } };
  const volumes = [{ name: "files", secret: { secretName: "old-kes" } }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "old-kes", namespace },
    spec: { securityContext, containers: [container], volumes },
  };
}
