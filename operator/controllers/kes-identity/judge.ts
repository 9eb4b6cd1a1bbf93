// What a condition of an identity says: what was found, and behind it what to do.
import { identityReasons } from "../../api/reasons.ts";
import type { Judgement } from "../../bundle/verdict.ts";

export type IdentityReason = keyof typeof identityReasons;

/** @param found a clause without a full stop; empty: the reason's own sentence is enough */
export function judge(status: Judgement["status"], reason: IdentityReason, found = ""): Judgement {
  const remedy = identityReasons[reason];
  if (status === "True") return { status, reason, message: found === "" ? remedy : found };
  return { status, reason, message: found === "" ? remedy : `${found}; ${remedy}` };
}
