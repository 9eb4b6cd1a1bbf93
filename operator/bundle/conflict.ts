// The condition Conflicted, of those whose claim lost. It names the winner only to its neighbours: who else claims a hash is
// nobody's business in another namespace.
import { byBytes } from "../../sidecar/contract/names.ts";
import type { ObjectMeta } from "../kube/object.ts";
import type { Loss } from "./assignment.ts";
import { noConflict } from "./judgements.ts";
import type { Judgement } from "./verdict.ts";

/** @param losses of one object */
export function conflictOf(losses: readonly Loss[]): Judgement {
  // The same one at each visit, or the message would change for no reason.
  const [loss] = losses.toSorted(byGravity);
  if (loss === undefined) return noConflict;
  const { claim, winner } = loss;
  const others = losses.length > 1 ? ` (and ${losses.length - 1} more)` : "";
  const subject = `${claim.hash.slice(0, 12)}…${others}`;
  if (winner === undefined) return conflicted("ReservedIdentity", `${subject} ${reserved}`);
  const { namespace } = claim.by;
  const whom = namespace === winner.by.namespace ? `, ${describe(winner.by, winner.standing)}` : "";
  return conflicted(
    "IdentityAlreadyAssigned",
    `${subject} has another policy by a claim that takes precedence${whom}. ${remedy[claim.standing]}`,
  );
}

/** Hashes that nobody can win first. */
function byGravity(a: Loss, b: Loss): number {
  return Number(b.winner === undefined) - Number(a.winner === undefined) || byBytes(a.claim.hash, b.claim.hash);
}

const reserved =
  "is the server's admin or one of its TLS proxies, which hold no policy: give the client a key of its own, or remove it there";

const remedy = {
  listed: "Remove it from spec.identities of all policies but one",
  issued: "The owner of the server decides by listing it in spec.identities of a KesPolicy",
  asserted:
    "Give the client a key of its own, or ask the owner of the server to list it in spec.identities of a KesPolicy",
} as const;

function describe({ name }: ObjectMeta, standing: string): string {
  return standing === "listed" ? `of the KesPolicy ${name}` : `of the KesIdentity ${name}`;
}

function conflicted(reason: string, message: string): Judgement {
  return { status: "True", reason, message };
}
