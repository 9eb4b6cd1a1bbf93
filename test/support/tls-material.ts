import type { TlsMaterial } from "../../sidecar/server/tls.ts";

/** What a listener needs to show this certificate and to verify nobody's. */
export function materialOf({ certPem, keyPem }: { certPem: string; keyPem: string }): TlsMaterial {
  return {
    cert: certPem,
    key: keyPem,
    passphrase: undefined,
    notAfter: Infinity,
    verify: false,
    pool: [],
    files: [],
  };
}
