// Keys with a certificate request and a certificate for each: real ones, made once, since making them is slow.
import { webcrypto } from "node:crypto";
import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator, X509CertificateGenerator } from "@peculiar/x509";
import { identityOfSpki } from "../../../sidecar/contract/identity.ts";

export interface PoolKey {
  readonly hash: string;
  /** Base64 of PEM, as in spec.request of a CertificateRequest. */
  readonly request: string;
  /** Base64 of PEM, as in its status.certificate. */
  readonly certificate: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

const algorithm = { name: "Ed25519" };
const name = "CN=minio.prod";

export function makeKeys(count: number, notAfter = "2030-01-01T00:00:00Z"): Promise<readonly PoolKey[]> {
  return Promise.all(Array.from({ length: count }, () => makeKey(notAfter)));
}

async function makeKey(notAfter: string): Promise<PoolKey> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as never;
  const common = { keys, signingAlgorithm: algorithm as never };
  const request = await Pkcs10CertificateRequestGenerator.create({ name, ...common });
  const dates = { notBefore: new Date("2026-01-01"), notAfter: new Date(notAfter) };
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name,
    serialNumber: "01",
    ...dates,
    ...common,
  });
  const spki = await webcrypto.subtle.exportKey("spki", (keys as webcrypto.CryptoKeyPair).publicKey);
  return {
    hash: identityOfSpki(new Uint8Array(spki)),
    request: base64(request.toString("pem")),
    certificate: base64(certificate.toString("pem")),
    notAfter,
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
