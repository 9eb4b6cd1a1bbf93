// Where the server's certificate comes from, and what verifies its clients'.
import { certManagerDefaults } from "../../../api/defaults.ts";
import type { KesServer, KesServerCertManager } from "../../../api/generated.ts";
import { childNames } from "./child-names.ts";
import { certificatesFrom } from "./mounted-volume.ts";
import type { MountedVolume } from "./mounted-volume.ts";
import { places } from "./places.ts";

/** Undefined: the certificate is the user's. */
export function certManagerOf({ spec: { tls } }: KesServer): KesServerCertManager | undefined {
  return tls.secretName === undefined ? (tls.certManager ?? certManagerDefaults) : undefined;
}

/** The Secret with the server's certificate. */
export function tlsSecretName({ metadata, spec }: KesServer): string {
  return spec.tls.secretName ?? childNames(metadata.name).serverTls;
}

/** Not optional: without certificate, or without the CA that clients are verified with, a pod has nothing to do but wait. */
export function tlsVolumes(server: KesServer): readonly MountedVolume[] {
  const { clientAuth, clientCA } = server.spec.tls;
  const source = { secret: { secretName: tlsSecretName(server) } };
  const certificate = { name: "kes-tls", path: places.tls, source };
  if (clientAuth !== "VerifyChain" || clientCA === undefined) return [certificate];
  return [certificate, { name: "kes-client-ca", path: places.clientCa, source: certificatesFrom(clientCA, false) }];
}
