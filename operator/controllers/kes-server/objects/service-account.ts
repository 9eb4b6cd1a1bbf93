// The ServiceAccount of the pods. Its token is mounted where it is used and nowhere else.
import { serviceAccounts } from "./child-kinds.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import type { Observed } from "./observed.ts";
import { serviceAccountName } from "./policies-source.ts";

export function serviceAccount(observed: Observed): PlannedObject {
  const { server } = observed;
  return child(observed, serviceAccounts, {
    name: serviceAccountName(server),
    annotations: server.spec.serviceAccount.annotations,
    body: { automountServiceAccountToken: false },
  });
}
