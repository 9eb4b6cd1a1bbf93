// One of each thing that the operator may be asked to do, as small as it goes: objects that make it create every kind of child,
// and edits that make it remove them again.

export interface Declared {
  readonly plural: "kesservers" | "kespolicies" | "kesidentities" | "keskeys";
  readonly name: string;
  readonly kind: string;
  readonly spec: object;
}

const login = { auth: { kubernetes: { role: "kes" } } };
const vault = { vault: { endpoint: "https://vault.vault.svc:8200", ...login } };
const shared = { volumeClaim: { size: "1Gi", accessModes: ["ReadWriteMany"] } };

function server(name: string, spec: object): Declared {
  return { plural: "kesservers", name, kind: "KesServer", spec };
}

function identity(name: string, spec: object): Declared {
  return { plural: "kesidentities", name, kind: "KesIdentity", spec: { serverRef: { name: "whole" }, ...spec } };
}

const metrics = [
  { type: "Resource", resource: { name: "memory", target: { type: "Utilization", averageUtilization: 80 } } },
];

/** What is declared first: servers and what belongs to them. */
export const servers: readonly Declared[] = [
  server("whole", {
    keystore: { fs: shared },
    autoscaling: { minReplicas: 2, maxReplicas: 4 },
    networkPolicy: { enabled: true },
    monitoring: { serviceMonitor: { enabled: true } },
  }),
  server("ordered", { workload: "StatefulSet", keystore: vault, autoscaling: { maxReplicas: 4, metrics } }),
  server("beside", {
    mode: "Sidecar",
    keystore: vault,
    sidecar: { serviceAccountNames: ["app"], fallbackServerRef: { name: "whole" } },
  }),
  server("claiming", { keystore: { fs: { existingClaim: "keys" } } }),
  server("borrowing", { keystore: vault, serviceAccount: { create: false, name: "somebody" } }),
  server("rooted", {
    keystore: vault,
    tls: { secretName: "own", caBundle: { configMapName: "root", key: "ca.crt" } },
  }),
  { plural: "kespolicies", name: "all", kind: "KesPolicy", spec: { allow: ["/v1/key/generate/*"] } },
  { plural: "keskeys", name: "key", kind: "KesKey", spec: { serverRef: { name: "whole" } } },
];

export const clients: readonly Declared[] = [
  identity("issued", { policyRef: { name: "all" }, certificate: { privateKey: { rotationPolicy: "Always" } } }),
  identity("keyed", { policyRef: { name: "all" }, apiKey: {} }),
];

/** Edits after which nothing is left of what was optional. */
export const laterEdits: readonly Declared[] = [
  server("whole", {
    keystore: { fs: shared },
    replicas: 1,
    serviceAccount: { create: false, name: "somebody" },
    propagation: { watch: false },
    service: { headless: false },
    tls: { certManager: { issuerRef: { name: "of-the-user" } } },
  }),
  identity("issued", { certificate: { privateKey: { rotationPolicy: "Always" } }, connection: { enabled: false } }),
];

/** What the objects name and others have made. */
export function whatUsersMake(namespace: string): readonly object[] {
  const inside = (name: string): object => ({ name, namespace });
  const size = { resources: { requests: { storage: "1Gi" } } };
  return [
    serviceMonitors,
    { apiVersion: "v1", kind: "ServiceAccount", metadata: inside("somebody") },
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: inside("root"),
      data: { "ca.crt": "-----BEGIN CERTIFICATE-----" },
    },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: inside("keys"),
      spec: { accessModes: ["ReadWriteOnce"], ...size },
    },
  ];
}

/** The kind alone: what is in it is not looked at here. */
export const serviceMonitors = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "servicemonitors.monitoring.coreos.com" },
  spec: {
    group: "monitoring.coreos.com",
    scope: "Namespaced",
    names: {
      kind: "ServiceMonitor",
      plural: "servicemonitors",
      singular: "servicemonitor",
      listKind: "ServiceMonitorList",
    },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};
