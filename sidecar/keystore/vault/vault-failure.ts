// What a failed call is told as: which operation, on which store, why, and what to do. Vault's own words are passed on with
// every secret of the call blanked. The HTTP status stands in `details`, so that nobody has to read texts.
import { isKesError, KesError, messageOf } from "../../errors.ts";
import { networkCause } from "../network-cause.ts";
import type { VaultReply, VaultRequest } from "./transport.ts";
import { errorsOf, valueAt } from "./vault-reply.ts";

/** What a call was about, for its failures. */
export interface Subject {
  /** `reading key my-key`, … */
  readonly what: string;
  /** The store's label: product and endpoint. */
  readonly label: string;
}

const remedies: Readonly<Record<number, string>> = {
  400: "check keystore.vault.engine and version against the mount",
  403: "give the login a policy that allows this; `kes doctor` prints one",
  404: "check keystore.vault.engine, namespace and version",
  405: "check keystore.vault.engine and version: the mount does not do this",
  412: "the server that answered lags behind; check Vault's replication",
  413: "raise the request size limit of Vault's listener",
  429: "a rate limit quota is used up; raise it or lower the load",
};

/** @returns StoreUnreachable for whatever kept an answer from coming */
export function unanswered({ what, label }: Subject, cause: unknown, signal: AbortSignal): KesError {
  if (isKesError(cause)) return cause;
  const network = networkCause(signal.aborted ? signal.reason : cause);
  const reason = signal.aborted ? "it was given up before the store answered" : (network?.text ?? messageOf(cause));
  const remedy = network?.remedy ?? "check the store and the network";
  const details = { store: label, ...(network !== undefined && { cause: network.code }) };
  return new KesError("StoreUnreachable", `${what} failed at ${label}: ${reason}; ${remedy}`, { cause, details });
}

/** @returns StoreFailed for an answer that says no, or that cannot be understood */
export function refused(
  { what, label }: Subject,
  reply: VaultReply,
  { token, body, remedy = remedyOf(reply.status) }: RefusedRequest,
): KesError {
  const said = errorsOf(reply).map((text) => redact(text, { token, body }));
  const mismatch = isForOtherVersion(reply) ? ["the mount is a K/V engine of another version"] : said;
  const reason = mismatch.length === 0 ? "" : ` (${mismatch.join(", ").replaceAll(/\s+/g, " ").trim()})`;
  const text = `${what} failed at ${label}: status ${reply.status}${reason}; ${remedy}`;
  return new KesError("StoreFailed", text, { details: { store: label, status: reply.status } });
}

/** @returns StoreFailed for an answer of success that holds nothing usable */
export function senseless({ what, label }: Subject, missing: string): KesError {
  const text = `${what} failed at ${label}: the answer holds no ${missing}; check that the endpoint is Vault itself`;
  return new KesError("StoreFailed", text, { details: { store: label } });
}

/** What was asked, for redaction. */
interface RefusedRequest extends Pick<VaultRequest, "token" | "body"> {
  /** What to do; default by the status. */
  readonly remedy?: string | undefined;
}

function remedyOf(status: number): string {
  return remedies[status] ?? (status >= 500 ? "see Vault's log" : "see the answer");
}

/** The status of the answer that `error` is about. */
export function statusOf(error: unknown): number | undefined {
  return isKesError(error) && typeof error.details["status"] === "number" ? error.details["status"] : undefined;
}

/** A v2 mount answers calls made for v1 with nothing but a warning. */
export function isForOtherVersion({ status, body }: VaultReply): boolean {
  return status === 404 && valueAt(body, "errors") === undefined && Array.isArray(valueAt(body, "warnings"));
}

const secretFields: ReadonlySet<string> = new Set(["secret_id", "jwt", "plaintext", "ciphertext", "data"]);

/** `text` without any secret that was sent. */
function redact(text: string, { token, body = {} }: Pick<VaultRequest, "token" | "body">): string {
  const sent = Object.entries(body).filter(([field]) => secretFields.has(field));
  const secrets = [token, ...sent.flatMap(([, value]) => texts(value))];
  return secrets.reduce<string>(
    (clean, secret) => (secret === undefined || secret === "" ? clean : clean.replaceAll(secret, "[redacted]")),
    text,
  );
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}
