// Services `<server>` for clients, and `<server>-headless`, which resolves to the pods: for clients that choose among
// endpoints themselves, for the names of a StatefulSet's pods and for Prometheus. Plain-HTTP metrics stay off the first one,
// which may be open to the world.
import { serviceDefaults } from "../../../api/defaults.ts";
import type { KesServerSpec } from "../../../api/generated.ts";
import { services } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import { selectorOf } from "./labels.ts";
import type { Observed } from "./observed.ts";
import { apiPort } from "./places.ts";

export const apiPortName = "https";
export const opsPortName = "ops";

export function clientService(observed: Observed): PlannedObject {
  const { server } = observed;
  const settings = server.spec.service ?? serviceDefaults;
  const { type, port, annotations, labels, ipFamilyPolicy, trafficDistribution } = settings;
  const ports = [{ name: apiPortName, port, targetPort: apiPortName, protocol: "TCP" }];
  return child(observed, services, {
    name: server.metadata.name,
    labels,
    annotations,
    body: { spec: { type, selector: selectorOf(server), ports, ipFamilyPolicy, trafficDistribution } },
  });
}

export function headlessService(observed: Observed): PlannedObject {
  const { server } = observed;
  const { spec, metadata } = server;
  const { labels, ipFamilyPolicy } = spec.service ?? serviceDefaults;
  // Nothing stands between clients and pods here, so the ports are the pods' own.
  const ports = [
    { name: apiPortName, port: apiPort, targetPort: apiPortName, protocol: "TCP" },
    { name: opsPortName, port: spec.ops.port, targetPort: opsPortName, protocol: "TCP" },
  ];
  const selector = selectorOf(server);
  return child(observed, services, {
    name: childNames(metadata.name).headless,
    labels,
    body: { spec: { clusterIP: "None", selector, ports, ipFamilyPolicy } },
  });
}

/** Also made where something else needs it. */
export function hasHeadlessService({ mode, service, workload, monitoring }: KesServerSpec): boolean {
  if (mode === "Sidecar") return false;
  const { headless } = service ?? serviceDefaults;
  return headless || workload === "StatefulSet" || monitoring.serviceMonitor.enabled;
}
