// PersistentVolumeClaim `<server>-keys` of the fs key store. It is nobody's child unless asked for: with the claim goes every
// key, and a KesServer is deleted more easily than that should be.
import type { FsVolumeClaim } from "../../../api/generated.ts";
import { volumeClaims } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import type { Observed } from "./observed.ts";
import { canonicalQuantity } from "./quantity.ts";

export function volumeClaim(observed: Observed, claim: FsVolumeClaim): PlannedObject {
  const { accessModes, size, storageClassName, reclaimPolicy } = claim;
  return child(observed, volumeClaims, {
    name: childNames(observed.server.metadata.name).volumeClaim,
    owned: reclaimPolicy === "Delete",
    body: { spec: { accessModes, storageClassName, resources: { requests: { storage: canonicalQuantity(size) } } } },
  });
}
