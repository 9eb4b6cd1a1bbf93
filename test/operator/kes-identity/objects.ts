// Objects as they come from the API, with what a test does not care about filled in.
import type { IdentityCertificate, KesIdentity, KesIdentitySpec, KesServer } from "../../../operator/api/generated.ts";
import { identityCertificateDefaults } from "../../../operator/api/defaults.ts";
import type {
  Certificate,
  CertificateRequest,
} from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";

export const start = Date.parse("2026-11-21T10:00:00Z");
export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

/** RFC 3339, so many milliseconds after `start`. */
export function at(ms: number): string {
  return new Date(start + ms).toISOString().replace(".000Z", "Z");
}

/** 64 hex digits, the same for the same letter: hashA, hashB … */
export function hashOf(letter: string): string {
  return letter.charCodeAt(0).toString(16).padStart(2, "0").repeat(32);
}

export function anIdentity(spec: Partial<KesIdentitySpec> = {}, more: Partial<KesIdentity> = {}): KesIdentity {
  return {
    apiVersion: "kes-operator.io/v1alpha1",
    kind: "KesIdentity",
    metadata: { name: "minio", namespace: "prod", uid: "uid-identity", generation: 1, resourceVersion: "1" },
    spec: { serverRef: { name: "kes", namespace: "kes-system" }, connection: { layout: "MinIO" }, ...spec },
    ...more,
  };
}

export function wantedCertificate(
  more: Partial<IdentityCertificate> = {},
  rotationPolicy: "Always" | "Never" = "Never",
) {
  const { privateKey, ...rest } = identityCertificateDefaults;
  return { ...rest, privateKey: { ...privateKey, rotationPolicy }, ...more };
}

export function aServer(tls: Partial<KesServer["spec"]["tls"]> = {}, namespace = "kes-system"): KesServer {
  const spec = { tls: { clientAuth: "RequestIdentity", minVersion: "TLS12", ...tls } };
  return {
    apiVersion: "kes-operator.io/v1alpha1",
    kind: "KesServer",
    metadata: { name: "kes", namespace, uid: "uid-server" },
    spec: spec as never,
  };
}

interface CertificateState {
  readonly uid?: string;
  readonly revision?: number;
  readonly issuing?: boolean;
  readonly ready?: boolean;
  readonly annotations?: Record<string, string>;
  readonly rotationPolicy?: "Always" | "Never";
  readonly status?: Certificate["status"];
}

export function aCertificate(state: CertificateState = {}): Certificate {
  const { uid = "uid-certificate", revision, issuing = false, ready = false, rotationPolicy = "Never" } = state;
  const conditions = [
    { type: "Ready", status: ready ? "True" : "False", reason: "Ready", message: "" },
    ...(issuing ? [{ type: "Issuing", status: "True", reason: "Renewing", message: "renewing" }] : []),
  ];
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    metadata: { name: "minio-kes", namespace: "prod", uid, annotations: state.annotations ?? {} },
    spec: { secretName: "minio-kes-tls", issuerRef: { name: "ca" }, privateKey: { rotationPolicy } },
    status: { conditions: conditions as never, ...(revision !== undefined && { revision }), ...state.status },
  };
}

interface RequestState {
  readonly name?: string;
  readonly owner?: string;
  readonly certificate?: string;
  readonly revision?: string;
  readonly approved?: boolean;
  readonly denied?: string;
  readonly failed?: string;
  readonly pending?: string;
  readonly bornAt?: number;
}

let serial = 0;

/** What it says of a key is decided by the test's reader, by its name. */
export function aRequest(state: RequestState = {}): CertificateRequest {
  const { owner = "uid-certificate", certificate = "minio-kes", revision = "1", bornAt = 0 } = state;
  serial += 1;
  return {
    apiVersion: "cert-manager.io/v1",
    kind: "CertificateRequest",
    metadata: {
      name: state.name ?? `request-${serial}`,
      namespace: "prod",
      creationTimestamp: at(bornAt),
      annotations: {
        "cert-manager.io/certificate-name": certificate,
        "cert-manager.io/certificate-revision": revision,
      },
      ownerReferences: [
        { apiVersion: "cert-manager.io/v1", kind: "Certificate", name: certificate, uid: owner, controller: true },
      ],
    },
    spec: { request: "", issuerRef: { name: "ca" } },
    status: { conditions: requestConditions(state) as never },
  };
}

function requestConditions({ approved = true, denied, failed, pending }: RequestState): readonly object[] {
  return [
    approved && { type: "Approved", status: "True", reason: "cert-manager.io", message: "" },
    denied !== undefined && { type: "Denied", status: "True", reason: "policy", message: denied },
    failed !== undefined && { type: "Ready", status: "False", reason: "Failed", message: failed },
    pending !== undefined && { type: "Ready", status: "False", reason: "Pending", message: pending },
  ].filter((condition) => condition !== false);
}
