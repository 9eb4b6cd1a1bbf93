// Identities whose certificate cert-manager issues: what its Certificate and CertificateRequests say about the key that
// is in the Secret now and about the one that comes next. No Secret is read.
import type { IdentityCertificate, IdentityHash, KesIdentityStatus } from "../../api/generated.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import { parseDuration } from "../../../sidecar/contract/duration.ts";
import type { FoundKey } from "./found-key.ts";
import { defaultOverlap } from "./identities.ts";
import type { KeySighting } from "./identities.ts";
import { judge } from "./judge.ts";
import { conditionOf, isConditionTrue } from "./objects/cert-manager.ts";
import type { Certificate } from "./objects/cert-manager.ts";
import type { RequestsSeen } from "./requests.ts";

export interface CertificateSeen {
  /** Whether the cluster serves cert-manager's kinds. */
  readonly certManager: boolean;
  /** What stands in the way of a first certificate; undefined: nothing is known to. */
  readonly obstacle: Judgement | undefined;
  readonly certificate: Certificate | undefined;
  /** `noRequests` as long as there is no Certificate. */
  readonly requests: RequestsSeen;
}

export interface FoundCertificate extends FoundKey {
  /** Whether something was issued and nobody can tell for which key. */
  readonly isKeyUnknown: boolean;
}

export function findCertificate(
  wanted: IdentityCertificate,
  seen: CertificateSeen,
  { previous, now }: { readonly previous: KesIdentityStatus | undefined; readonly now: number },
): FoundCertificate {
  const { certificate, requests } = seen;
  const active = requests.current ?? provenBefore(certificate, previous);
  const isKeyUnknown = active === undefined && wasIssued(certificate);
  const overlap = parseDuration(wanted.rotationOverlap) ?? defaultOverlap;
  return {
    sighting: { source: "Certificate", active, pending: requests.next, refused: requests.refused, overlap },
    issued: judgeIssuance(seen, { active, isKeyUnknown, now }),
    renewalTime: certificate?.status?.renewalTime,
    isKeyUnknown,
  };
}

/** What an earlier visit learned from a request that is gone now: by revision, or by when the certificate ends. */
function provenBefore(
  certificate: Certificate | undefined,
  previous: KesIdentityStatus | undefined,
): KeySighting | undefined {
  if (certificate === undefined || previous?.source !== "Certificate") return undefined;
  const { revision, notAfter } = certificate.status ?? {};
  // A Certificate that was made anew counts its revisions anew, and has none as long as it lives on the old Secret. When a
  // certificate ends is public: only an entry with a revision, which a request gave it, had its key proven.
  const isThisOne = (entry: IdentityHash): boolean => {
    if (entry.revision === undefined) return false;
    return revision === undefined ? isSameTime(entry.notAfter, notAfter) : entry.revision === revision;
  };
  const entry = previous.identities?.find(isThisOne);
  return entry === undefined ? undefined : sightingOf(entry);
}

function sightingOf({ hash, revision, notAfter }: IdentityHash): KeySighting {
  return {
    hash,
    ...(revision !== undefined && { revision }),
    ...(notAfter !== undefined && { notAfter: Date.parse(notAfter) }),
  };
}

function isSameTime(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && Date.parse(a) === Date.parse(b);
}

function wasIssued(certificate: Certificate | undefined): boolean {
  return certificate?.status?.revision !== undefined || isConditionTrue(certificate, "Ready");
}

interface Finding {
  readonly active: KeySighting | undefined;
  readonly isKeyUnknown: boolean;
  readonly now: number;
}

function judgeIssuance(seen: CertificateSeen, { active, isKeyUnknown, now }: Finding): Judgement {
  const { obstacle } = seen;
  if (!seen.certManager) return judge("False", "CertManagerNotInstalled", "the cluster has no cert-manager");
  if (active !== undefined) return judgeKnown(seen, now);
  if (obstacle !== undefined) return obstacle;
  return isKeyUnknown ? judge("Unknown", "RequestMissing", unknownText(seen)) : judgeComing(seen);
}

/** Before the first certificate. */
function judgeComing({ certificate, requests }: CertificateSeen): Judgement {
  const { failure, doubts, waiting } = requests;
  if (failure !== undefined) return judge("False", "IssuanceFailed", failureText(failure));
  const [doubt] = doubts;
  if (doubt !== undefined) return judge("False", "IssuanceFailed", doubt);
  const word = waiting ?? conditionOf(certificate, "Issuing")?.message;
  return judge("False", "Issuing", word === undefined ? "the certificate is not issued yet" : `cert-manager: ${word}`);
}

function judgeKnown({ certificate, requests }: CertificateSeen, now: number): Judgement {
  const trouble = requests.failure === undefined ? "" : failureText(requests.failure);
  const end = Date.parse(certificate?.status?.notAfter ?? "");
  if (end <= now) return judge("False", "Expired", trouble === "" ? "the certificate has ended" : trouble);
  return judge(
    "True",
    "Issued",
    trouble === "" ? "" : `the identity is known, but its renewal does not succeed: ${trouble}`,
  );
}

function failureText({ reason, message }: NonNullable<RequestsSeen["failure"]>): string {
  return reason === "Denied" ? `the request was denied: ${message}` : `cert-manager could not issue: ${message}`;
}

function unknownText({ certificate }: CertificateSeen): string {
  return `no CertificateRequest tells whose key is in Secret ${certificate?.spec.secretName ?? ""}`;
}
