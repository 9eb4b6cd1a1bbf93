// The objects that a KesServer's spec names and that the operator may look at, so that a wrong name is found before pods wait
// for it. Secrets are not among them.
import type { CertificateSource, KesServer } from "../../api/generated.ts";
import { kesServers } from "../../api/kinds.ts";
import type { Resource } from "../../kube/object.ts";
import { configMaps, issuers, serviceAccounts, volumeClaims } from "./objects/child-kinds.ts";
import { serviceAccountName } from "./objects/policies-source.ts";

/** An object of the server's namespace. */
export interface Reference {
  /** Where the name stands: `spec.tls.clientCA`. */
  readonly field: string;
  readonly resource: Resource;
  readonly name: string;
  /** Entry of a ConfigMap's data that must be there. */
  readonly key?: string | undefined;
}

export interface MissingReference {
  readonly reference: Reference;
  /** `object`: there is no such object; `key`: it has no such entry. */
  readonly what: "object" | "key";
}

/** Each costs a call, so only what the pods could not do without. */
export function referencesOf(server: KesServer): readonly Reference[] {
  const { tls, keystore, sidecar } = server.spec;
  const verifies = tls.clientAuth === "VerifyChain";
  return [
    ...certificatesIn("spec.tls.caBundle", tls.caBundle),
    ...certificatesIn("spec.tls.clientCA", verifies ? tls.clientCA : undefined),
    ...certificatesIn("spec.keystore.vault.tls.ca", keystore.vault?.tls?.ca),
    ...certificatesIn("spec.keystore.keysecure.ca", keystore.keysecure?.ca),
    ...issuerOf(server),
    ...named("spec.keystore.fs.existingClaim", volumeClaims, keystore.fs?.existingClaim),
    ...named("spec.serviceAccount.name", serviceAccounts, foreignAccount(server)),
    ...named("spec.sidecar.fallbackServerRef", kesServers, sidecar?.fallbackServerRef?.name),
  ];
}

function named(field: string, resource: Resource, name: string | undefined): readonly Reference[] {
  return name === undefined ? [] : [{ field, resource, name }];
}

function certificatesIn(field: string, source: Partial<CertificateSource> | undefined): readonly Reference[] {
  if (source?.configMapName === undefined) return [];
  return [{ field, resource: configMaps, name: source.configMapName, key: source.key }];
}

/** An Issuer. Others are not of this namespace, or of a kind that the operator may not read. */
function issuerOf({ spec }: KesServer): readonly Reference[] {
  const issuer = spec.tls.certManager?.issuerRef;
  const isHere = issuer?.kind === issuers.kind && issuer.group === issuers.group;
  return named("spec.tls.certManager.issuerRef", issuers, isHere ? issuer.name : undefined);
}

function foreignAccount(server: KesServer): string | undefined {
  const { mode, serviceAccount } = server.spec;
  return mode === "Service" && !serviceAccount.create ? serviceAccountName(server) : undefined;
}
