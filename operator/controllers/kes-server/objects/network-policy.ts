// The NetworkPolicy of the pods. Egress is limited only where the user says to what: nobody else knows where the key store is.
import { networkPolicies } from "./child-kinds.ts";
import { child } from "./child.ts";
import type { Fields, PlannedObject } from "./child.ts";
import { selectorOf } from "./labels.ts";
import type { Observed } from "./observed.ts";
import { apiPortName, opsPortName } from "./service.ts";

const everybodyInTheCluster = [{ namespaceSelector: {} }];

export function networkPolicy(observed: Observed): PlannedObject {
  const { server, settings } = observed;
  const { allowFrom = everybodyInTheCluster, allowOpsFrom = [], egress } = server.spec.networkPolicy;
  const operator = {
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": settings.operatorNamespace } },
  };
  const ingress = [...allow(apiPortName, allowFrom), ...allow(opsPortName, [operator, ...allowOpsFrom])];
  const policyTypes = egress === undefined ? ["Ingress"] : ["Ingress", "Egress"];
  return child(observed, networkPolicies, {
    name: server.metadata.name,
    body: { spec: { podSelector: { matchLabels: selectorOf(server) }, policyTypes, ingress, egress } },
  });
}

/** An empty `from` would mean everybody. */
function allow(port: string, from: readonly Fields[]): readonly Fields[] {
  return from.length === 0 ? [] : [{ from, ports: [{ port, protocol: "TCP" }] }];
}
