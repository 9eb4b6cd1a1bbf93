// The folders of persistent volume claims. A claim gets a volume of its own, made for it alone, and the real controller-manager
// binds the two; the folder outlives the pods that use it.
import type { V1PersistentVolumeClaim, V1Pod } from "@kubernetes/client-node";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ApiRefusal } from "../../env/kubernetes/api-client.ts";
import type { ApiClient } from "../../env/kubernetes/api-client.ts";

/** @returns the folder of a bound claim. @throws Error while there is no such claim or it is not bound yet */
export async function claimFolder(api: ApiClient, pod: V1Pod, name: string, root: string): Promise<string> {
  const namespace = pod.metadata?.namespace ?? "";
  const claim: V1PersistentVolumeClaim | undefined = await api.find(
    `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`,
  );
  if (claim === undefined) throw new Error(`persistentvolumeclaim "${name}" not found`);
  const folder = join(root, `${namespace}_${name}_${claim.metadata?.uid}`);
  if (claim.status?.phase !== "Bound") {
    await makeVolume(api, claim, folder);
    throw new Error(`persistentvolumeclaim "${name}" is not bound yet`);
  }
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function makeVolume(api: ApiClient, claim: V1PersistentVolumeClaim, folder: string): Promise<void> {
  const { name, namespace, uid } = claim.metadata ?? {};
  const { accessModes, storageClassName = "", resources } = claim.spec ?? {};
  const volume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: `pvc-${uid}` },
    spec: {
      accessModes,
      storageClassName,
      capacity: { storage: resources?.requests?.["storage"] ?? "1Gi" },
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", name, namespace, uid },
      hostPath: { path: folder },
      persistentVolumeReclaimPolicy: "Retain",
    },
  };
  try {
    await api.create("/api/v1/persistentvolumes", volume);
  } catch (error) {
    if (!(error instanceof ApiRefusal && error.reason === "AlreadyExists")) throw error;
  }
}
