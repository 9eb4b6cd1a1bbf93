// The CA certificates that clients are told to trust. MinIO reads its roots once, at its start, so a CA that is replaced stays
// published beside the new one until it ends: nobody has to restart in the right moment (decisions O12).
import { X509Certificate } from "node:crypto";

/** Of those that are no longer in use; the newest are kept. */
const maxOld = 4;

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * @param current PEM of the CA certificates in use; those that cannot be read are left out
 * @param published what clients were told before
 * @returns PEM, those in use first; undefined: there is none
 */
export function publishedCa(
  current: readonly (string | undefined)[],
  published: string | undefined,
  now: number,
): string | undefined {
  const inUse = unique(current.flatMap(certificatesIn));
  const old = certificatesIn(published).filter((pem) => !inUse.includes(pem) && endOf(pem) > now);
  const newest = unique(old).toSorted((a, b) => beginOf(b) - beginOf(a));
  const all = [...inUse, ...newest.slice(0, maxOld)];
  return all.length === 0 ? undefined : `${all.join("\n")}\n`;
}

function certificatesIn(pem: string | undefined): readonly string[] {
  return (pem?.match(block) ?? []).map(normalized).filter((text) => parse(text) !== undefined);
}

// One certificate may come wrapped in different ways.
function normalized(pem: string): string {
  return parse(pem)?.toString().trim() ?? pem;
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function endOf(pem: string): number {
  return parse(pem)?.validToDate.getTime() ?? 0;
}

function beginOf(pem: string): number {
  return parse(pem)?.validFromDate.getTime() ?? 0;
}

function unique(items: readonly string[]): readonly string[] {
  return [...new Set(items)];
}
