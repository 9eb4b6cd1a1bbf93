// Who issues an identity's certificate (operator.md 2.6): the spec's choice, else the server's as far as it reaches into
// this namespace, else an issuer of the identity's own. Pure.
import type { IssuerRef, KesIdentity, KesServer } from "../../api/generated.ts";
import { selfSignedIssuerName } from "./objects/names.ts";

export interface IssuerChoice {
  readonly ref: IssuerRef;
  /** Made for this identity, self-signed: nobody can verify it by a chain. */
  readonly isOwn: boolean;
}

/** @param server undefined: there is none; then only a choice of the spec counts, and undefined means to wait */
export function chooseIssuer(identity: KesIdentity, server: KesServer | undefined): IssuerChoice | undefined {
  const chosen = identity.spec.certificate?.issuerRef;
  if (chosen !== undefined) return { ref: chosen, isOwn: false };
  if (server === undefined) return undefined;
  const isNeighbour = server.metadata.namespace === identity.metadata.namespace;
  const offered = offeredBy(server);
  if (offered !== undefined && (isNeighbour || reachesEveryNamespace(offered))) return { ref: offered, isOwn: false };
  const ref = { name: selfSignedIssuerName(identity), kind: "Issuer", group: "cert-manager.io" };
  return { ref, isOwn: true };
}

function offeredBy({ metadata, spec }: KesServer): IssuerRef | undefined {
  if (spec.tls.secretName !== undefined) return undefined;
  const { identityIssuerRef, issuerRef } = spec.tls.certManager ?? {};
  // Without an issuer the operator makes the server a CA of its own, with an Issuer of this name beside it.
  const ownCa = { name: `${metadata.name}-ca`, kind: "Issuer", group: "cert-manager.io" };
  return identityIssuerRef ?? issuerRef ?? ownCa;
}

/** By custom, kinds of issuers for all namespaces say so: ClusterIssuer, AWSPCAClusterIssuer, GoogleCASClusterIssuer. */
function reachesEveryNamespace({ kind }: IssuerRef): boolean {
  return kind.includes("Cluster");
}
