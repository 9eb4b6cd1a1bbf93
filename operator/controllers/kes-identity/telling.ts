// What of a visit is worth an event: changes that somebody who looks for a cause later would want to find. Pure.
import { findCondition } from "../../api/conditions.ts";
import type { KesIdentity, KesIdentityStatus } from "../../api/generated.ts";
import type { EventRecorder } from "../../kube/events.ts";
import { maxIdentities } from "./identities.ts";

type Event = Parameters<EventRecorder["record"]>[0];

/** @param dropped hashes that were given up because there were too many */
export function changesWorthTelling(
  identity: KesIdentity,
  status: KesIdentityStatus,
  dropped: readonly string[],
): readonly Event[] {
  const tell = (type: Event["type"], reason: string, message: string): Event => {
    return { regarding: identity, type, reason, action: "Reconcile", message };
  };
  // What was so before anybody looked is no change: an operator that is installed last would tell of thousands.
  const isFirst = identity.status === undefined;
  const changes = [
    ...identityChange(identity.status, status).map((message) => tell("Normal", "IdentityChanged", message)),
    ...readiness(identity.status, status).map(([type, reason, message]) => tell(type, reason, message)),
  ];
  const losses = dropped.map((hash) => {
    const message = `${hash} is no longer allowed: there are more than ${maxIdentities} keys at once`;
    return tell("Warning", "IdentityDropped", message);
  });
  return isFirst ? losses : [...changes, ...losses];
}

function identityChange(
  before: KesIdentityStatus | undefined,
  { identity, source }: KesIdentityStatus,
): readonly string[] {
  if (identity === undefined || identity === before?.identity) return [];
  // Whoever wrote the hash into the spec knows it.
  if (source === "Hash" && before?.identity === undefined) return [];
  return [before?.identity === undefined ? `is ${identity}` : `was ${before.identity}, is ${identity}`];
}

function readiness(
  before: KesIdentityStatus | undefined,
  after: KesIdentityStatus,
): readonly (readonly [Event["type"], string, string])[] {
  const [was, is] = [before, after].map((status) => findCondition(status?.conditions, "Ready"));
  if (is === undefined || is.status === was?.status) return [];
  if (is.status === "True") return [["Normal", "Ready", "the client can use the server"]];
  // On the way to being ready for the first time everything is missing in turn.
  return was?.status === "True" ? [["Warning", "NotReady", `${is.reason}: ${is.message}`]] : [];
}
