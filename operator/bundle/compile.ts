// The bundle compiler: from everything declared about one KesServer to what its pods are told (operator.md 2.4–2.7). A pure
// function of its input, in whatever order that comes: no clock, no calls, nothing remembered. It never throws over what
// somebody declared; what cannot be taken is left out, which denies, and its object's verdict says why and what to do.
import { encodeBundle } from "../../sidecar/contract/bundle.ts";
import type { Bundle, BundlePolicy, EncodedBundle } from "../../sidecar/contract/bundle.ts";
import { isIdentityHash } from "../../sidecar/contract/identity.ts";
import type { KesIdentity, KesKey, KesPolicy, KesServer } from "../api/generated.ts";
import type { KubeObject } from "../kube/object.ts";
import { asAdmin, findAdmin } from "./admin.ts";
import type { AdminFinding } from "./admin.ts";
import { assign } from "./assignment.ts";
import type { Assignment, Claim } from "./assignment.ts";
import { conflictOf } from "./conflict.ts";
import type { NamespaceLabels } from "./consent.ts";
import { nextEnd } from "./identities.ts";
import { listKeys } from "./keys.ts";
import { hear } from "./petition.ts";
import type { Petition } from "./petition.ts";
import { selectPolicies } from "./policies.ts";
import type { SelectedPolicy } from "./policies.ts";
import type { AdminVerdict, IdentityVerdict, PolicyVerdict, Verdicts } from "./verdict.ts";

export interface BundleInput {
  readonly server: KesServer;
  /** All of the server's namespace; its policySelector is applied in here. */
  readonly policies: readonly KesPolicy[];
  /** All whose serverRef names this server, of any namespace. Hashes are taken from their status; only a new one speaks for itself. */
  readonly identities: readonly KesIdentity[];
  /** Of the server's namespace, with a serverRef that names it. */
  readonly keys: readonly KesKey[];
  /** Labels by namespace; undefined: the operator may not list namespaces. */
  readonly namespaceLabels: NamespaceLabels;
  /** The bundle in force: a fingerprint that it demands of a key is never forgotten while the key stays listed. */
  readonly previous?: Bundle | undefined;
  /** Milliseconds since 1970: Retiring hashes end at their expiresAt. */
  readonly now: number;
}

export interface Compilation extends Verdicts {
  readonly bundle: Bundle;
  readonly encoded: EncodedBundle;
  readonly admin: AdminVerdict;
  /** How many hashes somebody claims who does not get them. */
  readonly conflicts: number;
  /** Milliseconds since 1970: when the result changes next by itself, because a Retiring hash ends. */
  readonly nextChange: number | undefined;
}

export function compileBundle(input: BundleInput): Compilation {
  const { server, namespaceLabels, now, previous } = input;
  const { namespace, name } = server.metadata;
  const policies = input.policies.filter((policy) => isLive(policy) && policy.metadata.namespace === namespace);
  const selected = selectPolicies(server, policies, namespaceLabels);
  const identities = input.identities.filter((identity) => isLive(identity) && refersTo(identity, server));
  const admin = findAdmin(server, identities, now);
  const all = new Map(policies.map((policy) => [policy.metadata.name, policy]));
  const petitions = identities.map((identity) => hear(identity, { server, selected, all, namespaceLabels, now }));
  const claims = [...listedClaims(selected), ...petitions.flatMap((petition) => petition.claims)];
  const assignment = assign(claims, admin.reserved);
  const { keys, verdicts } = listKeys(server, input.keys.filter(isLive), previous);
  const bundle: Bundle = {
    server: `${namespace}/${name}`,
    admin: admin.identity,
    policies: soundRules(selected),
    identities: new Map([...assignment.policies].filter(([, policy]) => selected.get(policy)?.rules !== undefined)),
    keys,
  };
  return {
    bundle,
    encoded: encodeBundle(bundle),
    ...judgeAll({ server, bundle, selected, petitions, admin, assignment }),
    keys: verdicts,
    admin: { identity: admin.identity, problem: admin.problem },
    conflicts: new Set(assignment.losses.map(({ claim }) => claim.hash)).size,
    nextChange: soonest(identities, now),
  };
}

/** What waits for its deletion counts as gone: its owner has said so, and a finalizer must not keep rights alive. */
function isLive({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp === undefined;
}

function refersTo({ metadata, spec }: KesIdentity, server: KesServer): boolean {
  const { name, namespace = metadata.namespace } = spec.serverRef;
  return name === server.metadata.name && namespace === server.metadata.namespace;
}

function listedClaims(selected: ReadonlyMap<string, SelectedPolicy>): readonly Claim[] {
  return [...selected].flatMap(([policy, { object }]) => {
    const hashes = object.spec.identities.filter(isIdentityHash);
    return hashes.map((hash): Claim => ({ hash, policy, by: object.metadata, standing: "listed" }));
  });
}

function soundRules(selected: ReadonlyMap<string, SelectedPolicy>): ReadonlyMap<string, BundlePolicy> {
  const sound = [...selected].flatMap(([name, { rules }]) => (rules === undefined ? [] : [[name, rules] as const]));
  return new Map(sound);
}

interface Findings {
  readonly server: KesServer;
  readonly bundle: Bundle;
  readonly selected: ReadonlyMap<string, SelectedPolicy>;
  readonly petitions: readonly Petition[];
  readonly admin: AdminFinding;
  readonly assignment: Assignment;
}

function judgeAll(findings: Findings): Pick<Verdicts, "policies" | "identities"> {
  const { bundle, selected, petitions, admin, assignment } = findings;
  const losses = Map.groupBy(assignment.losses, ({ claim }) => claim.by);
  const holders = Map.groupBy(bundle.identities.values(), (policy) => policy);
  const policies = [...selected].map(([name, { object, rules, accepted, notes }]): [string, PolicyVerdict] => {
    const conflicted = conflictOf(losses.get(object.metadata) ?? []);
    const generation = object.metadata.generation ?? 0;
    const identities = holders.get(name)?.length ?? 0;
    return [name, { generation, accepted, isInForce: rules !== undefined, conflicted, identities, notes }];
  });
  const identities = petitions.map((petition): [string, IdentityVerdict] => {
    const { identity } = petition;
    const { namespace, name, generation = 0 } = identity.metadata;
    const conflicted = conflictOf(losses.get(identity.metadata) ?? []);
    const accepted = identity === admin.object && admin.problem === undefined ? asAdmin : petition.accepted;
    return [`${namespace}/${name}`, { generation, accepted, conflicted, ...rightsOf(petition, findings) }];
  });
  return { policies: new Map(policies), identities: new Map(identities) };
}

/**
 * What the hashes of an identity may do, as far as it is its business: a hash is public, and who writes it down in another
 * namespace must not learn by that whose it is. Whose key was seen being made could ask the server itself.
 */
function rightsOf(
  { identity, hashes, claims }: Petition,
  { bundle, server }: Findings,
): Pick<IdentityVerdict, "policies" | "isAdmin"> {
  const isHome = identity.metadata.namespace === server.metadata.namespace;
  const policies = hashes.flatMap(({ hash, isIssued }) => {
    const policy = bundle.identities.get(hash);
    if (policy === undefined) return [];
    const isOwn = isHome || isIssued || claims.some((claim) => claim.hash === hash && claim.policy === policy);
    return isOwn ? [[hash, policy] as const] : [];
  });
  const isAdmin = isHome && bundle.admin !== "" && hashes.some(({ hash }) => hash === bundle.admin);
  return { policies: new Map(policies), isAdmin };
}

function soonest(identities: readonly KesIdentity[], now: number): number | undefined {
  const next = identities.reduce((soonest, identity) => Math.min(soonest, nextEnd(identity, now)), Infinity);
  return next === Infinity ? undefined : next;
}
