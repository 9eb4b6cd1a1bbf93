// From what the client sent to who it is (decisions T1, T4; reference 1.4, 1.6). TLS proves possession of the key of
// the first certificate alone, so that one alone names the identity. Behind a TLS proxy, and only behind an identity
// that is configured as one, the certificate of the real client comes in a header with each request.
import { identityOfCertificate, isCaCertificate } from "../contract/identity.ts";
import { KesError, messageOf } from "../errors.ts";
import type { Access } from "./access.ts";
import { forwardedAddress, forwardedCertificate } from "./forwarded.ts";

/** What is needed of a connection's other end. One object per connection: identities are remembered by it. */
export interface PeerCertificates {
  /** IP address without port. */
  readonly address: string;
  /** DER, as sent, first certificate first; two are enough. */
  readonly certificates: readonly Buffer[];
}

/** What `tls.proxy` and `tls.auth` say. */
export interface TlsProxy {
  /** Lower-case name of the header that carries the certificate; undefined = no proxies. */
  readonly header: string | undefined;
  /** Whether a forwarded certificate is trusted; absent where client certificates are not verified. */
  readonly verify?: (certificate: Buffer) => boolean;
}

export interface Effective {
  readonly identity: string;
  /** The client's IP address, for the audit log. */
  readonly address: string;
}

type Header = (name: string) => readonly string[];

/**
 * Whom a request counts as: the peer, or the client whose certificate a proxy forwards.
 * @throws KesError CertificateRequired | CertificateIsCa | CertificateAmbiguous | CertificateInvalid |
 *   ProxyCertificateInvalid | ProxyCertificateUntrusted | NotAllowed (a forwarded certificate that is the admin's)
 */
export function effectiveIdentity(peer: PeerCertificates, header: Header, access: Access, proxy: TlsProxy): Effective {
  const identity = peerIdentity(peer);
  if (proxy.header === undefined || !access.isProxy(identity)) return { identity, address: peer.address };
  const certificate = forwardedCertificate(header(proxy.header));
  const client = resolveIdentity([certificate]);
  if (access.roleOf(client)?.kind === "admin") {
    throw new KesError("NotAllowed", "a TLS proxy forwarded the admin's certificate; the admin connects directly");
  }
  if (proxy.verify !== undefined && !proxy.verify(certificate)) {
    const message = "a TLS proxy forwarded a certificate that tls.ca does not trust; add its issuer to tls.ca";
    throw new KesError("ProxyCertificateUntrusted", message);
  }
  return { identity: client, address: forwardedAddress(header("x-forwarded-for")) ?? peer.address };
}

// The outcome depends on the certificates and on nothing else, so it is the same for the life of a connection.
const known = new WeakMap<PeerCertificates, string | KesError>();

/** resolveIdentity of the peer's certificates, worked out once per connection. */
export function peerIdentity(peer: PeerCertificates): string {
  let outcome = known.get(peer);
  if (outcome === undefined) {
    outcome = tryResolve(peer.certificates);
    known.set(peer, outcome);
  }
  if (typeof outcome === "string") return outcome;
  throw outcome;
}

/**
 * The identity of a certificate list in the order in which the client sent it.
 * @throws KesError CertificateRequired | CertificateIsCa | CertificateAmbiguous | CertificateInvalid
 */
export function resolveIdentity(certificates: readonly Buffer[]): string {
  const outcome = tryResolve(certificates);
  if (typeof outcome === "string") return outcome;
  throw outcome;
}

function tryResolve([first, ...others]: readonly Buffer[]): string | KesError {
  if (first === undefined) return new KesError("CertificateRequired", "tls: client certificate is required");
  try {
    if (isCaCertificate(first)) return new KesError("CertificateIsCa", firstIsCa);
    if (!others.every((certificate) => isCaCertificate(certificate))) {
      return new KesError("CertificateAmbiguous", "tls: received more than one client certificate");
    }
    return identityOfCertificate(first);
  } catch (error) {
    const message = `tls: the client certificate cannot be read: ${messageOf(error)}`;
    return new KesError("CertificateInvalid", message, { cause: error });
  }
}

const firstIsCa =
  "tls: the client certificate is a CA certificate (openssl req -x509 makes one by default); " +
  "make it again with -addext basicConstraints=critical,CA:FALSE, and send the client certificate first";
