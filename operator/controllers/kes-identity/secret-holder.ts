// One Secret has one Certificate. Of two that name it, cert-manager issues one, then the other, and so on without end, and their
// clients get each other's key. A server's goes first, then the older one.
import { labels } from "../../api/kinds.ts";
import type { KesIdentity } from "../../api/generated.ts";
import type { Index } from "../../kube/index-by.ts";
import type { Certificate } from "./objects/cert-manager.ts";
import { certificateName, secretName } from "./objects/names.ts";

/** `namespace/name` of the Secret that a Certificate is for. */
export function secretKeyOf({ metadata, spec }: Certificate): string {
  return `${metadata.namespace ?? ""}/${spec.secretName ?? ""}`;
}

/** The Certificate that has the identity's Secret before the identity's `own`; of those that the operator has made. */
export function otherHolder(
  identity: KesIdentity,
  own: Certificate | undefined,
  bySecret: Index<Certificate>,
): Certificate | undefined {
  const key = `${identity.metadata.namespace ?? ""}/${secretName(identity) ?? ""}`;
  const others = bySecret.of(key).filter(({ metadata }) => metadata.name !== certificateName(identity));
  if (own === undefined || secretKeyOf(own) !== key) return others[0];
  return others.find((other) => isServers(other) || ageOf(other) < ageOf(own));
}

function isServers({ metadata }: Certificate): boolean {
  return metadata.labels?.[labels.identity] === undefined;
}

/** Sorts the oldest first, and those of one second by name. */
function ageOf({ metadata }: Certificate): string {
  return `${metadata.creationTimestamp ?? ""} ${metadata.name}`;
}
