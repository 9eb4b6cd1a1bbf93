// Policies as clients read them (reference 2.4). Writing them exists only among the older routes.
import { byBytes } from "../contract/names.ts";
import { KesError } from "../errors.ts";
import type { Policy } from "../access/access.ts";
import { jsonReply } from "../http/reply.ts";
import { listingPrefix, policyName } from "./names.ts";
import type { ApiCall, Handler } from "./state.ts";

export const describePolicy: Handler = (call) => {
  const { name, createdAt, createdBy } = policyOf(call);
  return jsonReply({ name, created_at: createdAt, created_by: createdBy });
};

export const readPolicy: Handler = (call) => {
  const policy = policyOf(call);
  return jsonReply({
    name: policy.name,
    allow: ruleSet(policy.allow),
    deny: ruleSet(policy.deny),
    created_at: policy.createdAt,
    created_by: policy.createdBy,
  });
};

export const listPolicies: Handler = (call) => {
  const prefix = listingPrefix(call);
  const names = call.state.access.policyNames().filter((name) => name.startsWith(prefix));
  return jsonReply({ names, continue_at: "" });
};

/** Patterns as the sorted keys of an object, as clients decode them; undefined = left out. */
export function ruleSet(patterns: readonly string[]): Readonly<Record<string, object>> | undefined {
  if (patterns.length === 0) return undefined;
  return Object.fromEntries(patterns.toSorted(byBytes).map((pattern) => [pattern, {}]));
}

function policyOf(call: ApiCall): Policy {
  const name = policyName(call);
  const policy = call.state.access.policy(name);
  if (policy === undefined) throw new KesError("PolicyNotFound", `policy '${name}' does not exist`);
  return policy;
}
