// Names of what is made for a KesIdentity, where the spec has no word on them.
import type { KesIdentity } from "../../../api/generated.ts";

export function certificateName({ metadata }: KesIdentity): string {
  return `${metadata.name}-kes`;
}

export function selfSignedIssuerName({ metadata }: KesIdentity): string {
  return `${metadata.name}-kes-selfsigned`;
}

/** The Secret of whatever source has one; undefined: the key is nobody's business here. */
export function secretName({ metadata, spec }: KesIdentity): string | undefined {
  if (spec.certificate !== undefined) return spec.certificate.secretName ?? `${metadata.name}-kes-tls`;
  if (spec.apiKey !== undefined) return spec.apiKey.secretName ?? `${metadata.name}-kes-api-key`;
  return spec.secretRef?.name;
}

export function connectionName({ metadata, spec }: KesIdentity): string {
  return spec.connection.configMapName ?? `${metadata.name}-kes`;
}

/** Beside the connection's: a key with a dot is no name of an environment variable. */
export function connectionCaName(identity: KesIdentity): string {
  return `${connectionName(identity)}-ca`;
}

/** Whether there is a connection ConfigMap: unless the spec says, where the operator knows of a Secret of its making. */
export function hasConnection({ spec }: KesIdentity): boolean {
  return spec.connection.enabled ?? (spec.certificate !== undefined || spec.apiKey !== undefined);
}
