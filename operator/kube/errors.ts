// The API server said no, or nothing. A message is one sentence in three parts: what failed on which object, why, and
// what to do. Callers branch on the properties, which come from the Status object, never on text.

/** What was tried, for the message. */
export interface Attempt {
  /** As RBAC names it: get, list, watch, create, update, patch, delete. */
  readonly verb: string;
  /** `configmaps`, `kesservers/status`; with the group after a dot where there is one. */
  readonly resource: string;
  /** `namespace/name`, a namespace, or empty. */
  readonly object: string;
}

export interface StatusCause {
  readonly reason: string;
  readonly field: string;
  readonly message: string;
}

export interface Refusal {
  /** Undefined: there was no answer. */
  readonly status: number | undefined;
  /** metav1.StatusReason; empty when none was given. */
  readonly reason: string;
  /** The server's words, or what went wrong on the way to it. */
  readonly detail: string;
  readonly causes: readonly StatusCause[];
  /** Milliseconds that the server asks to be left alone. */
  readonly retryAfter: number | undefined;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number | undefined;
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  readonly retryAfter: number | undefined;

  constructor(attempt: Attempt, refusal: Refusal, cause?: unknown) {
    super(messageFor(attempt, refusal), cause === undefined ? undefined : { cause });
    this.status = refusal.status;
    this.reason = refusal.reason;
    this.causes = refusal.causes;
    this.retryAfter = refusal.retryAfter;
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** Another resourceVersion or uid than expected. */
  get isConflict(): boolean {
    return this.status === 409 && this.reason !== "AlreadyExists";
  }

  get isAlreadyExists(): boolean {
    return this.status === 409 && this.reason === "AlreadyExists";
  }

  /** The history from the asked-for version on, or the rest of a paged list, is no longer there. */
  get isExpired(): boolean {
    return this.status === 410;
  }

  /** RBAC or admission refused. */
  get isForbidden(): boolean {
    return this.status === 403;
  }

  /** The object breaks the schema or a rule of its kind; the same object will be refused again. */
  get isInvalid(): boolean {
    return this.status === 422 || this.status === 400;
  }

  /** Nothing can be created in a namespace that is being deleted; no retry mends that. */
  get isTerminatingNamespace(): boolean {
    return this.isForbidden && this.causes.some(({ reason }) => reason === "NamespaceTerminating");
  }
}

/** This process may no longer write: it was not able to renew its lease in time, so another one may be at work. */
export class FencedError extends Error {
  override readonly name = "FencedError";
}

function messageFor({ verb, resource, object }: Attempt, refusal: Refusal): string {
  const what = `cannot ${verb} ${resource}${object === "" ? "" : ` ${object}`}`;
  const remedy = remedyFor({ verb, resource, object }, refusal);
  return `${what}: ${refusal.detail}${remedy === "" ? "" : `; ${remedy}`}`;
}

function remedyFor({ verb, resource }: Attempt, { status, causes }: Refusal): string {
  switch (status) {
    case undefined:
      return "it is tried again; if this lasts, check the API server's address and the network to it";
    case 401:
      return "check that the token in use is still valid and mounted";
    case 403:
      if (causes.some(({ reason }) => reason === "NamespaceTerminating")) return "the namespace is being deleted";
      return `if RBAC refused, allow the operator's ServiceAccount the verb ${verb} on ${resource}`;
    case 404:
      return "its namespace or its kind is not there; if it is a kind of ours, apply the CRDs of this release";
    case 409:
      return "it was changed meanwhile and is tried again";
    case 400:
    case 422:
      return "the object is not accepted as it is; if it is a kind of ours, apply the CRDs of this release";
    default:
      return "";
  }
}
