// How many pods run what the server is to run. Until its own controller has seen a change, a workload counts former pods.
import type { LiveWorkload } from "./live-objects.ts";

export function updatedReplicas(workload: LiveWorkload | undefined, image: string): number {
  if (workload === undefined) return 0;
  const { metadata, spec, status = {} } = workload;
  const isSeen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const containers = spec?.template?.spec?.containers ?? [];
  const isOfImage = containers.some((container) => container.image === image);
  return isSeen && isOfImage ? (status.updatedReplicas ?? 0) : 0;
}
