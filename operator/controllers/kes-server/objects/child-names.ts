// What the children of a server are called. A server's name has at most 52 characters, so that those of Services, which are
// DNS labels, stay within 63.

export interface ChildNames {
  readonly config: string;
  readonly bundle: string;
  readonly bundleReader: string;
  readonly ca: string;
  readonly caIssuer: string;
  readonly selfSignedIssuer: string;
  readonly serverCertificate: string;
  /** The Secret that cert-manager fills. */
  readonly serverTls: string;
  readonly headless: string;
  readonly volumeClaim: string;
  readonly sidecar: string;
}

export function childNames(server: string): ChildNames {
  return {
    config: `${server}-config`,
    bundle: `${server}-bundle`,
    bundleReader: `${server}-bundle-reader`,
    ca: `${server}-ca`,
    caIssuer: `${server}-ca`,
    selfSignedIssuer: `${server}-selfsigned`,
    serverCertificate: `${server}-server`,
    serverTls: `${server}-server-tls`,
    headless: `${server}-headless`,
    volumeClaim: `${server}-keys`,
    sidecar: `${server}-sidecar`,
  };
}
