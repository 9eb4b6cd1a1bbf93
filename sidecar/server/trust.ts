// Re-checks the certificate of an open connection against a pool that a reload brought (decisions T3). The handshake
// itself is verified by OpenSSL; this walks the same chain again: issuer by issuer up to a member of the pool.
import { X509Certificate } from "node:crypto";
import { getCACertificates } from "node:tls";
import type { TlsProxy } from "../access/peer.ts";
import type { Config } from "../contract/config.ts";
import type { TlsMaterial } from "./tls.ts";
import { validFrom, validUntil } from "./validity.ts";

/** Longer chains than this do not occur; a loop of cross-signed certificates would never end. */
const maxDepth = 8;
/** Extended key usage "TLS client" (RFC 5280 section 4.2.1.12). */
const clientAuth = "1.3.6.1.5.5.7.3.2";

/** Everything a client certificate may end at: the configured pool and the system's roots. */
export function rootsOf(material: TlsMaterial): readonly X509Certificate[] {
  return [...material.pool, ...getCACertificates("system").map((pem) => new X509Certificate(pem))];
}

/** What the configuration says about TLS proxies. */
export function proxyOf(config: Config, material: TlsMaterial): TlsProxy {
  const { header } = config.tls.proxy;
  if (!material.verify) return { header };
  const roots = rootsOf(material);
  return { header, verify: (der) => isTrusted([new X509Certificate(der)], roots, Date.now()) };
}

/**
 * True when `chain` (leaf first, then whatever the client sent) is good for a TLS client and ends at one of `roots`.
 * `now` in epoch milliseconds.
 */
export function isTrusted(chain: readonly X509Certificate[], roots: readonly X509Certificate[], now: number): boolean {
  let current = chain[0];
  if (current === undefined || !isForClients(current)) return false;
  for (let depth = 0; current !== undefined && depth < maxDepth; depth += 1) {
    if (!isCurrent(current, now)) return false;
    const issued: X509Certificate = current;
    if (roots.some((root) => isCurrent(root, now) && isIssuer(root, issued))) return true;
    current = chain.find((candidate) => candidate !== issued && candidate.ca && isIssuer(candidate, issued));
  }
  return false;
}

// Node calls the extended key usages `keyUsage`; a certificate without any is good for everything.
function isForClients({ keyUsage }: { readonly keyUsage: readonly string[] | undefined }): boolean {
  return keyUsage === undefined || keyUsage.length === 0 || keyUsage.includes(clientAuth);
}

function isIssuer(issuer: X509Certificate, issued: X509Certificate): boolean {
  if (issuer.raw.equals(issued.raw)) return true;
  return issued.checkIssued(issuer) && issued.verify(issuer.publicKey);
}

function isCurrent(certificate: X509Certificate, now: number): boolean {
  return validFrom(certificate) <= now && now <= validUntil(certificate);
}
