// Whether it is the issuer that a certificate waits for. Asked only while one waits: users' issuers are not watched. Of
// issuers for all namespaces the operator knows nothing, and cert-manager's own words have to do.
import type { Certificate, Issuer } from "./objects/cert-manager.ts";
import { isConditionTrue, issuers } from "./objects/cert-manager.ts";
import { beside } from "./visit.ts";
import type { Visit } from "./visit.ts";

/** @param words cert-manager's @returns a clause; undefined: nothing is known to be wrong. @throws ApiError */
export async function issuerProblem(
  { deps, identity, signal }: Visit,
  { spec }: Certificate,
  words = "",
): Promise<string | undefined> {
  const { name, kind = "Issuer", group = issuers.group } = spec.issuerRef;
  if (kind !== issuers.kind || group !== issuers.group) {
    return /^Referenced .*(?:not found|not have a Ready)/.test(words) ? `cert-manager: ${words}` : undefined;
  }
  const ref = beside(identity, name);
  const issuer = await deps.api.get<Issuer>(issuers, ref, { signal });
  if (issuer === undefined) return `there is no Issuer ${name} in namespace ${ref.namespace}`;
  return isConditionTrue(issuer, "Ready") ? undefined : `Issuer ${name} is not ready`;
}
