// Role and RoleBinding `<server>-bundle-reader`: the one right of a server in the Kubernetes API, to read its own policies.
import { refOfObject } from "../../../kube/object.ts";
import { roleBindings, roles } from "./child-kinds.ts";
import { childNames } from "./child-names.ts";
import { child } from "./child.ts";
import type { PlannedObject } from "./child.ts";
import type { Observed } from "./observed.ts";
import { policyReaders } from "./policies-source.ts";

export function bundleReader(observed: Observed): readonly PlannedObject[] {
  const { server } = observed;
  const { bundle, bundleReader: name } = childNames(server.metadata.name);
  const { namespace } = refOfObject(server);
  const rule = { apiGroups: [""], resources: ["configmaps"], resourceNames: [bundle], verbs: ["get", "list", "watch"] };
  const subjects = policyReaders(server).map((account) => ({ kind: "ServiceAccount", name: account, namespace }));
  const roleRef = { apiGroup: roles.group, kind: roles.kind, name };
  return [
    child(observed, roles, { name, body: { rules: [rule] } }),
    child(observed, roleBindings, { name, body: { roleRef, subjects } }),
  ];
}
