// From what the SDK throws to an error a person can act on. Three kinds: the network failed (an outage), AWS answered
// that it will not or cannot (not an outage: throttling above all), no credentials were found.
// AWS's texts are used up to the end of their first line: what follows can quote the request with its session token.
import { SecretsManagerServiceException } from "@aws-sdk/client-secrets-manager";
import { KesError, messageOf } from "../../errors.ts";
import { networkCause } from "../network-cause.ts";

const policy = "give the identity the permissions listed in docs/aws.md ('kes doctor' prints the exact policy)";
const keys = "check the access key and secret key, or the role, and that they belong to this region's partition";
const expired = "the session is over; renew the token, or use a role, which renews itself";
const clock = "compare the clock of this machine with AWS's, then the secret key";
const quota = "AWS is throttling: raise the quota of Secrets Manager, or let cache.expiry keep keys longer";
const kms =
  "check that the KMS key exists, is enabled, and that the identity may use it (kms:GenerateDataKey, kms:Decrypt)";
const later = "AWS has a fault; see its status page";

const remedies: Readonly<Record<string, string>> = {
  AccessDenied: policy,
  AccessDeniedException: policy,
  UnrecognizedClientException: keys,
  InvalidClientTokenId: keys,
  IncompleteSignature: keys,
  MissingAuthenticationToken: keys,
  OptInRequired: keys,
  InvalidSignatureException: clock,
  SignatureDoesNotMatch: clock,
  RequestExpired: clock,
  ExpiredToken: expired,
  ExpiredTokenException: expired,
  ThrottlingException: quota,
  Throttling: quota,
  TooManyRequestsException: quota,
  RequestLimitExceeded: quota,
  SlowDown: quota,
  LimitExceededException: "the account has as many secrets or as large a quota as AWS allows; ask AWS for more",
  EncryptionFailure: kms,
  DecryptionFailure: kms,
  KMSAccessDeniedException: kms,
  InternalServiceError: later,
  InternalFailure: later,
  ServiceUnavailable: later,
};

/** The name AWS gave its answer, `ResourceNotFoundException`; undefined if `error` is no answer of AWS. */
export function answerName(error: unknown): string | undefined {
  return isAnswer(error) ? error.name : undefined;
}

/** True if AWS knows who asks, and does not allow it. */
export function isRefusal(error: unknown): boolean {
  const name = answerName(error);
  return name === "AccessDenied" || name === "AccessDeniedException";
}

/** `what` failed because of `error`: `reading key my-key`. A KesError passes unchanged. */
export function awsFailure(error: unknown, what: string, endpoint: string): KesError {
  if (error instanceof KesError) return error;
  const where = `${what} at AWS Secrets Manager (${endpoint}) failed`;
  if (isAnswer(error)) return answered(error, where);
  if (isNoCredentials(error)) {
    const remedy = "set keystore.aws.secretsmanager.credentials, or give the pod or machine a role";
    return new KesError("StoreFailed", `${where}: no usable AWS credentials: ${firstLine(error)}; ${remedy}`, {
      cause: error,
      details: { reason: "credentials" },
    });
  }
  const network = networkCause(error);
  if (network === undefined) return notAws(error, where);
  const text = `${where}: ${network.text}; ${network.remedy}`;
  return new KesError("StoreUnreachable", text, { cause: error, details: { reason: network.code } });
}

/** Neither the network's failure nor AWS's answer: something else answered, in another language. */
function notAws(error: unknown, where: string): KesError {
  const text = `${where}: ${firstLine(error)}; check that the endpoint is that of AWS Secrets Manager`;
  return new KesError("StoreFailed", text, { details: { reason: "not understood" } });
}

// No `cause`: it would carry the rest of AWS's text, and the request, into the log.
function answered(error: Answer, where: string): KesError {
  const status = error.$metadata.httpStatusCode ?? 0;
  const remedy = remedies[error.name] ?? (status >= 500 ? later : "see AWS's documentation of that error");
  return new KesError("StoreFailed", `${where}: ${error.name}: ${firstLine(error)}; ${remedy}`, {
    details: { reason: error.name, status, request: error.$metadata.requestId ?? "none" },
  });
}

type Answer = Error & { readonly $metadata: { readonly httpStatusCode?: number; readonly requestId?: string } };

/** Secrets Manager's answers, and those of STS when it gives out credentials. */
function isAnswer(error: unknown): error is Answer {
  if (error instanceof SecretsManagerServiceException) return true;
  if (!(error instanceof Error) || !("$metadata" in error) || !("$fault" in error)) return false;
  const metadata = error.$metadata;
  return typeof metadata === "object" && metadata !== null && "httpStatusCode" in metadata;
}

function isNoCredentials(error: unknown): boolean {
  return error instanceof Error && /^(Credentials|Token)ProviderError$/.test(error.name);
}

function firstLine(error: unknown): string {
  return (messageOf(error).split("\n", 1)[0] ?? "").slice(0, 300);
}
