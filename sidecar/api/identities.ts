// Identities as clients read them (reference 2.4, 8.2). The answer about oneself is the one the SDK can decode, about the
// caller and not about the empty path (reference D1).
import { KesError } from "../errors.ts";
import { jsonReply } from "../http/reply.ts";
import { identityName, listingPrefix } from "./names.ts";
import { ruleSet } from "./policies.ts";
import type { ApiCall, Handler } from "./state.ts";

export const describeIdentity: Handler = (call) => {
  const identity = identityName(call);
  const { access, startedAt } = call.state;
  const role = access.roleOf(identity);
  if (role === undefined) throw unknownIdentity(identity);
  if (role.kind === "admin") return jsonReply({ admin: true, created_at: startedAt });
  return jsonReply({ policy: role.policy, ...origin(call, role.policy) });
};

export const listIdentities: Handler = (call) => {
  const prefix = listingPrefix(call);
  const identities = call.state.access.identities().filter((identity) => identity.startsWith(prefix));
  return jsonReply({ identities, continue_at: "" });
};

export const describeSelf: Handler = (call) => {
  const { identity, state } = call;
  const role = identity === "" ? undefined : state.access.roleOf(identity);
  if (role === undefined) throw unknownIdentity(identity);
  if (role.kind === "admin") return jsonReply({ identity, admin: true, created_at: state.startedAt });
  const policy = state.access.policy(role.policy);
  return jsonReply({
    identity,
    ...origin(call, role.policy),
    policy: role.policy,
    allow: ruleSet(policy?.allow ?? []),
    deny: ruleSet(policy?.deny ?? []),
  });
};

function origin(call: ApiCall, policyName: string): { readonly created_at: string; readonly created_by: string } {
  const { access, startedAt } = call.state;
  const policy = access.policy(policyName);
  return { created_at: policy?.createdAt ?? startedAt, created_by: policy?.createdBy ?? access.admin };
}

function unknownIdentity(identity: string): KesError {
  return new KesError("IdentityNotFound", `identity '${identity}' is in no policy`);
}
