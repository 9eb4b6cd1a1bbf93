// What of a visit to a policy is worth an event: what somebody who looks for a cause later would want to find. Pure.
import { findCondition } from "../../api/conditions.ts";
import type { KesPolicy, KesPolicyStatus, PolicyBinding } from "../../api/generated.ts";
import type { PolicyVerdict } from "../../bundle/verdict.ts";
import type { EventRecorder } from "../../kube/events.ts";

type Event = Parameters<EventRecorder["record"]>[0];

/** More patterns than these are only counted. */
const maxNotes = 5;

/** @param status the new one, as it was written @param verdicts of the servers that have looked */
export function policyEvents(
  policy: KesPolicy,
  status: KesPolicyStatus,
  verdicts: readonly PolicyVerdict[],
): readonly Event[] {
  const warn = (reason: string, message: string): Event => {
    return { regarding: policy, type: "Warning", reason, action: "Reconcile", message };
  };
  return [
    ...(status.bindings ?? []).flatMap((binding) => {
      const before = policy.status?.bindings?.find(({ server }) => server === binding.server);
      return (
        binding.conditions?.flatMap(({ type, reason, message }) => {
          return isNewTrouble(type, before, binding) ? [warn(reason, `${binding.server}: ${message}`)] : [];
        }) ?? []
      );
    }),
    ...notesOf(policy, verdicts).map((note) => warn("PatternReadDifferently", note)),
  ];
}

/** Programmed is left out: it is False for a moment after every edit. */
function isNewTrouble(type: string, before: PolicyBinding | undefined, now: PolicyBinding): boolean {
  const trouble = { Accepted: "False", Conflicted: "True" }[type];
  if (trouble === undefined || (type !== "Accepted" && type !== "Conflicted")) return false;
  const [was, is] = [before, now].map((binding) => findCondition(binding?.conditions, type));
  return is?.status === trouble && (was?.status !== trouble || was.reason !== is.reason);
}

/** Once for each edit: the status remembers which one was seen. */
function notesOf({ status }: KesPolicy, verdicts: readonly PolicyVerdict[]): readonly string[] {
  const [verdict] = verdicts;
  const seen = status?.bindings?.some(({ observedGeneration }) => observedGeneration === verdict?.generation) ?? false;
  if (verdict === undefined || seen) return [];
  const more = verdict.notes.length - maxNotes;
  return more > 0 ? [...verdict.notes.slice(0, maxNotes), `and ${more} more patterns`] : verdict.notes;
}
