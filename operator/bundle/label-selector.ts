// metav1.LabelSelector: all requirements must hold; one without any selects everything.
import type { LabelRequirement, LabelSelector } from "../api/generated.ts";

export type Labels = Readonly<Record<string, string>>;

export function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels = {}): boolean {
  const has = (key: string, value: string): boolean => Object.hasOwn(labels, key) && labels[key] === value;
  if (!Object.entries(matchLabels).every(([key, value]) => has(key, value))) return false;
  return matchExpressions.every((requirement) => holds(requirement, labels));
}

const operators: Readonly<
  Record<LabelRequirement["operator"], (value: string | undefined, values: readonly string[]) => boolean>
> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

function holds({ key, operator, values = [] }: LabelRequirement, labels: Labels): boolean {
  return operators[operator](Object.hasOwn(labels, key) ? labels[key] : undefined, values);
}
