// Conditions as KEP-1623 wants them: every known type is there from the first visit on, lastTransitionTime moves only with
// the status, and the order is always the same, so that equal findings are equal bytes.
import type { Condition } from "./generated.ts";

export const serverConditions = [
  "Ready",
  "Accepted",
  "CertificateReady",
  "Available",
  "KeystoreReachable",
  "PoliciesSynced",
  "Conflicted",
] as const;
export const policyConditions = ["Ready", "Accepted"] as const;
/** Of each entry of a policy's status.bindings. */
export const bindingConditions = ["Accepted", "Programmed", "Conflicted"] as const;
export const identityConditions = ["Ready", "Accepted", "Issued", "Programmed", "Conflicted"] as const;
export const keyConditions = ["Ready", "KeyMissing", "KeyChanged"] as const;

export type ConditionType =
  | (typeof serverConditions)[number]
  | (typeof policyConditions)[number]
  | (typeof bindingConditions)[number]
  | (typeof identityConditions)[number]
  | (typeof keyConditions)[number];

/** What was found; when it began to be so is worked out here. */
export interface Finding {
  readonly type: ConditionType;
  readonly status: Condition["status"];
  /** One of reasons.ts. */
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
}

const order: readonly string[] = [
  ...serverConditions.slice(0, 2),
  "Issued",
  ...serverConditions.slice(2, 6),
  "Programmed",
  "Conflicted",
  "KeyMissing",
  "KeyChanged",
];

/** `conditions` with `finding` in place of the one of its type. `now`: milliseconds since the epoch. */
export function setCondition(conditions: readonly Condition[], finding: Finding, now: number): readonly Condition[] {
  const { type, status, reason, message, observedGeneration } = finding;
  const before = conditions.find((condition) => condition.type === type);
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timestamp(now);
  const next: Condition = { type, status, reason, message, observedGeneration, lastTransitionTime };
  return [...conditions.filter((condition) => condition !== before), next].toSorted(byOrder);
}

/** `conditions` with an Unknown one for each of `types` that is missing; what is of no known type goes. */
export function completeConditions(
  conditions: readonly Condition[],
  types: readonly ConditionType[],
  { observedGeneration, now }: { readonly observedGeneration: number; readonly now: number },
): readonly Condition[] {
  const known = conditions.filter(({ type }) => types.some((each) => each === type));
  const missing = types.filter((type) => known.every((condition) => condition.type !== type));
  return missing.reduce<readonly Condition[]>((list, type) => {
    const unknown = { type, status: "Unknown", reason: "Pending", message: "not looked at yet", observedGeneration };
    return setCondition(list, { ...unknown, status: "Unknown" }, now);
  }, known.toSorted(byOrder));
}

export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: ConditionType,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isTrue(conditions: readonly Condition[] | undefined, type: ConditionType): boolean {
  return findCondition(conditions, type)?.status === "True";
}

function byOrder(a: Condition, b: Condition): number {
  return order.indexOf(a.type) - order.indexOf(b.type);
}

/** RFC 3339 in whole seconds, as Kubernetes writes times. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
