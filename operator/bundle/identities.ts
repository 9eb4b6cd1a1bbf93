// What a KesIdentity brings along: the hashes that are in force now, and how well each is founded. A hash is *issued* when
// the operator saw its key being made (a cert-manager request of ours, an API key); everything else is somebody's assertion.
import { isIdentityHash } from "../../sidecar/contract/identity.ts";
import type { IdentityHash, KesIdentity } from "../api/generated.ts";

export interface HeldHash {
  readonly hash: string;
  readonly isIssued: boolean;
}

/** `namespace/name` of the server that an identity belongs to. */
export function serverKeyOf({ metadata, spec }: KesIdentity): string {
  return `${spec.serverRef.namespace ?? metadata.namespace ?? ""}/${spec.serverRef.name}`;
}

/** Whether a bundle may have to say something else after that change: an identity's status has much in it that none does. */
export function concernsBundle(before: KesIdentity | undefined, now: KesIdentity | undefined): boolean {
  return saidToBundle(before) !== saidToBundle(now);
}

function saidToBundle(identity: KesIdentity | undefined): string {
  if (identity === undefined) return "";
  const { uid, generation, deletionTimestamp, creationTimestamp, annotations } = identity.metadata;
  const { source, identity: principal, identities } = identity.status ?? {};
  const meta = [uid, generation, deletionTimestamp, creationTimestamp, annotations];
  return JSON.stringify([meta, source, principal, identities]);
}

/** The hashes of `identity` that may be used at `now`, from its status alone. */
export function heldHashes({ status }: KesIdentity, now: number): readonly HeldHash[] {
  const entries = (status?.identities ?? []).filter((entry) => isIdentityHash(entry.hash) && endOf(entry) > now);
  return entries.map((entry) => ({ hash: entry.hash, isIssued: isIssued(entry, status?.source) }));
}

/** When the next of its hashes ends by itself; Infinity: none does. */
export function nextEnd({ status }: KesIdentity, now: number): number {
  return Math.min(...(status?.identities ?? []).map(endOf).filter((end) => end > now));
}

/** A retiring hash of which nobody wrote down when it ends has ended. */
function endOf({ state, expiresAt }: IdentityHash): number {
  if (state !== "Retiring") return Infinity;
  const end = Date.parse(expiresAt ?? "");
  return Number.isNaN(end) ? -Infinity : end;
}

/**
 * An identity may change from a source that asserts to one that issues, and its old hash then retires beside the new one:
 * whoever wrote somebody else's hash must not have it taken for issued by such an edit.
 */
function isIssued({ state, revision }: IdentityHash, source: string | undefined): boolean {
  if (revision !== undefined) return true;
  return state !== "Retiring" && (source === "Certificate" || source === "APIKey");
}

/** The hash that stands for the identity where only one can. */
export function principalHash({ status }: KesIdentity): string | undefined {
  const entries = (status?.identities ?? []).filter(({ hash }) => isIdentityHash(hash));
  const inState = (state: string): readonly string[] =>
    entries.filter((entry) => entry.state === state).map(({ hash }) => hash);
  const active = inState("Active");
  if (status?.identity !== undefined && active.includes(status.identity)) return status.identity;
  // Before the first one is in use, so that every server knows it by then.
  return [...active, ...inState("Pending")][0];
}
