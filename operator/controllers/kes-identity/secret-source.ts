// Identities whose certificate is in somebody else's Secret. Where it cannot be read, the identity stays as it was: a
// Secret that is gone has not taken the client's key away.
import type { CertificateSecretRef } from "../../api/generated.ts";
import { readCertificateChain } from "./certificate-chain.ts";
import type { FoundKey } from "./found-key.ts";
import { defaultOverlap } from "./identities.ts";
import type { KeySighting } from "./identities.ts";
import { judge } from "./judge.ts";
import type { Secret } from "./objects/secret.ts";

/** @param secret undefined: there is none; null: the operator was not given the right to look */
export function findSecretCertificate(ref: CertificateSecretRef, secret: Secret | undefined | null): FoundKey {
  if (secret === null) {
    return found(undefined, judge("False", "FeatureDisabled", "spec.secretRef takes features.secretIdentities"));
  }
  const name = `Secret ${ref.name}`;
  if (secret === undefined) return found(undefined, judge("False", "SecretNotFound", `${name} does not exist`));
  const entry = secret.data?.[ref.key];
  if (entry === undefined) {
    return found(undefined, judge("False", "SecretInvalid", `${name} has no entry ${JSON.stringify(ref.key)}`));
  }
  try {
    const { hash, notAfter } = readCertificateChain(Buffer.from(entry, "base64").toString("latin1"));
    return found({ hash, notAfter }, judge("True", "Issued"));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return found(undefined, judge("False", "SecretInvalid", `entry ${JSON.stringify(ref.key)} of ${name}: ${problem}`));
  }
}

function found(active: KeySighting | undefined, issued: FoundKey["issued"]): FoundKey {
  const sighting = {
    source: "SecretRef",
    active,
    pending: [],
    refused: new Set<string>(),
    overlap: defaultOverlap,
  } as const;
  return { sighting, issued };
}
