// The CA certificates that a key store's own is verified with.
import type { CertificateSource } from "../../../api/generated.ts";
import { certificatesFrom } from "./mounted-volume.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import { places } from "./places.ts";

export interface StoreCa {
  /** Of the file; undefined: the system's certificates. */
  readonly path: string | undefined;
  readonly volumes: readonly MountedVolume[];
}

export function storeCa(ca: CertificateSource | undefined): StoreCa {
  if (ca === undefined) return { path: undefined, volumes: [] };
  const volume = { name: "kes-keystore-ca", path: places.storeCa, source: certificatesFrom(ca) };
  return { path: `${places.storeCa}/ca.crt`, volumes: [volume] };
}
