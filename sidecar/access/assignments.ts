// Which identity holds which policy, by the configuration file alone: each at most one, and neither the admin nor a
// TLS proxy holds any (reference 3.5).
import type { PolicyConfig } from "../contract/config.ts";
import { KesError } from "../errors.ts";

/** What the configuration says about access. */
export interface AccessSource {
  /** A text that is not an identity hash means that there is no admin. */
  readonly admin: string;
  readonly policies: ReadonlyMap<string, PolicyConfig>;
  /** Identities of TLS proxies. */
  readonly proxies: readonly string[];
}

/** Identity → policy name. @throws KesError ConfigInvalid when an identity has two roles */
export function configuredAssignments(source: AccessSource): Map<string, string> {
  const proxies = new Set(source.proxies);
  if (proxies.has(source.admin)) refuse(`invalid tls proxy: identity '${source.admin}' is already admin`);
  const assignments = new Map<string, string>();
  for (const [name, { identities }] of source.policies) {
    for (const identity of identities) {
      if (identity === source.admin) refuse(`invalid policy '${name}': identity '${identity}' is already admin`);
      if (proxies.has(identity)) refuse(`invalid policy '${name}': identity '${identity}' is already a TLS proxy`);
      if ((assignments.get(identity) ?? name) !== name) {
        refuse(`cannot assign policy '${name}' to '${identity}': identity already has a policy`);
      }
      assignments.set(identity, name);
    }
  }
  return assignments;
}

function refuse(message: string): never {
  throw new KesError("ConfigInvalid", `${message}; give each identity one role`);
}
