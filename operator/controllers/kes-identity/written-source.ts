// Identities that stand in the spec itself: a hash, or a certificate to compute it from.
import { readCertificateChain } from "./certificate-chain.ts";
import type { FoundKey } from "./found-key.ts";
import { defaultOverlap } from "./identities.ts";
import { judge } from "./judge.ts";

const nothingMore = { pending: [], refused: new Set<string>(), overlap: defaultOverlap } as const;

export function findWrittenHash(hash: string): FoundKey {
  return { sighting: { ...nothingMore, source: "Hash", active: { hash } }, issued: judge("True", "Issued") };
}

export function findWrittenCertificate(pem: string): FoundKey {
  try {
    const { hash, notAfter } = readCertificateChain(pem);
    const sighting = { ...nothingMore, source: "CertificatePEM", active: { hash, notAfter } } as const;
    return { sighting, issued: judge("True", "Issued") };
  } catch (error) {
    const found = `spec.certificatePEM: ${error instanceof Error ? error.message : String(error)}`;
    const sighting = { ...nothingMore, source: "CertificatePEM", active: undefined } as const;
    return { sighting, issued: judge("False", "CertificateInvalid", found) };
  }
}
