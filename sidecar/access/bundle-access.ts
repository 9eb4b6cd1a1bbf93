// Who may do what by a policy bundle, in place of the policies of the configuration file. The file goes on to name the
// admin and the TLS proxies, and these win: an identity that the bundle gives a policy and the file another role keeps
// the file's, since the two arrive at different times and neither may keep the other from taking effect.
import type { Bundle } from "../contract/bundle.ts";
import type { PolicyConfig } from "../contract/config.ts";
import { isIdentityHash } from "../contract/identity.ts";
import type { AccessSource } from "./assignments.ts";

/** @param bundle undefined: nobody but the configured admin has a role */
export function bundleAccess(
  { admin: configured, proxies }: Pick<AccessSource, "admin" | "proxies">,
  bundle: Bundle | undefined,
): AccessSource {
  if (bundle === undefined) return { admin: configured, proxies, policies: new Map() };
  const reserved = new Set(proxies);
  const admin = isIdentityHash(configured) || reserved.has(bundle.admin) ? configured : bundle.admin || configured;
  reserved.add(admin);
  const free = bundle.identities.keys().filter((identity) => !reserved.has(identity));
  const holders = Map.groupBy(free, (identity) => bundle.identities.get(identity));
  const policies = bundle.policies.entries().map(([name, { allow, deny }]): [string, PolicyConfig] => {
    return [name, { allow, deny, identities: holders.get(name) ?? [] }];
  });
  return { admin, proxies, policies: new Map(policies) };
}
