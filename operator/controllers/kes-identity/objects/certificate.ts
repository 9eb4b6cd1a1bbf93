// The cert-manager Certificate of an identity. Nothing that decides about the key is left to cert-manager's defaults:
// they have changed once (rotationPolicy, in 1.18), and another key is another identity.
import type { IdentityCertificate, IssuerRef, KesIdentity } from "../../../api/generated.ts";
import { annotations } from "../../../api/kinds.ts";
import { apiVersionOf } from "../../../kube/object.ts";
import { certificates } from "./cert-manager.ts";
import type { Certificate } from "./cert-manager.ts";
import { certificateName, secretName } from "./names.ts";
import { childMetadata } from "./owned.ts";

/** On the Certificate: that the operator has a renewal started, and from which revision (renewal.ts). */
export const renewingFrom = "kes-operator.io/renewing-from";

/** Where the Certificate stands in its renewals (renewal.ts). */
export interface RenewalMarks {
  /** Value of the identity's annotation that was last acted on. */
  readonly handled: string | undefined;
  /** Text of the mark that a renewal is under way; undefined: none is. */
  readonly from: string | undefined;
  readonly rotationPolicy: "Always" | "Never";
}

/** A common name has at most 64 characters (RFC 5280, ub-common-name). */
const maxCommonName = 64;

export function identityCertificate(
  identity: KesIdentity,
  wanted: IdentityCertificate,
  issuer: IssuerRef,
  marks: RenewalMarks,
): Certificate {
  const { algorithm, size, encoding } = wanted.privateKey;
  return {
    apiVersion: apiVersionOf(certificates),
    kind: certificates.kind,
    metadata: childMetadata(identity, certificateName(identity), {
      ...(marks.handled !== undefined && { [annotations.renew]: marks.handled }),
      ...(marks.from !== undefined && { [renewingFrom]: marks.from }),
    }),
    spec: {
      secretName: secretName(identity) ?? "",
      ...secretTemplate(wanted),
      commonName: wanted.commonName ?? defaultCommonName(identity),
      duration: wanted.duration,
      renewBefore: wanted.renewBefore,
      isCA: false,
      usages: ["digital signature", "client auth"],
      privateKey: {
        algorithm,
        encoding,
        rotationPolicy: marks.rotationPolicy,
        ...(algorithm !== "Ed25519" && { size }),
      },
      issuerRef: { name: issuer.name, kind: issuer.kind, group: issuer.group },
      revisionHistoryLimit: 2,
    },
  };
}

function secretTemplate({
  secretLabels,
  secretAnnotations,
}: IdentityCertificate): Pick<Certificate["spec"], "secretTemplate"> {
  if (secretLabels === undefined && secretAnnotations === undefined) return {};
  return {
    secretTemplate: {
      ...(secretLabels !== undefined && { labels: secretLabels }),
      ...(secretAnnotations !== undefined && { annotations: secretAnnotations }),
    },
  };
}

function defaultCommonName({ metadata }: KesIdentity): string {
  const full = `${metadata.name}.${metadata.namespace ?? ""}`;
  return full.length <= maxCommonName ? full : metadata.name;
}
