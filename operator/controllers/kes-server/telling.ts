// What is told about a KesServer besides its status: events for people, lines for the log, counts.
import { findCondition, isTrue } from "../../api/conditions.ts";
import type { KesServer, KesServerStatus } from "../../api/generated.ts";
import { keyOf, refOfObject } from "../../kube/object.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { KesServerDeps } from "./deps.ts";
import type { ServerMemory } from "./memory.ts";

/** @param status the new one */
export function tellReady({ events }: KesServerDeps, server: KesServer, status: KesServerStatus): void {
  const { conditions, endpoint = "" } = status;
  if (isTrue(server.status?.conditions, "Ready") === isTrue(conditions, "Ready")) return;
  const ready = findCondition(conditions, "Ready");
  const told =
    ready?.status === "True"
      ? ({ type: "Normal", reason: "Ready", message: `serving at ${endpoint}` } as const)
      : ({ type: "Warning", reason: "NotReady", message: `${ready?.reason}: ${ready?.message}` } as const);
  events.record({ regarding: server, action: "Reconcile", ...told });
}

interface Warning {
  readonly reason: string;
  readonly message: string;
}

export function tellOnce(deps: KesServerDeps, server: KesServer, memory: ServerMemory, warning: Warning): void {
  const { reason, message } = warning;
  const id = `${reason} ${message}`;
  if (memory.told.has(id)) return;
  memory.told.add(id);
  deps.events.record({ regarding: server, type: "Warning", reason, action: "Reconcile", message });
}

/** Somebody else had changed `child`. */
export function tellRepair(deps: KesServerDeps, server: KesServer, { kind, metadata }: KubeObject): void {
  const key = keyOf(refOfObject(server));
  deps.metrics.childRepaired(key);
  deps.log.warn("child put right", { server: key, kind, name: metadata.name });
  const message = `somebody else had changed or deleted the ${kind} ${metadata.name}; it is put right`;
  deps.events.record({ regarding: server, type: "Warning", reason: "Repaired", action: "Reconcile", message });
}
