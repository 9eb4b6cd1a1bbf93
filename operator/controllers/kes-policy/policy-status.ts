// The status of a KesPolicy: one binding for each server that selects it, and the summary over them. Pure.
import { completeConditions, findCondition, setCondition } from "../../api/conditions.ts";
import type { ConditionType } from "../../api/conditions.ts";
import type { Condition, KesPolicy, KesPolicyStatus, PolicyBinding } from "../../api/generated.ts";
import { policyReasons } from "../../api/reasons.ts";
import type { Finding } from "../../bundle/verdict-board.ts";
import type { Judgement, PolicyVerdict } from "../../bundle/verdict.ts";

export interface PolicyView {
  readonly policy: KesPolicy;
  /** Names of the servers that select it. */
  readonly servers: readonly string[];
  /** What they say, as far as they have looked since the operator was started. */
  readonly findings: readonly (Pick<Finding<PolicyVerdict>, "verdict" | "programmed"> & { readonly name: string })[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Of a binding. `Conflicted` is about spec.identities: True says that a hash is somebody else's. */
const bindingTypes: readonly ConditionType[] = ["Accepted", "Programmed", "Conflicted"];
const summaryTypes: readonly ConditionType[] = ["Ready", "Accepted"];
/** What the schema takes. */
const maxBindings = 64;

export function policyStatus(view: PolicyView): KesPolicyStatus {
  const { policy, servers, now } = view;
  const bindings = servers.toSorted().map((name) => bindingOf(name, view));
  const generation = policy.metadata.generation ?? 0;
  // What the slowest of them has seen: a status must not look newer than what stands behind it.
  const observedGeneration = Math.min(generation, ...bindings.flatMap((binding) => binding.observedGeneration ?? []));
  const found = { Accepted: accepted(bindings), Ready: ready(bindings) };
  const conditions = summaryTypes.reduce<readonly Condition[]>((list, type) => {
    const judgement = type === "Ready" ? found.Ready : found.Accepted;
    return setCondition(list, { type, ...judgement, observedGeneration }, now);
  }, policy.status?.conditions ?? []);
  return {
    observedGeneration,
    servers: servers.length,
    identities: bindings.reduce((sum, { identities = 0 }) => sum + identities, 0),
    bindings: bindings.slice(0, maxBindings),
    conditions: completeConditions(conditions, summaryTypes, { observedGeneration, now }),
  };
}

function bindingOf(server: string, { policy, findings, now }: PolicyView): PolicyBinding {
  const before = policy.status?.bindings?.find((binding) => binding.server === server);
  const finding = findings.find(({ name }) => name === server);
  if (finding === undefined) {
    // After a start of the operator servers are looked at anew; until then what was true is still the best guess.
    if (before !== undefined) return before;
    const observedGeneration = policy.metadata.generation ?? 0;
    return { server, identities: 0, conditions: completeConditions([], bindingTypes, { observedGeneration, now }) };
  }
  const { verdict, programmed } = finding;
  const { generation: observedGeneration, identities } = verdict;
  const found: readonly (readonly [ConditionType, Judgement])[] = [
    ["Accepted", verdict.accepted],
    // What no bundle holds cannot be on its way to the pods, whatever they have confirmed.
    ["Programmed", verdict.isInForce ? programmed : { ...verdict.accepted, status: "False" }],
    ["Conflicted", verdict.conflicted],
  ];
  const conditions = found.reduce<readonly Condition[]>((list, [type, { status, reason, message }]) => {
    return setCondition(list, { type, status, reason, message, observedGeneration }, now);
  }, before?.conditions ?? []);
  return { server, observedGeneration, identities, conditions };
}

/** With what servers say of a policy that is in force: every one of them says the same of its patterns. */
function remarked(sentence: string, accepted: readonly Judgement[]): string {
  const remark = accepted.find(({ message }) => message !== "")?.message;
  return remark === undefined ? sentence : `${sentence}; ${remark}`;
}

interface Said extends Judgement {
  readonly server: string;
}

function accepted(bindings: readonly PolicyBinding[]): Judgement {
  const said = bindings.map(({ server, conditions }): Said => ({ server, ...judgementOf(conditions, "Accepted") }));
  return worst(said) ?? { status: "True", reason: "Accepted", message: remarked(policyReasons.Accepted, said) };
}

function ready(bindings: readonly PolicyBinding[]): Judgement {
  const said = bindings.map(({ server, conditions }): Said => ({ server, ...readiness(conditions) }));
  const accepted = bindings.map(({ conditions }) => judgementOf(conditions, "Accepted"));
  return worst(said) ?? { status: "True", reason: "Ready", message: remarked(policyReasons.Ready, accepted) };
}

/** The first of a binding's conditions that is not as it should be, in the order in which people have to deal with them. */
function readiness(conditions: PolicyBinding["conditions"]): Judgement {
  const accepted = judgementOf(conditions, "Accepted");
  if (accepted.status !== "True") return accepted;
  const conflicted = judgementOf(conditions, "Conflicted");
  return conflicted.status === "True" ? { ...conflicted, status: "False" } : judgementOf(conditions, "Programmed");
}

function judgementOf(conditions: PolicyBinding["conditions"], type: ConditionType): Judgement {
  const { status, reason, message } = findCondition(conditions, type) ?? pending;
  return { status, reason, message };
}

const pending: Judgement = { status: "Unknown", reason: "Pending", message: policyReasons.Pending };

/** What the summary says when not every server is content; undefined: all are. */
function worst(said: readonly Said[]): Judgement | undefined {
  if (said.length === 0) return { status: "False", reason: "Unused", message: policyReasons.Unused };
  const first = said.find(({ status }) => status === "False") ?? said.find(({ status }) => status === "Unknown");
  if (first === undefined) return undefined;
  const { status, reason, message, server } = first;
  return { status, reason, message: said.length > 1 ? `server ${server}: ${message}` : message };
}
