// Certificates made at run time, for every test that speaks TLS.
import { issueCertificate, apiKeyCertificate as ofSeed, day } from "../../sidecar/certificate.ts";
import type { IssuedCertificate, KeyType, KeyUse } from "../../sidecar/certificate.ts";

export type TestCertificate = IssuedCertificate;

export interface LeafOptions {
  readonly issuer?: TestCertificate;
  readonly keyType?: KeyType;
  readonly cn?: string;
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  /** True makes the certificate itself a CA certificate (basicConstraints CA:TRUE), as `openssl req -x509` does. */
  readonly ca?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly eku?: readonly KeyUse[];
}

/** A fresh certificate authority. */
export function makeCa(name = "Test CA"): Promise<TestCertificate> {
  return issueCertificate({ commonName: name, key: "p256", uses: [], isCa: true });
}

/** A fresh certificate and key; self-signed unless `issuer` is given; good as client and server unless `eku` says else. */
export function makeLeaf(options: LeafOptions = {}): Promise<TestCertificate> {
  const { keyType = "ed25519", cn = "test", ca = false, eku = ["client", "server"], ...rest } = options;
  return issueCertificate({ ...rest, commonName: cn, key: keyType, uses: eku, isCa: ca });
}

/** A server certificate for this machine: localhost, 127.0.0.1, ::1. */
export function makeServerCertificate(issuer?: TestCertificate): Promise<TestCertificate> {
  const base = { keyType: "p256", cn: "localhost", dns: ["localhost"], ips: ["127.0.0.1", "::1"] } as const;
  return makeLeaf(issuer === undefined ? base : { ...base, issuer });
}

/** A leaf that expired yesterday. */
export function makeExpired(issuer?: TestCertificate): Promise<TestCertificate> {
  const dates = { notBefore: new Date(Date.now() - 10 * day), notAfter: new Date(Date.now() - day) };
  return makeLeaf(issuer === undefined ? dates : { ...dates, issuer });
}

/** The client certificate of an API key (`kes:v1:…`), as clients make it on every start. */
export function apiKeyCertificate(apiKey: string): Promise<TestCertificate> {
  const bytes = Buffer.from(apiKey.replace(/^kes:v1:/, ""), "base64");
  return ofSeed(bytes.subarray(1));
}
