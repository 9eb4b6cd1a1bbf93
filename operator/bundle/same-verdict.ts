// Whether two verdicts say the same. By hand, since ten thousand of them are compared each time a bundle changes.
import type { IdentityVerdict, Judgement, KeyVerdict, PolicyVerdict } from "./verdict.ts";

export function sameJudgement(a: Judgement | undefined, b: Judgement | undefined): boolean {
  if (a === b) return true;
  return a?.status === b?.status && a?.reason === b?.reason && a?.message === b?.message;
}

export function samePolicyVerdict(a: PolicyVerdict, b: PolicyVerdict): boolean {
  if (a.generation !== b.generation || a.identities !== b.identities || a.isInForce !== b.isInForce) return false;
  if (a.notes.length !== b.notes.length || a.notes.some((note, at) => note !== b.notes[at])) return false;
  return sameJudgement(a.accepted, b.accepted) && sameJudgement(a.conflicted, b.conflicted);
}

export function sameIdentityVerdict(a: IdentityVerdict, b: IdentityVerdict): boolean {
  if (a.generation !== b.generation || a.isAdmin !== b.isAdmin) return false;
  if (!sameJudgement(a.accepted, b.accepted) || !sameJudgement(a.conflicted, b.conflicted)) return false;
  return sameEntries(a.policies, b.policies);
}

export function sameKeyVerdict(a: KeyVerdict, b: KeyVerdict): boolean {
  if (a.generation !== b.generation || a.name !== b.name || a.expected !== b.expected) return false;
  return sameJudgement(a.accepted, b.accepted);
}

export function sameEntries<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) if (b.get(key) !== value || !b.has(key)) return false;
  return true;
}
