// The condition CertificateReady. Pure.
import type { Judgement } from "../../bundle/verdict.ts";
import { conditionOf } from "./live-objects.ts";
import type { LiveCondition } from "./live-objects.ts";
import type { PodReport } from "./pod-reports.ts";
import type { CertificateView } from "./view.ts";

/** @param now milliseconds since 1970 */
export function judgeCertificate(view: CertificateView, reports: readonly PodReport[], now: number): Judgement {
  if (view.isOwn) return judgeOwn(view.secretName, reports, now);
  const { conditions, notAfter } = view.certificate?.status ?? {};
  const ready = conditionOf(conditions, "Ready");
  if (ready?.status === "True") return judgeEnd(notAfter, now);
  return judgeRequest(view.request?.status?.conditions, ready?.message);
}

/** Nobody here reads the Secret: the pods tell when what they serve ends. */
function judgeOwn(secretName: string, reports: readonly PodReport[], now: number): Judgement {
  const ends = reports.flatMap(({ state }) => (state === undefined ? [] : [Date.parse(state.tlsNotAfter)]));
  if (ends.length === 0) {
    const message = `no pod serves with the certificate in Secret ${secretName} yet`;
    return { status: "Unknown", reason: "NotReported", message };
  }
  if (ends.every((end) => end > now)) {
    return { status: "True", reason: "OwnSecret", message: `from Secret ${secretName}, renewed by its owner` };
  }
  const message = `the certificate in Secret ${secretName} has expired; put a new one into it`;
  return { status: "False", reason: "Expired", message };
}

function judgeEnd(notAfter: string | undefined, now: number): Judgement {
  if (notAfter === undefined || Date.parse(notAfter) > now) return { status: "True", reason: "Issued", message: "" };
  const message = `it ended at ${notAfter}; kubectl describe certificate says why it was not renewed`;
  return { status: "False", reason: "Expired", message };
}

function judgeRequest(conditions: readonly LiveCondition[] = [], otherwise = "waiting for cert-manager"): Judgement {
  const refused = conditions.find(
    ({ type, status }) => (type === "Denied" || type === "InvalidRequest") && status === "True",
  );
  if (refused !== undefined) {
    const message = `the request was refused: ${refused.message ?? ""}; let cert-manager's approver accept it`;
    return { status: "False", reason: "Refused", message };
  }
  const issuing = conditionOf(conditions, "Ready");
  const detail = issuing?.message ?? otherwise;
  if (issuing === undefined || !isIssuerTrouble(detail)) return { status: "False", reason: "Issuing", message: detail };
  const message = `${detail}; create or repair the issuer, or correct spec.tls.certManager.issuerRef`;
  return { status: "False", reason: "IssuerNotReady", message };
}

// cert-manager says it in the message alone.
function isIssuerTrouble(message: string): boolean {
  return /issuer/i.test(message) && /not found|not ready|does not have a ready|error/i.test(message);
}
