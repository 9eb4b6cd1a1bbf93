// The Kubernetes login with a real API server behind Vault: a role bound to a ServiceAccount, a projected token with an
// audience of its own, and its rotation under a running server.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { VaultKeystoreConfig, VaultLogin } from "../../../sidecar/contract/config.ts";
import { openVaultKeystore } from "../../../sidecar/keystore/vault/open-vault-keystore.ts";
import { policyText } from "../../../sidecar/keystore/vault/policy-text.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { failure } from "../../env/vault/failure.ts";
import { VaultFixture } from "../../env/vault/vault-fixture.ts";
import { vaultSection } from "../../env/vault/vault-section.ts";
import { apiClient } from "../../support/api-client.ts";
import { startKes } from "../../support/kes-process.ts";

const soon = () => AbortSignal.timeout(30_000);
const accounts = "/api/v1/namespaces/minio/serviceaccounts";
const secrets = "/api/v1/namespaces/minio/secrets";
const folder = mkdtempSync(join(tmpdir(), "kes-projected-"));

let fixture: VaultFixture;
let kubernetes: Kubernetes;

before(async () => {
  [fixture, kubernetes] = await Promise.all([VaultFixture.start(), startKubernetes()]);
  await kubernetes.createNamespace("minio");
  for (const name of ["kes", "stranger", "vault"]) await kubernetes.api.create(accounts, { metadata: { name } });
  await kubernetes.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "vault-reviews-tokens" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:auth-delegator" },
    subjects: [{ kind: "ServiceAccount", name: "vault", namespace: "minio" }],
  });
  const { server } = fixture;
  await server.must("POST", "sys/auth/kubernetes", { type: "kubernetes" });
  await server.must("POST", "auth/kubernetes/config", {
    kubernetes_host: kubernetes.url,
    kubernetes_ca_cert: kubernetes.caPem,
    disable_local_ca_jwt: true,
    token_reviewer_jwt: await kubernetes.tokenFor("minio", "vault"),
  });
});
after(async () => {
  await fixture[Symbol.asyncDispose]();
  await kubernetes[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A store whose role is bound to the ServiceAccount minio/kes and the audience `vault`; Vault's tokens live for 2 s. */
async function config(jwtFile: string): Promise<VaultKeystoreConfig> {
  const base = await fixture.config();
  const { server } = fixture;
  await server.must("PUT", `sys/policies/acl/${base.prefix}`, { policy: policyText(base) });
  await server.must("POST", "auth/kubernetes/role/kes", {
    bound_service_account_names: ["kes"],
    bound_service_account_namespaces: ["minio"],
    audience: "vault",
    token_policies: [base.prefix],
    token_ttl: "2s",
    token_max_ttl: "2s",
  });
  const jwt = { file: jwtFile };
  const login: VaultLogin = { method: "kubernetes", engine: "kubernetes", namespace: undefined, role: "kes", jwt };
  return { ...base, login };
}

/** A token that ends with the Secret it is bound to, as one of a pod ends with the pod. */
async function boundToken(serial: number): Promise<{ token: string; end: () => Promise<void> }> {
  const name = `life-of-token-${serial}`;
  const { metadata } = await kubernetes.api.create(secrets, { metadata: { name } });
  const { status } = await kubernetes.api.create(`${accounts}/kes/token`, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {
      audiences: ["vault"],
      expirationSeconds: 600,
      boundObjectRef: { apiVersion: "v1", kind: "Secret", name, uid: metadata.uid },
    },
  });
  return { token: status.token, end: () => kubernetes.api.delete(`${secrets}/${name}`).then(() => undefined) };
}

/** Replaces the token as the kubelet does: another directory behind `..data`, swapped in one step. */
function project(serial: number, token: string): string {
  const directory = `..version-${serial}`;
  mkdirSync(join(folder, directory));
  writeFileSync(join(folder, directory, "token"), token);
  symlinkSync(directory, join(folder, "..next"));
  renameSync(join(folder, "..next"), join(folder, "..data"));
  if (serial === 1) symlinkSync("..data/token", join(folder, "token"));
  return join(folder, "token");
}

test("a projected token that is rotated, and whose former one is no longer valid, costs no request", async () => {
  let held = await boundToken(1);
  const keystore = vaultSection(await config(project(1, held.token)));
  await using kes = await startKes({ keystore, extra: "cache: { expiry: { any: 1ms, unused: 1ms } }" });
  await using client = apiClient("h2", kes.url, kes.admin, kes.server);
  const put = async (path: string): Promise<void> => {
    const { status, text } = await client.ask(`/v1/key/${path}`, { method: "PUT" });
    assert.equal(status, 200, `${path}: ${text}\n${kes.stderr()}`);
  };
  await put("create/key");
  for (let serial = 2; serial <= 4; serial += 1) {
    const next = await boundToken(serial);
    project(serial, next.token);
    await held.end();
    held = next;
    // Longer than a token of Vault lives: there was a login in between.
    for (const end = Date.now() + 3000; Date.now() < end; await sleep(50)) await put("generate/key");
    await put(`create/key-${serial}`);
  }
});

describe("a login that Kubernetes or Vault does not grant says what to check, and shows no token", () => {
  const cases: [string, () => Promise<string>, RegExp][] = [
    [
      "a token for another audience",
      () => kubernetes.tokenFor("minio", "kes", { audiences: ["another"] }),
      /status 403|status 400/,
    ],
    [
      "a token of another ServiceAccount",
      () => kubernetes.tokenFor("minio", "stranger", { audiences: ["vault"] }),
      /status 403 \(service account name not authorized\)/,
    ],
    [
      "a token whose life has ended",
      async () => {
        const { token, end } = await boundToken(9);
        await end();
        return token;
      },
      /status 403/,
    ],
  ];
  for (const [what, token, reason] of cases) {
    test(what, async () => {
      const text = await token();
      const file = join(folder, what.replaceAll(" ", "-"));
      writeFileSync(file, text);
      await using store = await openVaultKeystore(await config(file));
      const error = await failure(store.status(soon()));
      assert.equal(error.code, "StoreFailed");
      assert.match(error.message, /logging in by Kubernetes failed/);
      assert.match(error.message, reason);
      assert.match(error.message, /bound to this service account and audience/);
      assert.ok(!error.message.includes(text));
    });
  }
});
