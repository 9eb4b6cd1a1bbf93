// Every failure that someone can act on is a KesError with a stable code from the one catalogue below.
// A message is one sentence in three parts: what failed, where, what to do. Callers branch on `code`, never on text.
// Only http/status.ts knows HTTP status codes; stores and crypto know codes. docs/errors.md lists every code and a
// test keeps the two alike. `details` holds allow-listed log fields: never key material, tokens or request bodies.

/** Code → what it means, in one sentence. docs/errors.md carries the remedy. */
export const catalogue = {
  // keys and key stores
  KeyNotFound: "no key of that name is in the key store",
  KeyExists: "a key of that name is already in the key store",
  KeyCorrupt: "what the key store holds under that name is not a key this server can read",
  KeyMissing: "a key that is expected with a known fingerprint is not in the key store",
  KeyChanged: "the key store holds another key under that name than the one expected",
  KeyNoHmac: "the key was stored by a release that made no HMAC key",
  KeyProtected: "the key is under delete protection",
  CipherUnsupported: "the cipher name is not one this server knows",
  KeySizeInvalid: "the key is not 32 bytes long",
  DecryptFailed: "the ciphertext does not belong to this key and context, or was changed",
  CreateNotConfirmed: "the key store did not return what was just written to it",
  CreateNotAtomic: "the key store cannot create atomically and the configuration demands it",
  StoreUnreachable: "the key store cannot be reached",
  StoreFailed: "the key store answered with an error",
  StoreEmpty: "the store directory is empty and may be an unmounted volume",
  StoreMissing: "the store directory does not exist",
  StoreWrongKey: "the wrapping key does not open this store",
  StoreNotEncrypted: "the store is not encrypted although a wrapping key is configured, or the reverse",
  // requests
  NameInvalid: "the name is empty, too long or contains invalid characters",
  PatternInvalid: "the listing pattern is too long or contains invalid characters",
  BodyInvalid: "the request body is missing, malformed or too large",
  NotAllowed: "no policy allows this identity to do this",
  PolicyNotFound: "no policy of that name exists",
  PolicyExists: "a configured policy of that name exists and is not overwritten",
  IdentityNotFound: "the identity is in no policy",
  IdentityInvalid: "the identity cannot be assigned",
  SelfAssignment: "an identity cannot change the policy it holds",
  CertificateRequired: "the client sent no certificate",
  CertificateIsCa: "the first certificate the client sent is a CA certificate",
  CertificateAmbiguous: "the client sent more than one certificate that is not a CA certificate",
  CertificateInvalid: "the client certificate cannot be read or is not trusted",
  ProxyCertificateInvalid: "the TLS proxy forwarded no certificate, several, or one that cannot be read",
  ProxyCertificateUntrusted: "the TLS proxy forwarded a certificate that tls.ca does not trust",
  // start, configuration, command line
  ConfigInvalid: "the configuration has problems",
  FileUnreadable: "a file cannot be read",
  FileExists: "a file exists and is not overwritten",
  PemInvalid: "a PEM file does not hold what is expected",
  ApiKeyInvalid: "the text is not an API key",
  AddressInvalid: "the address is not IP:PORT",
  AddressInUse: "the address cannot be listened on",
  UsageInvalid: "the command line is not understood",
  ServerUnreachable: "the KES server cannot be reached",
  ServerAnswered: "the KES server answered with an error",
  NotSupported: "this implementation does not do that",
  Internal: "a defect in this program",
} as const satisfies Record<string, string>;

export type ErrorCode = keyof typeof catalogue;

export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

export interface ErrorOptions {
  readonly cause?: unknown;
  readonly details?: ErrorDetails;
}

/** The one error class. `message` is one sentence for the person who has to act. */
export class KesError extends Error {
  override readonly name = "KesError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** True if `error` is a KesError, and of one of `codes` when any are given. */
export function isKesError(error: unknown, ...codes: readonly ErrorCode[]): error is KesError {
  return error instanceof KesError && (codes.length === 0 || codes.includes(error.code));
}

/** The text of anything thrown, for messages and logs. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
