// The mass-revocation brake (decisions O5). A list that came back short looks like many deletions, and obeying it would lock
// out everybody at once. So a bundle that takes the policy from most identities, without an edit or a deletion that was seen
// and explains it, has to persist for a while. What was asked for is never held.
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
  /** Milliseconds since 1970: since when updates of this kind are held, without one of another kind in between. */
  readonly heldSince: number | undefined;
  readonly now: number;
}

export type BrakeDecision =
  | { readonly kind: "publish" }
  /** `until`: milliseconds since 1970 at which it is let through if it still stands. */
  | { readonly kind: "hold"; readonly until: number; readonly judgement: Judgement };

export function judgeRevocation({ previous, next, asked, heldSince, now }: Revocation): BrakeDecision {
  const all = previous.identities.size;
  const lost = [...previous.identities.keys()].filter((hash) => !next.identities.has(hash) && !asked.has(hash)).length;
  if (all < fewest || 2 * lost <= all) return { kind: "publish" };
  // A clock that was set back must not make the wait longer.
  const until = Math.min(heldSince ?? now, now) + patience;
  if (now >= until) return { kind: "publish" };
  return { kind: "hold", until, judgement: held(lost, all) };
}

function held(lost: number, all: number): Judgement {
  return {
    status: "False",
    reason: "RevocationHeld",
    message:
      `an update would take access from ${lost} of ${all} identities, and no edit or deletion that was seen explains it. ` +
      "It is held for 30 s and goes out if it still stands then. If it is meant, wait, or set " +
      "spec.propagation.revocationBrake: false; if not, look for KesIdentities, KesPolicies or labels that went missing",
  };
}
