// cert-manager in the cluster, unless it has one.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { obtainCertManager } from "../env/cert-manager/obtain-cert-manager.ts";
import type { Cluster } from "./cluster.ts";
import { certManagerArchive } from "./images.ts";

export async function provideCertManager(cluster: Cluster): Promise<void> {
  const { code } = await cluster.tryKubectl(["get", "--raw", "/apis/cert-manager.io/v1"]);
  if (code === 0) return;
  await cluster.load(await certManagerArchive());
  await cluster.kubectl("apply", "--server-side", "-f", obtainCertManager().crds);
  await cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", obtainCertManager().crds);
  await cluster.apply(readFileSync(join(import.meta.dirname, "manifests/cert-manager.yaml"), "utf8"));
  await cluster.kubectl("-n", "cert-manager", "rollout", "status", "deployment/cert-manager", "--timeout=120s");
}
