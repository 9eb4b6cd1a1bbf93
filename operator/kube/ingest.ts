// Objects as the caches keep them: without what nobody here reads and everybody pays for in memory. Who manages which field,
// and kubectl's copy of the whole object, make up most of many objects.
import type { KubeObject } from "./object.ts";

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

export function ingest<T extends KubeObject>(object: T): T {
  const metadata = { ...object.metadata };
  if ("managedFields" in metadata) delete metadata.managedFields;
  if (metadata.annotations?.[lastApplied] !== undefined) {
    const { [lastApplied]: _, ...annotations } = metadata.annotations;
    Object.assign(metadata, { annotations });
  }
  return { ...object, metadata };
}
