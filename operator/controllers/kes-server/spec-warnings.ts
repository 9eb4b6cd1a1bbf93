// What in the spec of a KesServer works, but perhaps not as its author thinks.
import type { KesServer, KesServerSpec } from "../../api/generated.ts";

export interface SpecWarning {
  readonly reason: string;
  readonly message: string;
}

/** `serviceMonitors`: whether the cluster serves them; undefined: not known yet. */
export function specWarnings(server: KesServer, serviceMonitors: boolean | undefined): readonly SpecWarning[] {
  return [
    ...store(server),
    ...untrustedIdentities(server.spec),
    ...blindAutoscaler(server.spec),
    ...monitoring(server.spec, serviceMonitors),
  ];
}

function store({ spec }: KesServer): readonly SpecWarning[] {
  const { memory, vault } = spec.keystore;
  if (memory !== undefined) {
    const message = "keys are held in memory: they are gone with the pod, and everything sealed with them is lost";
    return [{ reason: "KeysInMemory", message }];
  }
  if (vault?.version !== "v1" || !spec.store.requireAtomicCreate) return [];
  const message =
    "version v1 of Vault's K/V engine cannot create atomically, so no key will be created: " +
    "use v2, or set spec.store.requireAtomicCreate: false and have one server create keys at a time";
  return [{ reason: "CreatesRefused", message }];
}

/** Nobody but the issuer itself knows whether its certificates lead to clientCA, except that self-signed ones do not. */
function untrustedIdentities({ tls }: KesServerSpec): readonly SpecWarning[] {
  if (tls.clientAuth !== "VerifyChain") return [];
  const { issuerRef, identityIssuerRef } = tls.certManager ?? {};
  if (identityIssuerRef !== undefined || issuerRef?.kind === "ClusterIssuer") return [];
  const message =
    "spec.tls.clientAuth VerifyChain refuses self-signed certificates, which KesIdentities of other namespaces get " +
    "unless they name an issuer: set spec.tls.certManager.identityIssuerRef to one that leads to clientCA";
  return [{ reason: "IssuerNotTrusted", message }];
}

function blindAutoscaler({ autoscaling, resources }: KesServerSpec): readonly SpecWarning[] {
  if (autoscaling === undefined || autoscaling.metrics !== undefined) return [];
  if ((resources.requests?.["cpu"] ?? resources.limits?.["cpu"]) !== undefined) return [];
  const message =
    "spec.autoscaling goes by the share of requested CPU, and none is requested: set resources.requests.cpu";
  return [{ reason: "NoCPURequest", message }];
}

function monitoring({ monitoring }: KesServerSpec, installed: boolean | undefined): readonly SpecWarning[] {
  if (!monitoring.serviceMonitor.enabled || installed !== false) return [];
  const message =
    "spec.monitoring.serviceMonitor has no effect until the cluster has ServiceMonitors: install the Prometheus operator";
  return [{ reason: "APINotInstalled", message }];
}
