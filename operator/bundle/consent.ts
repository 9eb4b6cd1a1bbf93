// Whether a policy is offered to the KesIdentities of a namespace (operator.md 2.4). The policy's owner decides, by the
// name or the labels of the namespace, which the consumer has no say in.
import type { AllowedNamespaces, KesPolicy } from "../api/generated.ts";
import { refused } from "./judgements.ts";
import { selects } from "./label-selector.ts";
import type { Labels } from "./label-selector.ts";
import type { Judgement } from "./verdict.ts";

/** Labels by namespace; undefined: they may not be read. */
export type NamespaceLabels = ReadonlyMap<string, Labels> | undefined;

type Judge = (policy: KesPolicy, namespace: string, labels: NamespaceLabels) => Judgement | undefined;

const judges: Readonly<Record<AllowedNamespaces["from"], Judge>> = {
  All: () => undefined,
  Same: (policy, namespace) => {
    if (policy.metadata.namespace === namespace) return undefined;
    return notAllowed(policy, "Set spec.allowedNamespaces there to from: Names and list it");
  },
  Names: (policy, namespace) => {
    const { names = [] } = policy.spec.allowedNamespaces;
    if (policy.metadata.namespace === namespace || names.includes(namespace)) return undefined;
    return notAllowed(policy, "Add it to spec.allowedNamespaces.names there");
  },
  Selector: (policy, namespace, labels) => {
    if (labels === undefined) return unreadable(policy);
    const found = labels.get(namespace);
    const { selector } = policy.spec.allowedNamespaces;
    if (found !== undefined && selector !== undefined && selects(selector, found)) return undefined;
    return notAllowed(policy, "Label the namespace as spec.allowedNamespaces.selector there demands");
  },
};

/** @returns why not; undefined: it is */
export function refusalOf(policy: KesPolicy, namespace: string, labels: NamespaceLabels): Judgement | undefined {
  return judges[policy.spec.allowedNamespaces.from](policy, namespace, labels);
}

function notAllowed({ metadata }: KesPolicy, remedy: string): Judgement {
  return refused(
    "NotAllowedByPolicy",
    `the policy ${metadata.name} is not offered to this namespace. ${remedy}, or ask its owner to`,
  );
}

function unreadable({ metadata }: KesPolicy): Judgement {
  return refused(
    "NotAllowedByPolicy",
    `the policy ${metadata.name} is offered by labels of namespaces, which this operator may not read. Use from: Names in its spec.allowedNamespaces, or let the operator list namespaces`,
  );
}
