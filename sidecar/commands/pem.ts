// Certificates and private keys in PEM files of the user.
import { createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { KesError } from "../errors.ts";

const ed25519PrefixLength = 16;

/** The first certificate of a PEM text as DER, undefined if there is none. @throws KesError PemInvalid: damaged, or cut off */
export function firstCertificate(pem: string, file: string): Buffer | undefined {
  const block = /-----BEGIN CERTIFICATE-----[^-]*(?:-----END CERTIFICATE-----)?/.exec(pem)?.[0];
  if (block === undefined) return undefined;
  try {
    return new X509Certificate(block).raw;
  } catch (error) {
    const sentence = `failed to parse certificate in '${file}': the PEM block is damaged; copy the file again`;
    throw new KesError("PemInvalid", sentence, { cause: error });
  }
}

/** The seed of an unencrypted PKCS#8 Ed25519 private key, undefined if the text holds none. */
export function ed25519Seed(pem: string): Buffer | undefined {
  const block = /-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----/.exec(pem)?.[0];
  if (block === undefined) return undefined;
  const key = tryPrivateKey(block);
  if (key?.asymmetricKeyType !== "ed25519") return undefined;
  return key.export({ type: "pkcs8", format: "der" }).subarray(ed25519PrefixLength);
}

function tryPrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}
