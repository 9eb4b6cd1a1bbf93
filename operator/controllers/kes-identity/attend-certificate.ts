// Looks after an identity's Certificate and, where it has one of its own, its Issuer: sees what cert-manager has made of
// them, keeps them as they should be, and starts the renewals that are the operator's to start.
import type { IdentityCertificate, IssuerRef } from "../../api/generated.ts";
import { annotations, fieldManagers, labels } from "../../api/kinds.ts";
import { timestamp } from "../../api/conditions.ts";
import { ApiError } from "../../kube/errors.ts";
import { apiVersionOf } from "../../kube/object.ts";
import type { Index } from "../../kube/index-by.ts";
import { findCertificate } from "./certificate-source.ts";
import type { CertificateSeen, FoundCertificate } from "./certificate-source.ts";
import { dropChild, keepChild, NameTaken } from "./children.ts";
import type { ChildKind } from "./children.ts";
import { chooseIssuer } from "./issuer.ts";
import type { IssuerChoice } from "./issuer.ts";
import { issuerProblem } from "./issuer-problem.ts";
import { judge } from "./judge.ts";
import { certificateRequests, certificates, issuers } from "./objects/cert-manager.ts";
import type { Certificate, CertificateRequest } from "./objects/cert-manager.ts";
import { identityCertificate } from "./objects/certificate.ts";
import { selfSignedIssuer } from "./objects/issuer.ts";
import { certificateName, selfSignedIssuerName } from "./objects/names.ts";
import { isChildOf } from "./objects/owned.ts";
import { decideRenewal } from "./renewal.ts";
import type { RenewalDecision } from "./renewal.ts";
import { noRequests, seeRequests } from "./requests.ts";
import type { Requests, RequestsSeen } from "./requests.ts";
import { otherHolder } from "./secret-holder.ts";
import { asError, beside, takenInterval } from "./visit.ts";
import type { Attended, Visit } from "./visit.ts";

export interface Known {
  readonly requests: Requests;
  /** By the Secret that they are for. */
  readonly certificates: Index<Certificate>;
}

export async function attendCertificate(visit: Visit, wanted: IdentityCertificate, known: Known): Promise<Attended> {
  const { identity, now } = visit;
  const seen = await see(visit, known.requests);
  const found = find(wanted, seen, visit);
  if (!seen.certManager || visit.isPaused) return { found };
  const holder = otherHolder(identity, seen.certificate, known.certificates);
  if (holder !== undefined) return await standBack(visit, wanted, holder);
  const issuer = issuerFor(visit, seen.certificate);
  if (issuer === undefined) {
    const obstacle = judge(
      "False",
      "ServerNotFound",
      "the server decides who issues the certificate, and there is none",
    );
    return { found: find(wanted, { ...seen, obstacle }, visit) };
  }
  const asked = identity.metadata.annotations?.[annotations.renew];
  const { certificate } = seen;
  const renewal = decideRenewal({ wanted, asked, certificate, isKeyUnknown: found.isKeyUnknown, now });
  try {
    await keep(visit, wanted, { certificate, issuer, renewal });
    return { found, next: renewal.next };
  } catch (error) {
    if (!(error instanceof NameTaken)) return { found, failure: asError(error) };
    const obstacle = judge("False", "InvalidSpec", `metadata.name: ${error.message}`);
    return { found: find(wanted, { ...seen, obstacle }, visit), next: now + takenInterval };
  }
}

/** Removes what a former source of the key has left. @throws ApiError */
export async function dismissCertificate({ deps, identity, signal }: Visit): Promise<void> {
  const { certificates: cache, issuers: issuerCache } = deps;
  const child = { identity, signal };
  await dropChild(
    deps.api,
    { resource: certificates, cache },
    { ...child, ref: beside(identity, certificateName(identity)) },
  );
  const ref = beside(identity, selfSignedIssuerName(identity));
  await dropChild(deps.api, { resource: issuers, cache: issuerCache }, { ...child, ref });
}

/** The Secret is another Certificate's: as long as that is so, the identity has none. */
async function standBack(visit: Visit, wanted: IdentityCertificate, { metadata }: Certificate): Promise<Attended> {
  const problem = `spec.certificate.secretName: the Secret is that of Certificate ${metadata.name} already`;
  const obstacle = judge("False", "InvalidSpec", problem);
  const found = find(wanted, { certManager: true, obstacle, certificate: undefined, requests: noRequests }, visit);
  try {
    await dismissCertificate(visit);
    return { found, next: visit.now + takenInterval };
  } catch (error) {
    return { found, failure: asError(error) };
  }
}

function find(wanted: IdentityCertificate, seen: CertificateSeen, { identity, now }: Visit): FoundCertificate {
  return findCertificate(wanted, seen, { previous: identity.status, now });
}

async function see(visit: Visit, all: Requests): Promise<CertificateSeen> {
  const { deps, identity } = visit;
  const certManager = deps.certificates.installed && deps.certificateRequests.installed;
  const known = deps.certificates.get(beside(identity, certificateName(identity)));
  const certificate = known !== undefined && isChildOf(known, identity) ? known : undefined;
  if (certificate === undefined || !certManager) {
    return { certManager, obstacle: undefined, certificate, requests: noRequests };
  }
  const requests = await seeAll(visit, certificate, all);
  const isWaiting = requests.current === undefined && requests.waiting !== undefined;
  const problem = isWaiting ? await issuerProblem(visit, certificate, requests.waiting) : undefined;
  const obstacle = problem === undefined ? undefined : judge("False", "IssuerNotReady", problem);
  return { certManager, obstacle, certificate, requests };
}

async function seeAll(
  { deps, identity, signal }: Visit,
  certificate: Certificate,
  { by, read }: Requests,
): Promise<RequestsSeen> {
  const { namespace, name } = beside(identity, identity.metadata.name);
  const requests = seeRequests(certificate, by.of(`${namespace}/${certificate.metadata.name}`), read);
  if (certificate.status?.revision === undefined || requests.current !== undefined) return requests;
  // Two caches are never of the same moment. Before a request counts as missing, the API has the last word.
  const labelSelector = `${labels.identity}=${name}`;
  const page = await deps.api.list<CertificateRequest>(certificateRequests, { namespace, labelSelector, signal });
  return seeRequests(certificate, page.items, read);
}

/** Without a server to ask, an existing Certificate keeps its issuer. */
function issuerFor({ identity, server }: Visit, certificate: Certificate | undefined): IssuerChoice | undefined {
  const choice = chooseIssuer(identity, server);
  if (choice !== undefined || certificate === undefined) return choice;
  const { name, kind = "Issuer", group = "cert-manager.io" } = certificate.spec.issuerRef;
  return { ref: { name, kind, group } satisfies IssuerRef, isOwn: name === selfSignedIssuerName(identity) };
}

interface Wish {
  /** As it was when the renewal was decided. */
  readonly certificate: Certificate | undefined;
  readonly issuer: IssuerChoice;
  readonly renewal: RenewalDecision;
}

async function keep(visit: Visit, wanted: IdentityCertificate, wish: Wish): Promise<void> {
  const { deps, identity, signal } = visit;
  const { issuer, renewal, certificate } = wish;
  const issuerKind: ChildKind = { resource: issuers, cache: deps.issuers };
  if (issuer.isOwn) await keepChild(deps.api, issuerKind, { identity, signal, wanted: selfSignedIssuer(identity) });
  const kept = await keepChild(
    deps.api,
    { resource: certificates, cache: deps.certificates },
    { identity, signal, wanted: identityCertificate(identity, wanted, issuer.ref, renewal.marks) },
  );
  // What had to be written first changes the object, and that brings the next visit.
  if (renewal.start && certificate !== undefined && kept === certificate) await startRenewal(visit, certificate);
  if (issuer.isOwn) return;
  await dropChild(deps.api, issuerKind, { identity, signal, ref: beside(identity, selfSignedIssuerName(identity)) });
}

/** Tells cert-manager to issue anew, as its own command line does. @throws ApiError */
async function startRenewal({ deps, identity, now, signal }: Visit, { metadata }: Certificate): Promise<void> {
  const message = "the renewal was started by the operator";
  const condition = { type: "Issuing", status: "True", reason: "ManuallyTriggered", message };
  const { namespace, name } = beside(identity, metadata.name);
  const { uid = "", resourceVersion = "" } = metadata;
  const intent = {
    apiVersion: apiVersionOf(certificates),
    kind: certificates.kind,
    // A cache that lags must not have a certificate renewed twice.
    metadata: { namespace, name, uid, resourceVersion },
    status: { conditions: [{ ...condition, lastTransitionTime: timestamp(now) }] },
  };
  const options = { signal, fieldManager: fieldManagers.status, subresource: "status" } as const;
  try {
    await deps.api.apply(certificates, intent, options);
  } catch (error) {
    // The newer state brings the next visit.
    if (error instanceof ApiError && error.isConflict) return;
    throw error;
  }
  const event = "cert-manager was told to renew the certificate";
  deps.events.record({
    regarding: identity,
    type: "Normal",
    reason: "RenewalStarted",
    action: "Renew",
    message: event,
  });
}
