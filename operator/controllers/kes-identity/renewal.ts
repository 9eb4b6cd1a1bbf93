// When an identity's certificate gets a new key. cert-manager renews certificates by itself, also while the operator is
// away, and a client would then show a key that no server knows. So a Certificate says rotationPolicy: Never except while
// the operator looks on: a rotation is a renewal that the operator starts itself, shortly before cert-manager would, or
// when somebody asks for one by annotation. With the operator away the certificate is renewed all the same, with the
// key it has. The steps are two, each visible in the object, so that a crash between them loses nothing:
//   1 the Certificate is applied with the mark renewing-from (and rotationPolicy: Always where that is the wish)
//   2 its status gets Issuing=True, as `cmctl renew` does
// Once status.revision has moved on, the mark no longer fits and is taken off. Pure.
import type { IdentityCertificate } from "../../api/generated.ts";
import { annotations } from "../../api/kinds.ts";
import { isConditionTrue } from "./objects/cert-manager.ts";
import type { Certificate } from "./objects/cert-manager.ts";
import { renewingFrom } from "./objects/certificate.ts";
import type { RenewalMarks } from "./objects/certificate.ts";

const minute = 60_000;
const hour = 60 * minute;

/** How long before cert-manager would, at most; a tenth of the time between two renewals where that is short. */
const maxLead = 5 * minute;
/** A certificate younger than this is not replaced only because nobody knows its key: its request may be on the way. */
const settling = minute;

export interface RenewalQuestion {
  readonly wanted: IdentityCertificate;
  /** Value of the annotation kes-operator.io/renew of the KesIdentity. */
  readonly asked: string | undefined;
  /** As it is in the cluster; undefined: not made yet. */
  readonly certificate: Certificate | undefined;
  /** Whether something was issued and nobody can tell for which key. */
  readonly isKeyUnknown: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface RenewalDecision {
  /** What the Certificate is to say. */
  readonly marks: RenewalMarks;
  /** Whether cert-manager is to be told to begin. */
  readonly start: boolean;
  /** Milliseconds since 1970: when to ask again; undefined: when something changes. */
  readonly next: number | undefined;
}

export function decideRenewal(question: RenewalQuestion): RenewalDecision {
  const { certificate, asked } = question;
  // The first certificate of all comes with a new key, whatever the policy.
  if (certificate === undefined) return { marks: unmarked(asked), start: false, next: undefined };
  // What is asked for while cert-manager is at it may come too late for that one, and has its turn afterwards.
  if (isConditionTrue(certificate, "Issuing")) {
    return { marks: marks(question, markOn(certificate), handledBy(certificate)), start: false, next: undefined };
  }
  return decideAtRest(question, certificate);
}

function decideAtRest(question: RenewalQuestion, certificate: Certificate): RenewalDecision {
  const mark = markOn(certificate);
  if (isAsked(question, certificate)) return renew(question, certificate, newMark(certificate));
  if (mark !== undefined) return renew(question, certificate, mark);
  const due = dueTime(question);
  if (due !== undefined && due <= question.now) return renew(question, certificate, newMark(certificate));
  return { marks: unmarked(handledBy(certificate)), start: false, next: due };
}

function isAsked({ asked }: RenewalQuestion, certificate: Certificate): boolean {
  return asked !== undefined && asked !== handledBy(certificate);
}

/** Step 1 until `mark` stands in the Certificate, then step 2. */
function renew(question: RenewalQuestion, certificate: Certificate, mark: string): RenewalDecision {
  const planned = marks(question, mark, question.asked ?? handledBy(certificate));
  const retry = retryTime(certificate, mark);
  // Not before cert-manager can see under which policy.
  const isSet = markOn(certificate) === mark && certificate.spec.privateKey?.rotationPolicy === planned.rotationPolicy;
  return {
    marks: planned,
    start: isSet && retry <= question.now,
    next: isSet && retry > question.now ? retry : undefined,
  };
}

function unmarked(handled: string | undefined): RenewalMarks {
  return { handled, from: undefined, rotationPolicy: "Never" };
}

function marks({ wanted }: RenewalQuestion, mark: string | undefined, handled: string | undefined): RenewalMarks {
  return mark === undefined
    ? unmarked(handled)
    : { handled, from: mark, rotationPolicy: wanted.privateKey.rotationPolicy };
}

function handledBy({ metadata }: Certificate): string | undefined {
  return metadata.annotations?.[annotations.renew];
}

/** The revision to be replaced and, behind it, the last failure that was known when the mark was made. */
function newMark({ status }: Certificate): string {
  return [status?.revision ?? 0, ...(status?.lastFailureTime === undefined ? [] : [status.lastFailureTime])].join(" ");
}

/** undefined: there is none, or it has done its duty. */
function markOn({ metadata, status }: Certificate): string | undefined {
  const mark = metadata.annotations?.[renewingFrom];
  return mark?.split(" ")[0] === String(status?.revision ?? 0) ? mark : undefined;
}

/** When the operator is to start a renewal of its own accord; undefined: that is not in sight. */
function dueTime({ wanted, certificate, isKeyUnknown }: RenewalQuestion): number | undefined {
  const begin = timeOf(certificate?.status?.notBefore) ?? 0;
  const renewal = timeOf(certificate?.status?.renewalTime);
  // A renewal brings a request, and that says whose key it is.
  if (isKeyUnknown) return begin + settling;
  if (wanted.privateKey.rotationPolicy === "Never" || renewal === undefined) return undefined;
  return renewal - Math.min(maxLead, Math.max(0, renewal - begin) / 10);
}

/** After a failure since `mark` cert-manager waits an hour, and so do we. */
function retryTime({ status }: Certificate, mark: string): number {
  const failure = status?.lastFailureTime;
  return failure === undefined || failure === mark.split(" ")[1] ? 0 : (timeOf(failure) ?? 0) + hour;
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}
