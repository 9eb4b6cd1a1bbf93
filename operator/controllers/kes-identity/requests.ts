// Which CertificateRequests tell the truth about a Certificate's key. A request is public and says whose key was asked for;
// that is how the operator knows a key without reading a Secret, and the next one before any client has it. It is believed
// when cert-manager made it for this very Certificate (owner by UID, name, revision), when it was approved, and when
// its signature proves possession of the key. Somebody with rights in the namespace could still forge one; but who has
// those may make a KesIdentity there as well: the unit of trust is the namespace.
import { isConditionTrue, conditionOf, requestAnnotations } from "./objects/cert-manager.ts";
import type { Certificate, CertificateRequest } from "./objects/cert-manager.ts";
import type { KeySighting } from "./identities.ts";
import type { ReadRequest } from "./request-reader.ts";
import type { Index } from "../../kube/index-by.ts";

export interface RequestsSeen {
  /** The request of the revision that is in the Secret. */
  readonly current: KeySighting | undefined;
  /** Requests of the next revision whose key may come into the Secret at any moment. */
  readonly next: readonly KeySighting[];
  /** Hashes of the next revision that will not: denied or failed. */
  readonly refused: ReadonlySet<string>;
  /** Why the next revision does not come, in a clause; undefined: nothing is known to be wrong. */
  readonly failure: RequestFailure | undefined;
  /** What cert-manager says of the request that it is working on. */
  readonly waiting: string | undefined;
  /** Requests of this Certificate that are not believed, and why. */
  readonly doubts: readonly string[];
}

/** What is seen where there is no Certificate. */
export const noRequests: RequestsSeen = {
  current: undefined,
  next: [],
  refused: new Set(),
  failure: undefined,
  waiting: undefined,
  doubts: [],
};

export interface RequestFailure {
  readonly reason: "Denied" | "Failed";
  readonly message: string;
}

/** All that are known. */
export interface Requests {
  /** By the Certificate that they name. */
  readonly by: Index<CertificateRequest>;
  readonly read: ReadRequest;
}

/** `namespace/name` of the Certificate that a request says it was made for. */
export function certificateKeyOf({ metadata }: CertificateRequest): string {
  return `${metadata.namespace ?? ""}/${metadata.annotations?.[requestAnnotations.certificate] ?? ""}`;
}

interface Candidate {
  readonly request: CertificateRequest;
  readonly revision: number;
  readonly key: KeySighting;
}

/** @param requests that name the Certificate, perhaps among others, in any order */
export function seeRequests(
  certificate: Certificate,
  requests: readonly CertificateRequest[],
  read: ReadRequest,
): RequestsSeen {
  const own = requests.filter((request) => isMadeFor(request, certificate));
  const revision = certificate.status?.revision ?? 0;
  const relevant = own.filter((request) => [revision, revision + 1].includes(revisionOf(request)));
  const readings = relevant.map((request) => ({ request, answer: read(request) }));
  const candidates = readings.flatMap(({ request, answer }): readonly Candidate[] => {
    if ("problem" in answer) return [];
    const { hash, notAfter } = answer;
    const asked = revisionOf(request);
    return [{ request, revision: asked, key: { hash, revision: asked, ...(notAfter !== undefined && { notAfter }) } }];
  });
  const doubts = readings.flatMap(({ request, answer }) => {
    return "problem" in answer ? [`CertificateRequest ${request.metadata.name}: ${answer.problem}`] : [];
  });
  const issued = candidates.filter(({ request, ...candidate }) => {
    return candidate.revision === revision && candidate.key.notAfter !== undefined && isApproved(request);
  });
  const coming = candidates.filter((candidate) => candidate.revision === revision + 1);
  return { current: currentOf(issued, certificate)?.key, ...comingFrom(coming, certificate), doubts };
}

type Coming = Pick<RequestsSeen, "next" | "refused" | "failure" | "waiting">;

function comingFrom(candidates: readonly Candidate[], certificate: Certificate): Coming {
  const over = candidates.filter(({ request }) => failureOf(request) !== undefined);
  const open = candidates.filter((candidate) => !over.includes(candidate));
  const isIssuing = isConditionTrue(certificate, "Issuing");
  const approved = open.filter(({ request }) => isIssuing && isApproved(request));
  return {
    // With two of one revision cert-manager stands still, and one of the two is not its own.
    next: approved.length === 1 ? approved.map(({ key }) => key) : [],
    refused: new Set(over.map(({ key }) => key.hash)),
    failure: over.map(({ request }) => failureOf(request)).find((failure) => failure !== undefined),
    waiting: open.map(({ request }) => conditionOf(request, "Ready")?.message).find((message) => message !== undefined),
  };
}

/** With two of one revision: the one whose certificate ends when the Secret's does, else the older. */
function currentOf(candidates: readonly Candidate[], { status }: Certificate): Candidate | undefined {
  const end = Date.parse(status?.notAfter ?? "");
  const byAge = candidates.toSorted((a, b) => bornAt(a.request) - bornAt(b.request));
  return byAge.find(({ key }) => key.notAfter === end) ?? byAge[0];
}

function isMadeFor({ metadata }: CertificateRequest, certificate: Certificate): boolean {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  return (
    owner !== undefined &&
    owner.kind === "Certificate" &&
    owner.uid === certificate.metadata.uid &&
    metadata.annotations?.[requestAnnotations.certificate] === certificate.metadata.name
  );
}

/** From 1; NaN when it does not say. */
function revisionOf({ metadata }: CertificateRequest): number {
  const text = metadata.annotations?.[requestAnnotations.revision] ?? "";
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Number.NaN;
}

function isApproved(request: CertificateRequest): boolean {
  return isConditionTrue(request, "Approved") && !isConditionTrue(request, "Denied");
}

function failureOf(request: CertificateRequest): RequestFailure | undefined {
  const denied = conditionOf(request, "Denied");
  if (denied?.status === "True") return { reason: "Denied", message: denied.message ?? "" };
  const invalid = conditionOf(request, "InvalidRequest");
  if (invalid?.status === "True") return { reason: "Failed", message: invalid.message ?? "" };
  const ready = conditionOf(request, "Ready");
  return ready?.reason === "Failed" ? { reason: "Failed", message: ready.message ?? "" } : undefined;
}

function bornAt({ metadata }: CertificateRequest): number {
  return Date.parse(metadata.creationTimestamp ?? "");
}
