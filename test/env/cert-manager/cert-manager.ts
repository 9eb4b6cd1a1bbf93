// A real cert-manager on a cluster: its CRDs and its controller with the administrator's rights. Of its other parts the webhook
// only checks what clients write, and the CA injector serves that webhook; neither issues anything.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Component } from "../component.ts";
import { fixedPort } from "../fixed-port.ts";
import { kubectl } from "../kubectl/kubectl.ts";
import type { ApiClient } from "../kubernetes/api-client.ts";
import type { Kubernetes } from "../kubernetes/kubernetes.ts";
import { obtainCertManager } from "./obtain-cert-manager.ts";

const namespace = "cert-manager";
const group = `/apis/cert-manager.io/v1/namespaces/${namespace}`;

/** Resolves once a certificate was issued. Ends with the component, which is to be disposed before the cluster. */
export async function startCertManager(cluster: Kubernetes, flags: readonly string[] = []): Promise<Component> {
  await installCertManagerCrds(cluster);
  if ((await cluster.api.find(`/api/v1/namespaces/${namespace}`)) === undefined) {
    await cluster.createNamespace(namespace);
  }
  const metricsPort = await fixedPort();
  const command = [
    obtainCertManager().controller,
    `--kubeconfig=${cluster.kubeconfig}`,
    "--leader-elect=false",
    // Where the Secrets of ClusterIssuers are.
    `--cluster-resource-namespace=${namespace}`,
    `--metrics-listen-address=127.0.0.1:${metricsPort}`,
    "--kube-api-qps=200",
    "--kube-api-burst=400",
    ...flags,
  ];
  const logFile = join(cluster.folder, "logs", "cert-manager.log");
  await orderCertificate(cluster);
  const component = await Component.start({ command, logFile, isReady: () => isIssued(cluster) });
  await removeOrder(cluster);
  return component;
}

/** For a test in which the controller comes later, or never. */
export async function installCertManagerCrds(cluster: Kubernetes): Promise<void> {
  await kubectl(cluster, ["apply", "--server-side", "-f", obtainCertManager().crds]);
  const kinds = ["certificates", "certificaterequests", "issuers", "clusterissuers"];
  for (const kind of kinds) await untilServed(cluster, `/apis/cert-manager.io/v1/${kind}`);
}

/** A new resource is first unknown, then refused while its storage is made ready. */
async function untilServed({ api }: Kubernetes, path: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (await isServed(api, path)) return;
    await sleep(50);
  }
  await api.get(path);
}

async function isServed(api: ApiClient, path: string): Promise<boolean> {
  return api.get(path).then(
    () => true,
    () => false,
  );
}

async function orderCertificate({ api }: Kubernetes): Promise<void> {
  const metadata = { name: "readiness" };
  const issuerRef = { name: "readiness" };
  const kinds = { apiVersion: "cert-manager.io/v1" };
  await api.apply(`${group}/issuers/readiness`, { ...kinds, kind: "Issuer", metadata, spec: { selfSigned: {} } });
  const spec = { secretName: "readiness", commonName: "readiness", issuerRef };
  await api.apply(`${group}/certificates/readiness`, { ...kinds, kind: "Certificate", metadata, spec });
}

async function isIssued({ api }: Kubernetes): Promise<boolean> {
  const { status } = await api.get(`${group}/certificates/readiness`);
  const conditions: readonly { type: string; status: string }[] = status?.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

async function removeOrder({ api }: Kubernetes): Promise<void> {
  await api.delete(`${group}/certificates/readiness`);
  await api.delete(`${group}/issuers/readiness`);
  await api.delete(`${group}/certificaterequests`);
  await api.delete(`/api/v1/namespaces/${namespace}/secrets/readiness`);
}
