// The parts of the tests' cluster, as far as other tests rely on them: an API server that ends and comes back with its data,
// the rights of accounts, and cert-manager.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startCertManager } from "../../env/cert-manager/cert-manager.ts";
import { applyManifest, helm, kubectl, tryKubectl } from "../../env/kubectl/kubectl.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";

let cluster: Kubernetes;
before(async () => {
  cluster = await startKubernetes();
});
after(async () => {
  await cluster[Symbol.asyncDispose]();
});

test("the API server ends, and comes back at its address with its data", async () => {
  await cluster.createNamespace("kept");
  const { pid } = cluster.apiServer;
  await cluster.apiServer.kill();
  await assert.rejects(cluster.api.get("/version"), { code: "ECONNREFUSED" });
  await cluster.apiServer.start();
  assert.notEqual(cluster.apiServer.pid, pid);
  assert.equal((await cluster.api.get("/api/v1/namespaces/kept")).metadata.name, "kept");
});

test("stopped, the API server answers nothing; continued, it answers what it was asked", async () => {
  await cluster.apiServer.pause();
  const asked = cluster.api.get("/version");
  assert.equal(await Promise.race([asked, sleep(500, "silence")]), "silence");
  cluster.apiServer.resume();
  assert.match((await asked).gitVersion, /^v1\./);
});

test("an account may do what it was given and nothing else", async () => {
  const namespace = "rights";
  await cluster.createNamespace(namespace);
  const role = (rules: object[]): object => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "writer", namespace },
    rules,
  });
  await applyManifest(cluster, [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "writer", namespace } },
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "owner", namespace } },
    role([{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create"] }]),
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: { name: "writer", namespace },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "writer" },
      subjects: [{ kind: "ServiceAccount", name: "writer", namespace }],
    },
  ]);
  const kubeconfig = await cluster.kubeconfigFor(namespace, "writer");
  assert.match(await kubectl(cluster, ["-n", namespace, "get", "cm", "owner"], { kubeconfig }), /owner/);
  const refused = await tryKubectl(cluster, ["-n", namespace, "get", "secrets"], { kubeconfig });
  assert.match(refused.stderr, /Forbidden/);
  // Whoever blocks an owner's deletion must be allowed to: OwnerReferencesPermissionEnforcement.
  using writer = cluster.client(await cluster.tokenFor(namespace, "writer"));
  const { metadata } = await cluster.api.get(`/api/v1/namespaces/${namespace}/configmaps/owner`);
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: metadata.uid, blockOwnerDeletion: true };
  const child = (name: string, blockOwnerDeletion: boolean): object => ({
    metadata: { name, ownerReferences: [{ ...owner, blockOwnerDeletion }] },
  });
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  await writer.create(path, child("child", false));
  await assert.rejects(writer.create(path, child("blocking", true)), { status: 403 });
});

test("cert-manager issues a certificate from an authority in the cluster", async () => {
  await using certManager = await startCertManager(cluster);
  const namespace = "issued";
  await cluster.createNamespace(namespace);
  const kinds = { apiVersion: "cert-manager.io/v1" };
  const spec = {
    secretName: "leaf",
    commonName: "leaf",
    privateKey: { algorithm: "ECDSA" },
    issuerRef: { name: "own" },
  };
  await applyManifest(cluster, [
    { ...kinds, kind: "Issuer", metadata: { name: "own", namespace }, spec: { selfSigned: {} } },
    { ...kinds, kind: "Certificate", metadata: { name: "leaf", namespace }, spec },
  ]);
  await kubectl(cluster, ["-n", namespace, "wait", "--for=condition=Ready", "certificate/leaf", "--timeout=30s"]);
  const { data } = await cluster.api.get(`/api/v1/namespaces/${namespace}/secrets/leaf`);
  assert.equal(new X509Certificate(Buffer.from(data["tls.crt"], "base64")).subject, "CN=leaf");
  assert.ok(certManager.running);
});

test("helm talks to the cluster", async () => {
  assert.equal(await helm(["list", "--output", "json"], cluster), "[]\n");
});
