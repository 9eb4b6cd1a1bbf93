// Identities without the help of the code under test.
import { createHash, X509Certificate } from "node:crypto";
import { makeLeaf } from "../../support/certificates.ts";
import type { WireTarget } from "./target.ts";

/** The identity of a certificate whose key is re-encoded as it was (Ed25519, P-256 and RSA keys are). */
export function identityOfPem(pem: string): string {
  const spki = new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("hex");
}

/** Somebody no server knows. */
export async function stranger(): Promise<NonNullable<WireTarget["stranger"]>> {
  const { keyPem, certPem } = await makeLeaf({ cn: "stranger" });
  return { key: keyPem, cert: certPem, identity: identityOfPem(certPem) };
}
