// What a KesIdentity asks of its server, judged before anybody else's claims are looked at: is there such a policy, does the
// server enforce it, and is it offered to this namespace?
import type { KesIdentity, KesPolicy, KesServer } from "../api/generated.ts";
import type { Claim } from "./assignment.ts";
import { refusalOf } from "./consent.ts";
import type { NamespaceLabels } from "./consent.ts";
import { heldHashes } from "./identities.ts";
import type { HeldHash } from "./identities.ts";
import { accepted, refused } from "./judgements.ts";
import type { SelectedPolicy } from "./policies.ts";
import type { Judgement } from "./verdict.ts";

export interface Petition {
  readonly identity: KesIdentity;
  readonly hashes: readonly HeldHash[];
  readonly accepted: Judgement;
  readonly claims: readonly Claim[];
}

export interface Offer {
  readonly server: KesServer;
  readonly selected: ReadonlyMap<string, SelectedPolicy>;
  /** Names of all policies of the server's namespace. */
  readonly all: ReadonlyMap<string, KesPolicy>;
  readonly namespaceLabels: NamespaceLabels;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function hear(identity: KesIdentity, offer: Offer): Petition {
  const hashes = heldHashes(identity, offer.now);
  const policy = identity.spec.policyRef?.name;
  if (policy === undefined) return { identity, hashes, accepted: withoutPolicy, claims: [] };
  const refusal = refusalOfPolicy(policy, identity, offer);
  if (refusal !== undefined) return { identity, hashes, accepted: refusal, claims: [] };
  const by = identity.metadata;
  const claims = hashes.map(({ hash, isIssued }): Claim => {
    return { hash, policy, by, standing: isIssued ? "issued" : "asserted" };
  });
  // A claim for a policy with a mistake in it stays a claim: the mistake must not hand the identity to the next claimant.
  const isSound = offer.selected.get(policy)?.rules !== undefined;
  return { identity, hashes, accepted: isSound ? accepted : unsound(policy), claims };
}

function refusalOfPolicy(name: string, identity: KesIdentity, offer: Offer): Judgement | undefined {
  const { namespace, name: server } = offer.server.metadata;
  const policy = offer.all.get(name);
  if (policy === undefined) {
    return refused(
      "PolicyNotFound",
      `there is no KesPolicy ${name} in namespace ${namespace}: make it there, or correct spec.policyRef.name`,
    );
  }
  if (!offer.selected.has(name)) {
    return refused(
      "PolicyNotSelected",
      `the server ${server} does not select the policy ${name}: label the policy as spec.policySelector of the server demands`,
    );
  }
  return refusalOf(policy, identity.metadata.namespace ?? "", offer.namespaceLabels);
}

const withoutPolicy: Judgement = {
  ...accepted,
  reason: "NoPolicy",
  message: "it names no policy and may do only what a KesPolicy allows that lists its hash",
};

function unsound(name: string): Judgement {
  return refused(
    "PolicyInvalid",
    `the policy ${name} has a mistake and is not in force: correct it; its conditions say what is wrong`,
  );
}
