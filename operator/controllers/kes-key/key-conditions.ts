// The conditions of a KesKey (decisions O3): Ready, and two alarms. KeyMissing and KeyChanged say that data may have become
// unreadable, so they are raised as soon as one pod says so, they name the pod and both fingerprints, and silence does not
// lower them: only a pod that finds the right key does. Pure.
import { keyReasons } from "../../api/reasons.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import type { Sightings } from "./sightings.ts";

export interface KeyState {
  /** Of the key in the store. */
  readonly name: string;
  /** What every pod has to find; undefined: the key was never seen. */
  readonly expected: string | undefined;
  /** From pods that are ready. */
  readonly sightings: Sightings;
  /** Whether pods have the bundle that lists the key. */
  readonly programmed: Judgement;
  /** The alarms as they are. */
  readonly before: { readonly KeyMissing: Judgement | undefined; readonly KeyChanged: Judgement | undefined };
}

export interface KeyConditions {
  readonly Ready: Judgement;
  readonly KeyMissing: Judgement;
  readonly KeyChanged: Judgement;
}

type Reason = keyof typeof keyReasons;

export function keyConditions(state: KeyState): KeyConditions {
  const [KeyMissing, KeyChanged] = [missingAlarm(state), changedAlarm(state)];
  return { Ready: readiness(state, { KeyMissing, KeyChanged }), KeyMissing, KeyChanged };
}

/** Nobody looks after the key at the moment: all is Unknown, but for an alarm that was raised. */
export function unwatchedKey(Ready: Judgement, before: KeyState["before"]): KeyConditions {
  const { reason, message } = Ready;
  const unknown: Judgement = { status: "Unknown", reason, message };
  return { Ready, KeyMissing: stays(before.KeyMissing) ?? unknown, KeyChanged: stays(before.KeyChanged) ?? unknown };
}

function missingAlarm({ name, expected, sightings, before }: KeyState): Judgement {
  const { missing, found } = sightings;
  if (missing.length > 0) {
    const demand = expected === undefined ? "" : `, whose fingerprint is ${expected},`;
    return say("True", "Missing", `${listed(missing)} cannot find the key ${name}${demand} in the key store`);
  }
  if (found.size > 0) return say("False", "Found");
  return stays(before.KeyMissing) ?? say("Unknown", "NotReported");
}

function changedAlarm({ name, expected, sightings, before }: KeyState): Judgement {
  const found = [...sightings.found];
  const other = found.find(([, fingerprint]) => fingerprint !== (expected ?? found[0]?.[1]));
  if (other !== undefined) return changed(name, other, expected, found);
  return found.length > 0 ? say("False", "Same") : (stays(before.KeyChanged) ?? say("Unknown", "NotReported"));
}

function changed(
  name: string,
  [pod, fingerprint]: readonly [string, string],
  expected: string | undefined,
  found: readonly (readonly [string, string])[],
): Judgement {
  if (expected !== undefined) {
    const what = `pod ${pod} finds another key ${name}: its fingerprint is ${fingerprint}, expected is ${expected}`;
    const remedy = `Restore the right key in the key store; what it has encrypted cannot be read without it. If the other key is meant, set spec.expectedFingerprint: ${fingerprint}, and leave it there`;
    return { status: "True", reason: "FingerprintMismatch", message: `${what}. ${remedy}` };
  }
  const [first = pod, print = fingerprint] = found[0] ?? [];
  const what = `pods have different keys ${name}: pod ${first} finds ${print}, pod ${pod} finds ${fingerprint}`;
  const remedy = "Have all pods use one key store, and set spec.expectedFingerprint to the key that is meant";
  return { status: "True", reason: "FingerprintMismatch", message: `${what}. ${remedy}` };
}

function readiness(state: KeyState, alarms: Omit<KeyConditions, "Ready">): Judgement {
  const alarm = [alarms.KeyChanged, alarms.KeyMissing].find(({ status }) => status === "True");
  if (alarm !== undefined) return { ...alarm, status: "False" };
  const { sightings, expected, programmed } = state;
  const [failure] = sightings.failed;
  if (failure !== undefined)
    return say("False", "CheckFailed", `pod ${failure[0]} cannot look at the key: ${failure[1]}`);
  if (sightings.found.size === 0) return notFoundYet(state);
  // The first time it takes all of them: a key of which one pod knows is none that data may be entrusted to.
  if (expected !== undefined) return say("True", "Ready");
  if (sightings.waiting.length > 0)
    return say("Unknown", "NotReported", `no word yet from ${listed(sightings.waiting)}`);
  return { ...programmed, status: "Unknown" };
}

function notFoundYet({ sightings, programmed, expected }: KeyState): Judgement {
  if (sightings.waiting.length === 0) return { ...programmed, status: "Unknown" };
  return expected === undefined ? say("False", "Creating") : say("Unknown", "NotReported");
}

function stays(alarm: Judgement | undefined): Judgement | undefined {
  return alarm?.status === "True" ? alarm : undefined;
}

function say(status: Judgement["status"], reason: Reason, found = ""): Judgement {
  const meaning = keyReasons[reason];
  return { status, reason, message: found === "" ? meaning : `${found}; ${meaning}` };
}

/** At most three pods, so that a message stays a message. */
function listed(pods: readonly string[]): string {
  const more = pods.length > 3 ? ` and ${pods.length - 3} more` : "";
  return `${pods.length > 1 ? "pods" : "pod"} ${pods.slice(0, 3).join(", ")}${more}`;
}
