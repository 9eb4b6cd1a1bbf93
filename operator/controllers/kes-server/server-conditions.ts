// The conditions of a KesServer, each from what was seen. Pure. Every message of something that is wrong says what to do.
import type { Judgement } from "../../bundle/verdict.ts";
import { judgeAvailability } from "./judge-availability.ts";
import { judgeCertificate } from "./judge-certificate.ts";
import { withSource } from "./mounted-from.ts";
import { judgePods } from "./programmed.ts";
import type { ServerView } from "./view.ts";

export interface ServerJudgements {
  readonly Ready: Judgement;
  readonly Accepted: Judgement;
  readonly CertificateReady: Judgement;
  readonly Available: Judgement;
  readonly KeystoreReachable: Judgement;
  readonly PoliciesSynced: Judgement;
  readonly Conflicted: Judgement;
}

export function judgeServer(view: ServerView): ServerJudgements {
  const certificateReady = judgeCertificate(view.certificate, view.reports, view.now);
  const available = judgeAvailability(view);
  return {
    Ready: summary([view.accepted, certificateReady, available]),
    Accepted: view.accepted,
    CertificateReady: certificateReady,
    Available: available,
    KeystoreReachable: judgeKeystore(view),
    PoliciesSynced: judgePolicies(view),
    Conflicted: judgeConflicts(view.compilation.conflicts),
  };
}

/** Says what the first of `parts` that is not well says. */
function summary(parts: readonly Judgement[]): Judgement {
  const failing = parts.find(({ status }) => status === "False") ?? parts.find(({ status }) => status === "Unknown");
  return failing ?? { status: "True", reason: "Ready", message: "" };
}

function judgeKeystore({ server, reports }: ServerView): Judgement {
  const answers = reports.flatMap(({ target, state }) =>
    state === undefined ? [] : [{ pod: target.name, ...state.keystore }],
  );
  if (answers.length === 0) {
    return { status: "Unknown", reason: "NotProbed", message: "no pod has told its view of the key store yet" };
  }
  const cut = answers.find(({ state }) => state === "Unreachable");
  if (cut !== undefined) {
    const words = withSource(server, `${cut.pod}: ${cut.problem ?? ""}`);
    const message = `${words}; cached keys go on serving as spec.cache says`;
    return { status: "False", reason: "Unreachable", message };
  }
  const waiting = answers.find(({ problem }) => problem !== null);
  if (waiting === undefined) return { status: "True", reason: "Reachable", message: "" };
  return {
    status: "False",
    reason: "NeverReached",
    message: withSource(server, `${waiting.pod}: ${waiting.problem ?? ""}`),
  };
}

function judgePolicies({ publication, server }: ServerView): Judgement {
  const { held, count, late } = publication;
  if (held !== undefined) return held.judgement;
  const judged = judgePods(count, late);
  if (judged.reason !== "PropagationTimeout") return judged;
  return { ...judged, message: `${judged.message}; spec.propagation.timeout is ${server.spec.propagation.timeout}` };
}

function judgeConflicts(conflicts: number): Judgement {
  if (conflicts === 0) return { status: "False", reason: "NoConflict", message: "" };
  const message = `${conflicts} identities are claimed more than once; the first claim counts, the others' objects say Conflicted`;
  return { status: "True", reason: "IdentityAlreadyAssigned", message };
}
