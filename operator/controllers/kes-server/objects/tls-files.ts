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

/**
 * A Secret of the user's is optional: a server that ends for want of it says so in the pod's status, whereas a volume that
 * waits for it says so only in events. cert-manager's is sure to come, and is waited for.
 */
export function tlsVolumes(server: KesServer): readonly MountedVolume[] {
  const { clientAuth, clientCA, secretName } = server.spec.tls;
  const secret = { secretName: tlsSecretName(server), ...(secretName === undefined ? {} : { optional: true }) };
  const certificate = { name: "kes-tls", path: places.tls, source: { secret } };
  if (clientAuth !== "VerifyChain" || clientCA === undefined) return [certificate];
  return [certificate, { name: "kes-client-ca", path: places.clientCa, source: certificatesFrom(clientCA) }];
}
