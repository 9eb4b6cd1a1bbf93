// cert-manager's kinds, of any release that serves cert-manager.io/v1, as the API gives them.
import type {
  ICertificateRequestSpec,
  ICertificateRequestStatus,
  ICertificateSpec,
  ICertificateStatus,
  IIssuerSpec,
  IIssuerStatus,
} from "@kubernetes-models/cert-manager/cert-manager.io/v1";
import type { KubeObject, Resource } from "../../../kube/object.ts";

const group = "cert-manager.io";
const version = "v1";

export const certificates: Resource = { group, version, plural: "certificates", kind: "Certificate" };
export const issuers: Resource = { group, version, plural: "issuers", kind: "Issuer" };
export const certificateRequests: Resource = {
  group,
  version,
  plural: "certificaterequests",
  kind: "CertificateRequest",
};

export interface Certificate extends KubeObject {
  readonly spec: ICertificateSpec;
  readonly status?: ICertificateStatus;
}

export interface CertificateRequest extends KubeObject {
  /** `request`: base64 of PEM. */
  readonly spec: ICertificateRequestSpec;
  /** `certificate`, `ca`: base64 of PEM. */
  readonly status?: ICertificateRequestStatus;
}

export interface Issuer extends KubeObject {
  readonly spec: IIssuerSpec;
  readonly status?: IIssuerStatus;
}

/** On a CertificateRequest, by cert-manager. */
export const requestAnnotations = {
  /** Name of the Certificate it was made for. */
  certificate: `${group}/certificate-name`,
  /** Which issuance of that Certificate, from 1. */
  revision: `${group}/certificate-revision`,
} as const;

interface ConditionLike {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The condition `type` of a kind of cert-manager. */
export function conditionOf<T extends ConditionLike>(
  object: { readonly status?: { readonly conditions?: readonly T[] } } | undefined,
  type: T["type"],
): T | undefined {
  return object?.status?.conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue<T extends ConditionLike>(
  object: { readonly status?: { readonly conditions?: readonly T[] } } | undefined,
  type: T["type"],
): boolean {
  return conditionOf(object, type)?.status === "True";
}
