// What a TLS proxy adds to a request (reference 1.6): the client's certificate as URL-escaped PEM, and its address.
import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { decodeBase64 } from "../contract/wire.ts";
import { KesError } from "../errors.ts";

/** One block and nothing else. */
const certificateBlock = /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;

/**
 * The DER of the one certificate in the header's values.
 * @throws KesError ProxyCertificateInvalid with the texts of reference 1.6
 */
export function forwardedCertificate(values: readonly string[]): Buffer {
  const [value, second] = values;
  if (value === undefined) throw invalid("no client certificate is present");
  if (second !== undefined) throw invalid("too many client certificates are present");
  const encoded = certificateBlock.exec(unescapeQuery(value) ?? "")?.[1];
  const der = encoded === undefined ? undefined : decodeBase64(encoded.replace(/\s+/g, ""));
  if (der === undefined || !isCertificate(der)) throw invalid("invalid client certificate");
  return der;
}

/** The first address of X-Forwarded-For without its port; undefined when it is no IP address. */
export function forwardedAddress(values: readonly string[]): string | undefined {
  const first = values[0]?.split(",", 1)[0]?.trim() ?? "";
  if (isIP(first) !== 0) return first;
  const host = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/.exec(first);
  const address = host?.[1] ?? host?.[2] ?? "";
  return isIP(address) === 0 ? undefined : address;
}

/** `+` → space, `%xx` → byte; undefined when an escape is broken. */
function unescapeQuery(value: string): string | undefined {
  try {
    return decodeURIComponent(value.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

function isCertificate(der: Buffer): boolean {
  try {
    return new X509Certificate(der).raw.equals(der);
  } catch {
    return false;
  }
}

function invalid(message: string): KesError {
  return new KesError("ProxyCertificateInvalid", message);
}
