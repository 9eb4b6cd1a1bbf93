// The ServiceMonitor of a server, for the Prometheus operator: it finds the ops port by the headless Service.
import { serviceMonitors } from "./child-kinds.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import { selectorOf } from "./labels.ts";
import type { Observed } from "./observed.ts";
import { opsPortName } from "./service.ts";

export function serviceMonitor(observed: Observed): PlannedObject {
  const { server } = observed;
  const { interval, labels } = server.spec.monitoring.serviceMonitor;
  const endpoints = [{ port: opsPortName, path: "/metrics", scheme: "http", interval }];
  return child(observed, serviceMonitors, {
    name: server.metadata.name,
    labels,
    body: { spec: { selector: { matchLabels: selectorOf(server) }, endpoints } },
  });
}
