// The kinds of a server's children, as the API serves them.
import type { Resource } from "../../../kube/object.ts";

const core = { group: "", version: "v1" } as const;
const apps = { group: "apps", version: "v1" } as const;
const rbac = { group: "rbac.authorization.k8s.io", version: "v1" } as const;
const certManager = { group: "cert-manager.io", version: "v1" } as const;

export const configMaps: Resource = { ...core, plural: "configmaps", kind: "ConfigMap" };
export const services: Resource = { ...core, plural: "services", kind: "Service" };
export const serviceAccounts: Resource = { ...core, plural: "serviceaccounts", kind: "ServiceAccount" };
export const volumeClaims: Resource = { ...core, plural: "persistentvolumeclaims", kind: "PersistentVolumeClaim" };
export const deployments: Resource = { ...apps, plural: "deployments", kind: "Deployment" };
export const statefulSets: Resource = { ...apps, plural: "statefulsets", kind: "StatefulSet" };
export const roles: Resource = { ...rbac, plural: "roles", kind: "Role" };
export const roleBindings: Resource = { ...rbac, plural: "rolebindings", kind: "RoleBinding" };
export const certificates: Resource = { ...certManager, plural: "certificates", kind: "Certificate" };
export const issuers: Resource = { ...certManager, plural: "issuers", kind: "Issuer" };
export const autoscalers: Resource = {
  group: "autoscaling",
  version: "v2",
  plural: "horizontalpodautoscalers",
  kind: "HorizontalPodAutoscaler",
};
export const disruptionBudgets: Resource = {
  group: "policy",
  version: "v1",
  plural: "poddisruptionbudgets",
  kind: "PodDisruptionBudget",
};
export const networkPolicies: Resource = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
  kind: "NetworkPolicy",
};
export const serviceMonitors: Resource = {
  group: "monitoring.coreos.com",
  version: "v1",
  plural: "servicemonitors",
  kind: "ServiceMonitor",
};
