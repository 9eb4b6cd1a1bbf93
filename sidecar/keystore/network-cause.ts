// What goes wrong between here and a key store's API, in words: the codes are Node's, OpenSSL's and the system's.
import { messageOf } from "../errors.ts";

export interface NetworkCause {
  /** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, … */
  readonly code: string;
  readonly text: string;
  /** What to do about it. */
  readonly remedy: string;
}

const refused = "check that the store runs and listens on that port, and that no firewall is in between";
const unresolved = "check the spelling of the host name and the DNS of this machine";
const silent = "check the network, firewalls and the load of the store";
const broke = "the store or something in between closed the connection; check the store's log";
const untrusted = "the store's certificate comes from a CA that is not trusted here; set the store's tls.ca to that CA";
const clock = "renew the store's certificate, and compare the clocks of both machines";
const noTls = "check the scheme and port; if the store speaks plain HTTP, set up TLS for it";
const oldTls = "allow TLS 1.2 or newer in the store";
const handshake =
  "it may want a client certificate (the store's tls.cert and tls.key), or ciphers that are not had here";
const clientCertificate = "set the store's tls.cert and tls.key";
const otherClientCertificate = "have the store's tls.cert issued by a CA that the store trusts, and check its dates";

/** What OpenSSL calls a failure, and in the words of a person: its own texts are lists of fields. */
const tlsFailures: Readonly<Record<string, { readonly text: string; readonly remedy: string }>> = {
  WRONG_VERSION_NUMBER: { text: "what answers on that port is not TLS", remedy: noTls },
  PACKET_LENGTH_TOO_LONG: { text: "what answers on that port is not TLS", remedy: noTls },
  TLSV1_ALERT_PROTOCOL_VERSION: { text: "the store speaks neither TLS 1.2 nor 1.3", remedy: oldTls },
  UNSUPPORTED_PROTOCOL: { text: "the store speaks neither TLS 1.2 nor 1.3", remedy: oldTls },
  "SSL/TLS_ALERT_HANDSHAKE_FAILURE": { text: "the store broke off the TLS handshake", remedy: handshake },
  SSLV3_ALERT_HANDSHAKE_FAILURE: { text: "the store broke off the TLS handshake", remedy: handshake },
  TLSV13_ALERT_CERTIFICATE_REQUIRED: { text: "the store wants a client certificate", remedy: clientCertificate },
  TLSV1_ALERT_UNKNOWN_CA: { text: "the store does not trust the client certificate", remedy: otherClientCertificate },
  "SSL/TLS_ALERT_BAD_CERTIFICATE": { text: "the store refuses the client certificate", remedy: otherClientCertificate },
  "SSL/TLS_ALERT_CERTIFICATE_EXPIRED": { text: "the client certificate has expired", remedy: otherClientCertificate },
  "SSL/TLS_ALERT_CERTIFICATE_UNKNOWN": {
    text: "the store refuses the client certificate",
    remedy: otherClientCertificate,
  },
};

const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: refused,
  EHOSTUNREACH: refused,
  ENETUNREACH: refused,
  ENOTFOUND: unresolved,
  EAI_AGAIN: unresolved,
  ETIMEDOUT: silent,
  ESOCKETTIMEDOUT: silent,
  TimeoutError: silent,
  UND_ERR_CONNECT_TIMEOUT: silent,
  ECONNRESET: broke,
  UND_ERR_SOCKET: broke,
  EPIPE: broke,
  EPROTO: noTls,
  HPE_INVALID_CONSTANT: "check the scheme and port: that is no HTTP server; perhaps it wants https",
  ERR_TLS_CERT_ALTNAME_INVALID: "use a name that is in the store's certificate, or have one issued with this name",
  CERT_HAS_EXPIRED: clock,
  CERT_NOT_YET_VALID: clock,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  CERT_UNTRUSTED: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
};

/** The failure of the network behind `error`, if that is what it is. */
export function networkCause(error: unknown): NetworkCause | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    const code = codeOf(current);
    const tls = tlsFailure(code);
    if (tls !== undefined) return { code, ...tls };
    const remedy = Object.hasOwn(remedies, code) ? remedies[code] : undefined;
    if (remedy !== undefined) return { code, text: textOf(current), remedy };
  }
  return undefined;
}

function tlsFailure(code: string): Omit<NetworkCause, "code"> | undefined {
  if (!code.startsWith("ERR_SSL_")) return undefined;
  const name = code.slice("ERR_SSL_".length);
  if (Object.hasOwn(tlsFailures, name)) return tlsFailures[name];
  return { text: `TLS failed (${name.toLowerCase().replaceAll("_", " ")})`, remedy: "check the store's TLS settings" };
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

/** Node wraps the failures of several addresses into an error without a message. */
function textOf(error: Error): string {
  return error instanceof AggregateError ? error.errors.map(messageOf).join(", ") : error.message;
}
