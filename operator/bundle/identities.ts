// What a KesIdentity brings along: the hashes that are in force now, and how well each is founded. A hash is *issued* when
// the operator saw its key being made (a cert-manager request of ours, an API key); everything else is somebody's assertion.
// The status says which hashes there are; only before its first one does a hash in the spec speak for itself, so that a new
// identity gets everything that there is to say about it into one status.
import { isIdentityHash } from "../../sidecar/contract/identity.ts";
import type { IdentityHash, KesIdentity, KesIdentityStatus } from "../api/generated.ts";
import { annotations } from "../api/kinds.ts";

export interface HeldHash {
  readonly hash: string;
  readonly isIssued: boolean;
}

/** `namespace/name` of the server that an identity belongs to. */
export function serverKeyOf({ metadata, spec }: KesIdentity): string {
  return `${spec.serverRef.namespace ?? metadata.namespace ?? ""}/${spec.serverRef.name}`;
}

type Known = Pick<KesIdentityStatus, "source" | "identity" | "identities">;

/** What is known of its keys. A paused object is what its status says. */
function knownOf({ metadata, spec, status }: KesIdentity): Known {
  const isLookedAt = status?.source !== undefined || metadata.annotations?.[annotations.paused] === "true";
  if (isLookedAt || spec.hash === undefined) return status ?? {};
  return { source: "Hash", identity: spec.hash, identities: [{ hash: spec.hash, state: "Active" }] };
}

/** Whether a new identity has all that its server needs to know of it. */
export function speaksForItself(identity: KesIdentity): boolean {
  return identity.status?.source === undefined && knownHashes(identity).length > 0;
}

/** Whether it is new, and its controller will say in a moment which hashes it has. */
export function isAboutToSpeak(identity: KesIdentity): boolean {
  const { deletionTimestamp, annotations: given } = identity.metadata;
  const isLeftAlone = deletionTimestamp !== undefined || given?.[annotations.paused] === "true";
  return identity.status?.source === undefined && !isLeftAlone && !speaksForItself(identity);
}

/** All its hashes, whether they are in force or not. */
export function knownHashes(identity: KesIdentity): readonly string[] {
  return (knownOf(identity).identities ?? []).map(({ hash }) => hash);
}

/** Whether a bundle may have to say something else after that change: an identity's status has much in it that none does. */
export function concernsBundle(before: KesIdentity | undefined, now: KesIdentity | undefined): boolean {
  return saidToBundle(before) !== saidToBundle(now);
}

function saidToBundle(identity: KesIdentity | undefined): string {
  if (identity === undefined) return "";
  const { uid, generation, deletionTimestamp, creationTimestamp, annotations } = identity.metadata;
  const { source, identity: principal, identities } = knownOf(identity);
  const meta = [uid, generation, deletionTimestamp, creationTimestamp, annotations];
  return JSON.stringify([meta, source, principal, identities]);
}

/** The hashes of `identity` that may be used at `now`. */
export function heldHashes(identity: KesIdentity, now: number): readonly HeldHash[] {
  const { source, identities = [] } = knownOf(identity);
  const entries = identities.filter((entry) => isIdentityHash(entry.hash) && endOf(entry) > now);
  return entries.map((entry) => ({ hash: entry.hash, isIssued: isIssued(entry, source) }));
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
export function principalHash(object: KesIdentity): string | undefined {
  const { identity, identities = [] } = knownOf(object);
  const entries = identities.filter(({ hash }) => isIdentityHash(hash));
  const inState = (state: string): readonly string[] =>
    entries.filter((entry) => entry.state === state).map(({ hash }) => hash);
  const active = inState("Active");
  if (identity !== undefined && active.includes(identity)) return identity;
  // Before the first one is in use, so that every server knows it by then.
  return [...active, ...inState("Pending")][0];
}
