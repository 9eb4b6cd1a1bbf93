// The defaults of fields below an optional object that is absent: the API server fills in only what stands in an object
// that is there. They are those of the CRD (a test compares them).
import type { KesServerCertManager, IdentityCertificate, PodDisruptionBudgetSpec, ServiceSpec } from "./generated.ts";

export const serviceDefaults: ServiceSpec = { type: "ClusterIP", port: 7373, headless: true };

export const podDisruptionBudgetDefaults: PodDisruptionBudgetSpec = { enabled: true, maxUnavailable: 1 };

/** Of `tls.certManager`, which also counts when neither it nor `secretName` is set. */
export const certManagerDefaults: KesServerCertManager = {
  duration: "2160h",
  renewBefore: "720h",
  privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
};

/** Of `certificate: {}`. */
export const identityCertificateDefaults: IdentityCertificate = {
  duration: "2160h",
  renewBefore: "720h",
  privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Never" },
  rotationOverlap: "24h",
};
