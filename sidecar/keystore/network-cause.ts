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
const noTls = "check the scheme and port: that is no TLS server, or one that speaks no TLS 1.2 or 1.3";

const remedies: Readonly<Record<string, string>> = {
  ECONNREFUSED: refused,
  EHOSTUNREACH: refused,
  ENETUNREACH: refused,
  ENOTFOUND: unresolved,
  EAI_AGAIN: unresolved,
  ETIMEDOUT: silent,
  ESOCKETTIMEDOUT: silent,
  TimeoutError: silent,
  ECONNRESET: broke,
  EPIPE: broke,
  EPROTO: noTls,
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
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
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    "the store wants a client certificate; set the store's tls.cert and tls.key",
};

/** The failure of the network behind `error`, if that is what it is. */
export function networkCause(error: unknown): NetworkCause | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    const code = codeOf(current);
    const remedy = Object.hasOwn(remedies, code) ? remedies[code] : undefined;
    if (remedy !== undefined) return { code, text: textOf(current), remedy };
  }
  return undefined;
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

/** Node wraps the failures of several addresses into an error without a message; OpenSSL's texts are lists of fields. */
function textOf(error: Error): string {
  const text = error instanceof AggregateError ? error.errors.map(messageOf).join(", ") : error.message;
  return /:SSL routines:[^:]*:([^:]+):/.exec(text)?.[1] ?? text;
}
