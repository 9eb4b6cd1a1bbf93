// How many pods run what the server is to run. Until its own controller has seen a change, a workload counts former pods.
import type { LiveWorkload } from "./live-objects.ts";

export function updatedReplicas(workload: LiveWorkload | undefined, image: string): number {
  const { updatedReplicas: counted = 0, observedGeneration = 0 } = workload?.status ?? {};
  const isSeen = observedGeneration >= (workload?.metadata.generation ?? 0);
  return isSeen && imagesOf(workload).includes(image) ? counted : 0;
}

function imagesOf(workload: LiveWorkload | undefined): readonly (string | undefined)[] {
  return (workload?.spec?.template?.spec?.containers ?? []).map((container) => container.image);
}
