// The one place that knows HTTP status codes: error code → status and message of the API (reference 2.3). Clients compare
// status and message together, so both are exact, and some texts differ between the eras (decisions C7). What a client
// gets never carries a cause: that goes to the error log, at the level given here. docs/errors.md lists this table.
import { KesError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

export type MessageEra = "current" | "legacy";

/** The answer to a failed request, and how loud to be about it in the error log. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly level: "info" | "warn" | "error";
}

interface Entry {
  readonly status: number;
  /** Absent: the error's own message, which whoever threw it made for the client. */
  readonly message?: string;
  readonly legacy?: string;
}

/** Codes that a request can meet, but for those whose answer depends on the operation. */
const entries: Partial<Record<ErrorCode, Entry>> = {
  KeyNotFound: { status: 404, message: "key does not exist" },
  KeyExists: { status: 400, message: "key already exists", legacy: "key does already exist" },
  KeyNoHmac: { status: 409, message: "key does not support HMAC" },
  KeyProtected: { status: 403 },
  CipherUnsupported: { status: 406 },
  KeySizeInvalid: { status: 406 },
  DecryptFailed: { status: 400, message: "decryption failed: ciphertext is not authentic" },
  CreateNotAtomic: { status: 501, message: "key store cannot create keys atomically" },
  NameInvalid: { status: 400 },
  PatternInvalid: { status: 400 },
  BodyInvalid: { status: 400 },
  NotAllowed: {
    status: 403,
    message: "not authorized: insufficient permissions",
    legacy: "prohibited by policy",
  },
  PolicyNotFound: { status: 404, message: "policy does not exist" },
  PolicyExists: { status: 409 },
  IdentityNotFound: { status: 404, message: "identity does not exist" },
  IdentityInvalid: { status: 400 },
  SelfAssignment: { status: 403 },
  CertificateRequired: { status: 400, message: "tls: client certificate is required" },
  CertificateIsCa: { status: 400 },
  CertificateAmbiguous: { status: 400, message: "tls: received more than one client certificate" },
  CertificateInvalid: { status: 400 },
  ProxyCertificateInvalid: { status: 400 },
  ProxyCertificateUntrusted: { status: 403, message: "" },
  NotSupported: { status: 501 },
};

/** What the key store did or holds: 502, in words of the operation. */
const storeCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "KeyCorrupt",
  "KeyMissing",
  "KeyChanged",
  "CreateNotConfirmed",
  "StoreUnreachable",
  "StoreFailed",
  "StoreEmpty",
  "StoreMissing",
  "StoreWrongKey",
  "StoreNotEncrypted",
]);

/** By route: what a store failure (502) and a defect (500) are called. */
const operations: ReadonlyMap<string, { readonly store: string; readonly defect: string }> = new Map([
  ["/v1/key/create/", { store: "failed to create key", defect: "failed to generate encryption key" }],
  ["/v1/key/import/", { store: "failed to create key", defect: "failed to create key" }],
  ["/v1/key/delete/", { store: "failed to delete key", defect: "failed to delete key" }],
  ["/v1/key/list/", { store: "failed to list keys", defect: "failed to list keys" }],
  ["/v1/key/generate/", { store: "failed to read key", defect: "failed to generate encryption key" }],
  ["/v1/key/encrypt/", { store: "failed to read key", defect: "failed to encrypt plaintext" }],
  ["/v1/key/decrypt/", { store: "failed to read key", defect: "failed to decrypt ciphertext" }],
  ["/v1/key/bulk/decrypt/", { store: "failed to read key", defect: "failed to decrypt ciphertext" }],
]);
const otherOperation = { store: "failed to read key", defect: "internal server error" };

/** The answer to `error` on the route with this path. Never throws; what it does not know is a defect (500). */
export function refusalOf(error: unknown, route: string, era: MessageEra): Refusal {
  const operation = operations.get(route) ?? otherOperation;
  if (!(error instanceof KesError)) return { status: 500, message: operation.defect, level: "error" };
  if (storeCodes.has(error.code)) {
    if (route === "/v1/ready") return notReady(error.code);
    return { status: 502, message: operation.store, level: "error" };
  }
  const entry = entries[error.code];
  if (entry === undefined) return { status: 500, message: operation.defect, level: "error" };
  const message = (era === "legacy" ? entry.legacy : undefined) ?? entry.message ?? error.message;
  return { status: entry.status, message, level: entry.status < 500 ? "info" : "error" };
}

function notReady(code: ErrorCode): Refusal {
  if (code === "StoreUnreachable") return { status: 504, message: "key store is not reachable", level: "warn" };
  return { status: 502, message: "key store is unavailable", level: "warn" };
}
