// The status of a KesKey: what its server and the pods say, in the form in which the API keeps it. The fingerprint is written
// once, when all pods have found the same key, and never changed: it is what a later key is held against. Pure.
import { findCondition, keyConditions as types, setCondition } from "../../api/conditions.ts";
import type { Condition, KesKey, KesKeyStatus } from "../../api/generated.ts";
import { keyReasons } from "../../api/reasons.ts";
import { keyName } from "../../bundle/keys.ts";
import type { KeyFinding } from "../../bundle/verdict-board.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import { keyConditions, unwatchedKey } from "./key-conditions.ts";
import type { KeyConditions } from "./key-conditions.ts";
import { agreedFingerprint, sightingsOf } from "./sightings.ts";
import type { Sightings } from "./sightings.ts";

export interface KeyView {
  readonly key: KesKey;
  /** Whether there is a server of the name that the key gives. */
  readonly hasServer: boolean;
  /** What the server's controller says; undefined: it has not looked since the operator was started. */
  readonly finding: Omit<KeyFinding, "server"> | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function keyStatus(view: KeyView): KesKeyStatus {
  const { key, hasServer, finding } = view;
  if (!hasServer) return statusOf(view, unwatchedKey(serverNotFound(key), alarmsOf(key)));
  if (finding === undefined) return asBefore(view);
  const { accepted } = finding.verdict;
  if (accepted.status !== "True") return statusOf(view, unwatchedKey(accepted, alarmsOf(key)));
  return watchedStatus(view, finding);
}

function watchedStatus(view: KeyView, { verdict, programmed, seen }: NonNullable<KeyView["finding"]>): KesKeyStatus {
  const { key } = view;
  const recorded = key.status?.fingerprint;
  const sightings = sightingsOf(seen);
  // What the bundle demands may lag behind what was learned here a moment ago.
  const known = verdict.expected ?? recorded;
  const agreed = programmed.status === "True" ? agreedFingerprint(sightings) : undefined;
  const expected = known ?? agreed;
  const conditions = keyConditions({ name: keyName(key), expected, sightings, programmed, before: alarmsOf(key) });
  return {
    ...statusOf(view, conditions, verdict.generation),
    ...fingerprints(recorded ?? (agreed === expected ? agreed : undefined), otherThan(expected, sightings)),
    reportingReplicas: seen.size - sightings.waiting.length,
  };
}

/** What pods find instead; undefined: nothing else, or nobody knows what it should be. */
function otherThan(expected: string | undefined, { found }: Sightings): string | undefined {
  return expected === undefined ? undefined : found.values().find((each) => each !== expected);
}

function fingerprints(
  fingerprint: string | undefined,
  other: string | undefined,
): Pick<KesKeyStatus, "fingerprint" | "foundFingerprint"> {
  return {
    ...(fingerprint !== undefined && { fingerprint }),
    ...(other !== undefined && { foundFingerprint: other }),
  };
}

function statusOf(
  { key, now }: KeyView,
  found: KeyConditions,
  generation = key.metadata.generation ?? 0,
): KesKeyStatus {
  const conditions = types.reduce<readonly Condition[]>((list, type) => {
    const { status, reason, message } = found[type];
    return setCondition(list, { type, status, reason, message, observedGeneration: generation }, now);
  }, key.status?.conditions ?? []);
  const known = fingerprints(key.status?.fingerprint, undefined);
  return { observedGeneration: generation, name: keyName(key), ...known, reportingReplicas: 0, conditions };
}

function serverNotFound({ spec }: KesKey): Judgement {
  const message = `there is no KesServer ${spec.serverRef.name} in this namespace; ${keyReasons.ServerNotFound}`;
  return { status: "False", reason: "ServerNotFound", message };
}

const pending: Judgement = { status: "Unknown", reason: "Pending", message: keyReasons.Pending };

/** Until the server has been looked at again, what was true is still the best guess. */
function asBefore(view: KeyView): KesKeyStatus {
  const { key } = view;
  const ready = judgementOf(key, "Ready");
  const isKnown = ready !== undefined && ready.reason !== "ServerNotFound";
  return isKnown && key.status !== undefined ? key.status : statusOf(view, unwatchedKey(pending, alarmsOf(key)));
}

function alarmsOf(key: KesKey): {
  readonly KeyMissing: Judgement | undefined;
  readonly KeyChanged: Judgement | undefined;
} {
  return { KeyMissing: judgementOf(key, "KeyMissing"), KeyChanged: judgementOf(key, "KeyChanged") };
}

function judgementOf({ status }: KesKey, type: (typeof types)[number]): Judgement | undefined {
  const condition = findCondition(status?.conditions, type);
  return condition && { status: condition.status, reason: condition.reason, message: condition.message };
}
