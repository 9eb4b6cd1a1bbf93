// What a client presents, as the servers read it (decisions T1): the first certificate is the client's and must not be a
// CA's; of those behind it each must be a CA's. Everything that a server would refuse is refused here, in a sentence.
import { X509Certificate } from "node:crypto";
import { identityOfCertificate, isCaCertificate, spkiOfCertificate } from "../../../sidecar/contract/identity.ts";

export interface ClientCertificate {
  /** Identity: 64 hex digits. */
  readonly hash: string;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

const blocks = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

/** @throws Error with a sentence for people */
export function readCertificateChain(pem: string): ClientCertificate {
  const chain = [...pem.matchAll(blocks)].map(([, encoded]) => Buffer.from(encoded ?? "", "base64"));
  const [first, ...rest] = chain;
  if (first === undefined) throw new Error("it holds no PEM certificate");
  const { validToDate } = parsed(first);
  if (isCaCertificate(first)) {
    throw new Error(
      "its first certificate is a CA certificate, which servers refuse as a client's: make it with basicConstraints CA:FALSE",
    );
  }
  if (!rest.every((certificate) => parsed(certificate) && isCaCertificate(certificate))) {
    throw new Error(
      "it holds a second certificate that is not a CA's: keep the client's own, then CA certificates only",
    );
  }
  return { hash: identityOfCertificate(first), publicKey: spkiOfCertificate(first), notAfter: validToDate.getTime() };
}

function parsed(der: Buffer): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw new Error("it holds a certificate that cannot be read", { cause: error });
  }
}
