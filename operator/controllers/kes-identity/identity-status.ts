// The status of a KesIdentity: what its key's source and its server say, in the form in which the API keeps it. Pure.
import { completeConditions, findCondition, identityConditions, setCondition } from "../../api/conditions.ts";
import type { Condition, KesIdentity, KesIdentityStatus, KesServer } from "../../api/generated.ts";
import type { IdentityVerdict, Judgement } from "../../bundle/verdict.ts";
import type { FoundKey } from "./found-key.ts";
import type { NextState } from "./identities.ts";
import { judge } from "./judge.ts";
import { secretName } from "./objects/names.ts";
import { serverRefOf } from "./visit.ts";

export interface IdentityView {
  readonly identity: KesIdentity;
  readonly found: FoundKey;
  readonly next: NextState;
  /** undefined: there is none of that name. */
  readonly server: KesServer | undefined;
  /** What the server's controller says; undefined: it has not looked yet since the operator was started. */
  readonly finding: { readonly verdict: IdentityVerdict; readonly programmed: Judgement } | undefined;
  /** Why it is not accepted although its server has nothing against it. */
  readonly objection: Judgement | undefined;
  readonly connectionConfigMapName: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

interface Conditions {
  readonly Accepted: Judgement;
  readonly Issued: Judgement;
  readonly Programmed: Judgement;
  readonly Conflicted: Judgement;
}

export function identityStatus(view: IdentityView): KesIdentityStatus {
  const { identity, found, next } = view;
  const active = next.identities.find(({ state }) => state === "Active");
  const secret = secretName(identity);
  return defined({
    observedGeneration: identity.metadata.generation,
    identity: active?.hash,
    shortIdentity: active?.hash.slice(0, 12),
    identities: next.identities,
    source: found.sighting.source,
    rotationID: found.rotationID,
    secretName: secret,
    notAfter: active?.notAfter,
    renewalTime: found.renewalTime,
    boundPolicy: boundPolicy(view, active?.hash),
    connectionConfigMapName: view.connectionConfigMapName,
    conditions: conditionsOf(view),
  });
}

function conditionsOf(view: IdentityView): readonly Condition[] {
  const { identity, now } = view;
  const generation = identity.metadata.generation ?? 0;
  const judged: Conditions = { ...fromServer(view), Issued: view.found.issued };
  const all = { ...judged, Ready: summary(judged) };
  const before = identity.status?.conditions ?? [];
  const after = identityConditions.reduce<readonly Condition[]>((conditions, type) => {
    const { status, reason, message } = all[type];
    return setCondition(conditions, { type, status, reason, message, observedGeneration: generation }, now);
  }, before);
  return completeConditions(after, identityConditions, { observedGeneration: generation, now });
}

function fromServer(view: IdentityView): Omit<Conditions, "Issued"> {
  const { identity, server, finding, objection } = view;
  if (server === undefined) return withoutServer(identity);
  const { accepted, conflicted } = finding?.verdict ?? {};
  const Accepted =
    accepted === undefined ? asBefore(identity, "Accepted") : (objectionTo(accepted, objection) ?? accepted);
  return {
    Accepted,
    Programmed: finding?.programmed ?? asBefore(identity, "Programmed"),
    Conflicted: conflicted ?? asBefore(identity, "Conflicted"),
  };
}

function withoutServer(identity: KesIdentity): Omit<Conditions, "Issued"> {
  const { namespace, name } = serverRefOf(identity);
  const why = identity.spec.serverRef.namespace === undefined ? ", and spec.serverRef names no other namespace" : "";
  const nowhere = judge("False", "ServerNotFound", `there is no KesServer ${name} in namespace ${namespace}${why}`);
  const unknown: Judgement = { ...nowhere, status: "Unknown" };
  return { Accepted: nowhere, Programmed: unknown, Conflicted: unknown };
}

function objectionTo({ status }: Judgement, objection: Judgement | undefined): Judgement | undefined {
  return status === "True" ? objection : undefined;
}

/** After a start of the operator servers are looked at anew; until then what was true is still the best guess. */
function asBefore({ status }: KesIdentity, type: "Accepted" | "Programmed" | "Conflicted"): Judgement {
  const before = findCondition(status?.conditions, type);
  if (before === undefined || before.reason === "ServerNotFound") return judge("Unknown", "Pending");
  return { status: before.status, reason: before.reason, message: before.message };
}

/** The first that is not as it should be, in the order in which people would have to deal with them. */
function summary({ Accepted, Issued, Conflicted, Programmed }: Conditions): Judgement {
  const failing = [Accepted, Issued].find(({ status }) => status !== "True");
  if (failing !== undefined) return failing;
  if (Conflicted.status !== "False")
    return { ...Conflicted, status: Conflicted.status === "True" ? "False" : "Unknown" };
  if (Programmed.status !== "True") return Programmed;
  return Accepted.reason === "NoPolicy" ? Accepted : judge("True", "Ready");
}

function boundPolicy({ identity, server, finding }: IdentityView, hash: string | undefined): string | undefined {
  if (server === undefined || hash === undefined) return undefined;
  return finding === undefined ? identity.status?.boundPolicy : finding.verdict.policies.get(hash);
}

/** Without the members that are undefined: JSON has none, and two statuses are compared by their members. */
function defined(status: KesIdentityStatus): KesIdentityStatus {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
}
