// What the operator's own flags say about every server.

export interface OperatorSettings {
  /** DNS domain of the cluster: `cluster.local`. */
  readonly clusterDomain: string;
  /** Where the operator runs: NetworkPolicies let it read the ops port. */
  readonly operatorNamespace: string;
  /** For servers whose spec does not say. */
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** True: user and group of pods are assigned by the platform, so none is set (OpenShift). */
  readonly openshift: boolean;
  /** True: the cluster's first IP family is IPv6, so servers listen on `::`. */
  readonly ipv6: boolean;
}
