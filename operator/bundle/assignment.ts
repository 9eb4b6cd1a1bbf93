// Who gets which policy, where more than one asks (operator.md 2.5). Hashes are public: whoever has seen one can write it
// down. So a claim never takes anything from one that is better founded, and among equals the older claimant has it. Who
// loses is left out; the winner notices nothing.
import { byBytes } from "../../sidecar/contract/names.ts";
import type { ObjectMeta } from "../kube/object.ts";

/** `hash` is to have `policy`, says `by`. */
export interface Claim {
  readonly hash: string;
  /** Name of a policy that the server selects. */
  readonly policy: string;
  readonly by: ObjectMeta;
  readonly standing: Standing;
}

/** How well a claim is founded, the best first. */
export type Standing = (typeof standings)[number];

const standings = [
  // Written in a KesPolicy: its owner owns the server.
  "listed",
  // Of a KesIdentity whose key the operator saw being made.
  "issued",
  // Of a KesIdentity that names a hash or a certificate: no proof of having the key.
  "asserted",
] as const;

export interface Assignment {
  /** Policy by hash. */
  readonly policies: ReadonlyMap<string, string>;
  readonly losses: readonly Loss[];
}

export interface Loss {
  readonly claim: Claim;
  /** undefined: the hash is reserved. */
  readonly winner: Claim | undefined;
}

/** @param reserved hashes with a role of their own: the admin's and those of TLS proxies */
export function assign(claims: readonly Claim[], reserved: ReadonlySet<string>): Assignment {
  const policies = new Map<string, string>();
  const losses: Loss[] = [];
  for (const [hash, rivals] of Map.groupBy(claims, (claim) => claim.hash)) {
    const winner = reserved.has(hash) ? undefined : best(rivals);
    if (winner !== undefined) policies.set(hash, winner.policy);
    // Claims for one and the same policy do not contradict each other.
    const losers = rivals.filter(({ policy }) => policy !== winner?.policy);
    losses.push(...losers.map((claim) => ({ claim, winner })));
  }
  return { policies, losses };
}

function best(rivals: readonly Claim[]): Claim | undefined {
  return rivals.length > 1 ? rivals.toSorted(byPrecedence)[0] : rivals[0];
}

function byPrecedence(a: Claim, b: Claim): number {
  return standings.indexOf(a.standing) - standings.indexOf(b.standing) || byAge(a.by, b.by);
}

/** The older first; those of one second by `namespace/name`. */
export function byAge(a: ObjectMeta, b: ObjectMeta): number {
  const [first, second] = [createdAt(a), createdAt(b)];
  if (first !== second) return first < second ? -1 : 1;
  return byBytes(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`);
}

/** What has no date is the youngest. */
function createdAt({ creationTimestamp = "" }: ObjectMeta): number {
  const time = Date.parse(creationTimestamp);
  return Number.isNaN(time) ? Infinity : time;
}
