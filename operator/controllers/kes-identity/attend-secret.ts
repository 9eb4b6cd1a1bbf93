// Reads the certificate of an identity that lives in somebody else's Secret, again every minute: the operator has no right
// to watch Secrets, only to read those that are named.
import type { CertificateSecretRef } from "../../api/generated.ts";
import type { Secret } from "./objects/secret.ts";
import { secrets } from "./objects/secret.ts";
import { findSecretCertificate } from "./secret-source.ts";
import { beside } from "./visit.ts";
import type { Attended, Visit } from "./visit.ts";

/** Milliseconds (decisions O9). */
const interval = 60_000;

/** @throws ApiError */
export async function attendSecret(
  { deps, identity, now, signal }: Visit,
  ref: CertificateSecretRef,
): Promise<Attended> {
  if (!deps.features.secretIdentities) return { found: findSecretCertificate(ref, null) };
  const secret = await deps.api.get<Secret>(secrets, beside(identity, ref.name), { signal });
  return { found: findSecretCertificate(ref, secret), next: now + interval };
}
