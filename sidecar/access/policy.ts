// One policy: deny rules before allow rules, and what neither names is refused (reference 3.1).
import { messageOf, KesError } from "../errors.ts";
import { compileRules } from "./rules.ts";
import type { Rules } from "./rules.ts";

export interface Policy {
  readonly name: string;
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Who holds it. */
  readonly identities: readonly string[];
  /** True if the configuration file has it, false if it was written through the API. */
  readonly configured: boolean;
  /** RFC 3339. */
  readonly createdAt: string;
  /** An identity. */
  readonly createdBy: string;
}

export type Decision = Allowed | Denied;

export interface Allowed {
  readonly allowed: true;
}

export interface Denied {
  readonly allowed: false;
  readonly reason: "identity-unknown" | "denied-by-rule" | "no-rule-allows";
  /** The policy that was asked; undefined when the identity is in none. */
  readonly policy: string | undefined;
  /** The deny rule that matched, or the rule that would have allowed the request. */
  readonly rule: string | undefined;
}

export const allowed: Allowed = { allowed: true };

export const identityUnknown: Denied = {
  allowed: false,
  reason: "identity-unknown",
  policy: undefined,
  rule: undefined,
};

/** A policy and its compiled rules. */
export class CompiledPolicy {
  readonly policy: Policy;
  readonly #allow: Rules;
  readonly #deny: Rules;

  /** @throws KesError ConfigInvalid when a pattern is bad */
  constructor(policy: Policy) {
    this.policy = policy;
    try {
      this.#allow = compileRules("allow", policy.allow);
      this.#deny = compileRules("deny", policy.deny);
    } catch (error) {
      throw new KesError("ConfigInvalid", `policy '${policy.name}': ${messageOf(error)}`, { cause: error });
    }
  }

  /** What the rules say about a path, uncached. */
  judge(path: string): Decision {
    const denial = this.#deny.find(path);
    if (denial !== undefined) return this.#denied("denied-by-rule", denial);
    return this.#allow.find(path) === undefined ? this.#denied("no-rule-allows", path) : allowed;
  }

  #denied(reason: Denied["reason"], rule: string): Denied {
    return { allowed: false, reason, policy: this.policy.name, rule };
  }
}
