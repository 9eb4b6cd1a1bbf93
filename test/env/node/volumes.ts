// Volumes for claims: directories of the node, as a static provisioner offers them, for the default storage class.
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ApiClient } from "../kubernetes/api-client.ts";
import { nodeLayout } from "./layout.ts";

const storageClass = "directories";
const count = 12;

export async function offerVolumes(api: ApiClient): Promise<void> {
  await api.create("/apis/storage.k8s.io/v1/storageclasses", {
    metadata: { name: storageClass, annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  });
  for (let number = 1; number <= count; number += 1) await offerVolume(api, `directory-${number}`);
}

async function offerVolume(api: ApiClient, name: string): Promise<void> {
  const path = join(nodeLayout.volumes, name);
  mkdirSync(path, { recursive: true });
  // Of whoever the pod runs as: the kubelet only changes the group.
  chmodSync(path, 0o777);
  const matchExpressions = [{ key: "kubernetes.io/hostname", operator: "In", values: [nodeLayout.name] }];
  await api.create("/api/v1/persistentvolumes", {
    metadata: { name },
    spec: {
      capacity: { storage: "10Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: storageClass,
      persistentVolumeReclaimPolicy: "Retain",
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  });
}
