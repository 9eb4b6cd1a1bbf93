// The rights that the chart gives to the operator, one by one.
import type { Json } from "../env/kubernetes/api-client.ts";
import { rightOf } from "./refusing-authorizer.ts";
import type { Right } from "./refusing-authorizer.ts";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** Of the roles that are bound to `account`, in whatever namespace. @param objects that the chart makes */
export function rightsIn(objects: readonly Json[], account: string): ReadonlySet<Right> {
  const bindings = objects.filter(({ kind }) => kind === "ClusterRoleBinding" || kind === "RoleBinding");
  const bound = new Set(bindings.filter((binding) => names(binding, account)).map(roleOf));
  const rules = objects
    .filter(({ kind, metadata }) => bound.has(`${kind}/${metadata.name}`))
    .flatMap((role): readonly Rule[] => role.rules);
  return new Set(rules.flatMap(rightsOf));
}

function names({ subjects }: Json, account: string): boolean {
  const named: readonly { readonly name: string }[] = subjects;
  return named.some(({ name }) => name === account);
}

function roleOf({ roleRef }: Json): string {
  return `${roleRef.kind}/${roleRef.name}`;
}

function rightsOf({ apiGroups, resources, verbs }: Rule): readonly Right[] {
  return apiGroups.flatMap((group) => {
    return resources.flatMap((resource) => verbs.map((verb) => rightOf(verb, group, resource)));
  });
}
