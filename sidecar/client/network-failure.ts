// Turns what node:https throws into a sentence with a remedy. The codes are Node's, OpenSSL's and the system's.
import type { PeerCertificate } from "node:tls";
import { KesError, messageOf } from "../errors.ts";

const nothingListens = "is a server running there, and is the address right? Set it with --server or KES_SERVER";
const notTrusted = "trust its CA with --ca FILE (or SSL_CERT_FILE), or skip the check with -k where that is acceptable";
const handshakeFailed =
  "check that the address is a KES server's, and that KES_API_KEY or the certificate files are set";
const noTls = "check that the address is a KES server's, and that nothing in between takes the TLS off";
const ownCertificate = "the server does not accept this client certificate: use one of a CA it trusts";

/** Failures before anything was sent. */
const connectFailures: Readonly<Record<string, string>> = {
  ECONNREFUSED: nothingListens,
  EHOSTUNREACH: nothingListens,
  ENETUNREACH: nothingListens,
  ENOTFOUND: "the host name does not resolve: check the spelling and the DNS",
  EAI_AGAIN: "the host name does not resolve now: check the DNS",
  EPROTO: handshakeFailed,
  ERR_SSL_WRONG_VERSION_NUMBER: handshakeFailed,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: handshakeFailed,
  ERR_TLS_CERT_ALTNAME_INVALID: "connect by a name that it has, issue it anew with this one, or skip the check with -k",
  CERT_HAS_EXPIRED: "renew the server's certificate, or skip the check with -k",
  CERT_NOT_YET_VALID: "check the clocks of both machines",
  DEPTH_ZERO_SELF_SIGNED_CERT: notTrusted,
  SELF_SIGNED_CERT_IN_CHAIN: notTrusted,
  UNABLE_TO_GET_ISSUER_CERT: notTrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: notTrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: notTrusted,
  CERT_UNTRUSTED: notTrusted,
};

/** Failures on a connection that was made. */
const laterFailures: Readonly<Record<string, string>> = {
  ETIMEDOUT: "the server is overloaded or cannot be reached from here: try again",
  // Node's own servers close on a client certificate they refuse, without an alert.
  ECONNRESET: "the server closed the connection, perhaps for this client certificate: look into the server's log",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the server wants a client certificate: set KES_API_KEY",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: ownCertificate,
  "ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE": ownCertificate,
  "ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED": "this client certificate has expired: renew it",
};

/** True if no connection was made, so that nothing can have happened on the server. */
export function isConnectFailure(error: unknown): boolean {
  return codeOf(error) in connectFailures;
}

/**
 * The failure as a KesError ServerUnreachable; a KesError and an abort pass unchanged.
 * `rootsFault` says why certificates that were meant to be trusted are not, if that is so.
 */
export function explainFailure(error: unknown, endpoint: URL, rootsFault?: string): unknown {
  if (error instanceof KesError || (error instanceof Error && error.name === "AbortError")) return error;
  const code = codeOf(error);
  const where = endpoint.host;
  const message = isNotTls(error)
    ? `what answers at ${where} is not TLS; ${noTls}`
    : `no answer from ${where}: ${causeOf(error)}; ${remedyOf(code, rootsFault)}`;
  return new KesError("ServerUnreachable", message, { cause: error, details: { server: where, reason: code } });
}

function remedyOf(code: string, rootsFault: string | undefined): string {
  const remedy = connectFailures[code] ?? laterFailures[code] ?? "look into the server's log";
  if (remedy !== notTrusted || rootsFault === undefined) return remedy;
  return `${rootsFault}: correct that, or trust its CA with --ca FILE`;
}

/** Node gives these failures a code of their own, or the system's EPROTO with OpenSSL's number in the text. */
function isNotTls(error: unknown): boolean {
  const code = codeOf(error);
  if (code === "EPROTO") return /:error:0A000(?:10B|0C6):/.test(messageOf(error));
  return code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Node wraps the failures of several addresses into an error without a message. */
function causeOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(", ");
  if (isNameFailure(error)) return namesText(error);
  const text = messageOf(error);
  // OpenSSL's texts are a list of fields; its last one says what happened. Node's advice after `;` is for its own users.
  return text.match(/:SSL routines:[^:]*:([^:]+):/)?.[1] ?? text.replace(/; if the root CA is .*/s, "");
}

interface NameFailure extends Error {
  readonly host: string;
  readonly cert: PeerCertificate;
}

function isNameFailure(error: unknown): error is NameFailure {
  return (
    codeOf(error) === "ERR_TLS_CERT_ALTNAME_INVALID" && error instanceof Error && "host" in error && "cert" in error
  );
}

/** Node's own text leaves the list empty where a certificate has names of another kind, or none. */
function namesText({ host, cert }: NameFailure): string {
  const names = (cert.subjectaltname ?? "").replaceAll(/(^|, )(?:DNS|IP Address):/g, "$1");
  return names === ""
    ? "its certificate names no host and no address"
    : `its certificate is for ${names}, not for ${host}`;
}
