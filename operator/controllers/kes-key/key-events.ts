// What of a visit to a key is worth an event. Pure.
import { findCondition } from "../../api/conditions.ts";
import type { KesKey, KesKeyStatus } from "../../api/generated.ts";
import type { EventRecorder } from "../../kube/events.ts";

type Event = Parameters<EventRecorder["record"]>[0];

/** @param status the new one, as it was written */
export function keyEvents(key: KesKey, status: KesKeyStatus): readonly Event[] {
  const tell = (type: Event["type"], reason: string, message: string): Event => {
    return { regarding: key, type, reason, action: "Reconcile", message };
  };
  const alarms = (["KeyMissing", "KeyChanged"] as const).flatMap((type) => {
    const [was, is] = [key.status, status].map((each) => findCondition(each?.conditions, type));
    if (is?.status === "True" && was?.status !== "True") return [tell("Warning", type, is.message)];
    const isOver = was?.status === "True" && is?.status === "False";
    return isOver ? [tell("Normal", "KeyRestored", `no longer ${type}: ${is.message}`)] : [];
  });
  return [
    ...alarms,
    ...recorded(key, status).map((message) => tell("Normal", "FingerprintRecorded", message)),
    ...duplicate(key, status).map((message) => tell("Warning", "DuplicateName", message)),
  ];
}

function recorded({ status: before }: KesKey, { name, fingerprint }: KesKeyStatus): readonly string[] {
  if (fingerprint === undefined || before?.fingerprint !== undefined) return [];
  return [
    `the key ${name} has the fingerprint ${fingerprint}; spec.expectedFingerprint set to it survives a restore from backup, the status does not`,
  ];
}

function duplicate(key: KesKey, status: KesKeyStatus): readonly string[] {
  const [was, is] = [key.status, status].map((each) => findCondition(each?.conditions, "Ready"));
  return is?.reason === "DuplicateName" && was?.reason !== is.reason ? [is.message] : [];
}
