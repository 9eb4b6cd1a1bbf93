// Who may do what: an identity and a decoded path in, allowed or denied with the reason out (reference 3.1). An Access
// is one immutable generation of admin, policies and assignments; a reload or a write through the API builds another.
// The admin may do everything, an identity holds at most one policy, deny rules come before allow rules.
// Decisions are remembered, since a client asks for the same few paths for ever. What is remembered is chosen by
// clients, so its number and size are bounded.
import { isIdentityHash } from "../contract/identity.ts";
import { byBytes } from "../contract/names.ts";
import { configuredAssignments } from "./assignments.ts";
import type { AccessSource } from "./assignments.ts";
import type { Overlay } from "./overlay.ts";
import { allowed, CompiledPolicy, identityUnknown } from "./policy.ts";
import type { Decision, Policy } from "./policy.ts";

export type { AccessSource } from "./assignments.ts";
export type { Decision, Policy } from "./policy.ts";

export type Role = { readonly kind: "admin" } | { readonly kind: "policy"; readonly policy: string };

export interface Access {
  /** The configured admin; a text that is not an identity hash means that there is none. */
  readonly admin: string;
  /** @param path the decoded URL path */
  decide(identity: string, path: string): Decision;
  roleOf(identity: string): Role | undefined;
  policy(name: string): Policy | undefined;
  /** In byte order. */
  policyNames(): readonly string[];
  /** Everyone with a role, the admin's text included, in byte order. */
  identities(): readonly string[];
  isProxy(identity: string): boolean;
}

export interface AccessInput extends AccessSource {
  /** What was written through the API since the start. Where it contradicts the configuration, that wins. */
  readonly overlay?: Overlay;
  /** RFC 3339: when configured policies count as created. */
  readonly startedAt: string;
}

/** @throws KesError ConfigInvalid when an identity has two roles or a pattern is bad */
export function buildAccess(input: AccessInput): Access {
  return new PolicyAccess(input);
}

/** Longer paths than any valid request has are judged each time. */
const maxRememberedPath = 256;
/** Over all policies. At the longest paths this is less than 10 MB. */
const maxRemembered = 16_384;

/** A policy with what it decided so far. */
interface Grant {
  readonly compiled: CompiledPolicy;
  readonly decisions: Map<string, Decision>;
}

class PolicyAccess implements Access {
  readonly admin: string;
  readonly #superuser: string | undefined;
  readonly #proxies: ReadonlySet<string>;
  readonly #byName = new Map<string, Grant>();
  readonly #byIdentity = new Map<string, Grant>();
  #remembered = 0;

  constructor(input: AccessInput) {
    this.admin = input.admin;
    this.#superuser = isIdentityHash(input.admin) ? input.admin : undefined;
    this.#proxies = new Set(input.proxies);
    const assignments = allAssignments(input);
    const holders = Map.groupBy(assignments.keys(), (identity) => assignments.get(identity) ?? "");
    for (const policy of allPolicies(input)) {
      const compiled = new CompiledPolicy({ ...policy, identities: holders.get(policy.name) ?? [] });
      this.#byName.set(policy.name, { compiled, decisions: new Map() });
    }
    for (const [identity, name] of assignments) {
      const grant = this.#byName.get(name);
      if (grant !== undefined) this.#byIdentity.set(identity, grant);
    }
  }

  decide(identity: string, path: string): Decision {
    if (identity === this.#superuser) return allowed;
    const grant = this.#byIdentity.get(identity);
    if (grant === undefined) return identityUnknown;
    return grant.decisions.get(path) ?? this.#judge(grant, path);
  }

  roleOf(identity: string): Role | undefined {
    if (identity !== "" && identity === this.admin) return { kind: "admin" };
    const grant = this.#byIdentity.get(identity);
    return grant === undefined ? undefined : { kind: "policy", policy: grant.compiled.policy.name };
  }

  policy(name: string): Policy | undefined {
    return this.#byName.get(name)?.compiled.policy;
  }

  policyNames(): readonly string[] {
    return Array.from(this.#byName.keys()).toSorted(byBytes);
  }

  identities(): readonly string[] {
    return [this.admin, ...this.#byIdentity.keys()].toSorted(byBytes);
  }

  isProxy(identity: string): boolean {
    return this.#proxies.has(identity);
  }

  #judge(grant: Grant, path: string): Decision {
    if (path.length > maxRememberedPath) return withoutLongRule(grant.compiled.judge(path));
    // A path cut out of a long request target can keep all of that alive (V8 of Node 20 does so); a copy does not.
    const own = Buffer.from(path).toString();
    const decision = grant.compiled.judge(own);
    if (this.#remembered >= maxRemembered) this.#forgetDecisions();
    this.#remembered++;
    grant.decisions.set(own, decision);
    return decision;
  }

  #forgetDecisions(): void {
    for (const grant of this.#byName.values()) grant.decisions.clear();
    this.#remembered = 0;
  }
}

/** The configured policies, and the written ones whose names are free. */
function* allPolicies({ policies, overlay, admin, startedAt }: AccessInput): Generator<Omit<Policy, "identities">> {
  for (const [name, { allow, deny }] of policies) {
    yield { name, allow, deny, configured: true, createdAt: startedAt, createdBy: admin };
  }
  for (const written of overlay?.policies.values() ?? []) {
    if (!policies.has(written.name)) yield { ...written, configured: false };
  }
}

/** The configured assignments, and the written ones of identities that have no role in the configuration. */
function allAssignments(input: AccessInput): ReadonlyMap<string, string> {
  const assignments = configuredAssignments(input);
  for (const [identity, name] of input.overlay?.assignments ?? []) {
    const free = identity !== input.admin && !input.proxies.includes(identity) && !assignments.has(identity);
    if (free) assignments.set(identity, name);
  }
  return assignments;
}

/** Logs should not repeat a path of many kilobytes as the rule that is missing. */
function withoutLongRule(decision: Decision): Decision {
  return decision.allowed || decision.reason === "denied-by-rule" ? decision : { ...decision, rule: undefined };
}
