// The mass-revocation brake (decisions O5). A list that came back short looks like many deletions, and obeying it would lock
// out everybody at once. So what takes the policy from most identities, without an edit or a deletion that was seen and
// explains it, has to persist for a while. What was asked for is never held, and what else there is to say goes out meanwhile.
import type { Bundle } from "../../sidecar/contract/bundle.ts";
import type { Judgement } from "./verdict.ts";

/** Fewer identities than these are not braked: losing half of three is an ordinary edit. */
const fewest = 20;
/** Milliseconds. */
const patience = 30_000;

export interface Revocation {
  /** In force; after a restart, as it stands in the ConfigMap. */
  readonly previous: Bundle;
  readonly next: Bundle;
  /** Hashes whose removal is explained by an edit or a deletion that was seen. */
  readonly asked: ReadonlySet<string>;
  /** Milliseconds since 1970: since when removals are held, without a moment in between at which there were none. */
  readonly heldSince: number | undefined;
  readonly now: number;
}

export type BrakeDecision =
  | { readonly kind: "publish" }
  /** `until`: milliseconds since 1970 at which it is let through if it still stands. */
  | {
      readonly kind: "hold";
      readonly until: number;
      /** By hash, the policy that nobody may take away before. */
      readonly withheld: ReadonlyMap<string, string>;
      readonly judgement: Judgement;
    };

export function judgeRevocation({ previous, next, asked, heldSince, now }: Revocation): BrakeDecision {
  const all = previous.identities.size;
  const losers = [...previous.identities].filter(([hash]) => !next.identities.has(hash) && !asked.has(hash));
  const lost = losers.length;
  // Once held, always held: who is admitted meanwhile must not make a small loss of it.
  const isSmall = heldSince === undefined && (all < fewest || 2 * lost <= all);
  if (lost === 0 || isSmall) return { kind: "publish" };
  // A clock that was set back must not make the wait longer.
  const until = Math.min(heldSince ?? now, now) + patience;
  if (now >= until) return { kind: "publish" };
  return { kind: "hold", until, withheld: new Map(losers), judgement: held(lost, all) };
}

/** `next`, but those of `withheld` keep the policy that they have in `previous`. */
export function withoutLoss(previous: Bundle, next: Bundle, withheld: ReadonlyMap<string, string>): Bundle {
  const needed = new Set(withheld.values());
  const rules = [...previous.policies].filter(([name]) => needed.has(name) && !next.policies.has(name));
  const kept = [...withheld].filter(([hash]) => hash !== next.admin);
  return {
    ...next,
    policies: new Map([...next.policies, ...rules]),
    identities: new Map([...next.identities, ...kept]),
  };
}

function held(lost: number, all: number): Judgement {
  return {
    status: "False",
    reason: "RevocationHeld",
    message:
      `an update would take access from ${lost} of ${all} identities, and no edit or deletion that was seen explains it. ` +
      "That part of it is held for 30 s and goes out if it still stands then. If it is meant, wait, or set " +
      "spec.propagation.revocationBrake: false; if not, look for KesIdentities, KesPolicies or labels that went missing",
  };
}
