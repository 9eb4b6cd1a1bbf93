// One visit to a KesIdentity:
//   attend      to the source of its key: see what is there, keep what the operator makes of it
//   connect     the ConfigMaps that tell clients where the server is
//   advance     identities.ts: which hashes may be used from now on
//   report      the status, written only when it says something new
// A step that fails does not keep a new hash from being reported: clients may show its key in a moment.
import type { KesIdentity, KesIdentityStatus } from "../../api/generated.ts";
import { annotations, fieldManagers, kesIdentities } from "../../api/kinds.ts";
import type { Judgement } from "../../bundle/verdict.ts";
import { keyOf, refOf, refOfObject } from "../../kube/object.ts";
import { carries } from "../../runtime/carries.ts";
import type { Outcome } from "../../runtime/outcome.ts";
import { attend } from "./attend.ts";
import type { Memory } from "./attend.ts";
import type { KesIdentityDeps } from "./deps.ts";
import { nextIdentities } from "./identities.ts";
import type { NextState } from "./identities.ts";
import { identityStatus } from "./identity-status.ts";
import { chooseIssuer } from "./issuer.ts";
import { judge } from "./judge.ts";
import { keepConnection } from "./keep-connection.ts";
import type { KeptConnection } from "./keep-connection.ts";
import { NewestObject } from "./newest-object.ts";
import { createRequestReader } from "./request-reader.ts";
import { changesWorthTelling } from "./telling.ts";
import { asError, serverRefOf } from "./visit.ts";
import type { Attended, Visit } from "./visit.ts";

/** Milliseconds: what lies further ahead is looked at again then. */
const longestWait = 86_400_000;

export class IdentityReconciler {
  readonly #deps: KesIdentityDeps;
  readonly #newest = new NewestObject<KesIdentity>();
  readonly #memory: Memory = { readRequest: createRequestReader(), stagedKeys: new Map() };
  /** Identities of which it was told that they are paused. */
  readonly #paused = new Set<string>();

  constructor(deps: KesIdentityDeps) {
    this.#deps = deps;
  }

  /** @throws ApiError */
  async visit(key: string, signal: AbortSignal): Promise<Outcome> {
    const cached = this.#deps.identities.get(refOf(key));
    if (cached === undefined || !this.#isOurs(cached)) return this.#forget(key);
    const identity = this.#newest.of(key, cached);
    const isPaused = this.#notePause(key, identity);
    const now = this.#deps.now();
    const server = this.#deps.servers.get(serverRefOf(identity));
    const visit: Visit = { deps: this.#deps, identity, server, isPaused, now, signal };
    const attended = await attend(visit, this.#memory);
    const connection = await connect(visit);
    const next = nextIdentities(
      { source: identity.status?.source, identities: identity.status?.identities ?? [] },
      attended.found.sighting,
      now,
    );
    if (!isPaused) await this.#report(visit, this.#statusOf(visit, { attended, connection, next }), next);
    const failure = attended.failure ?? connection.failure;
    if (failure !== undefined) throw failure;
    return outcomeOf([attended.next, next.nextChange], now);
  }

  #isOurs({ metadata }: KesIdentity): boolean {
    const instance = metadata.annotations?.[annotations.instance] ?? "";
    return metadata.deletionTimestamp === undefined && instance === this.#deps.instanceId;
  }

  #forget(key: string): Outcome {
    this.#newest.forget(key);
    this.#memory.stagedKeys.delete(key);
    this.#paused.delete(key);
    return {};
  }

  /** @returns whether nothing may be written */
  #notePause(key: string, identity: KesIdentity): boolean {
    if (identity.metadata.annotations?.[annotations.paused] !== "true") {
      this.#paused.delete(key);
      return false;
    }
    if (!this.#paused.has(key)) {
      const message = "nothing is written until the annotation kes-operator.io/paused is gone";
      this.#deps.events.record({ regarding: identity, type: "Normal", reason: "Paused", action: "Reconcile", message });
    }
    this.#paused.add(key);
    return true;
  }

  #statusOf(visit: Visit, { attended, connection, next }: Results): KesIdentityStatus {
    const { identity, server, now } = visit;
    const serverKey = keyOf(serverRefOf(identity));
    const findings = this.#deps.board.identity(keyOf(refOfObject(identity)));
    return identityStatus({
      identity,
      found: attended.failure === undefined ? attended.found : { ...attended.found, issued: failed(attended.failure) },
      next,
      server,
      finding: findings.find((finding) => finding.server === serverKey),
      objection: connection.problem ?? distrust(visit),
      connectionConfigMapName: connection.name,
      now,
    });
  }

  async #report({ identity, signal }: Visit, status: KesIdentityStatus, { dropped }: NextState): Promise<void> {
    const { api, events } = this.#deps;
    const before = identity.status;
    if (before !== undefined && carries(before, status) && carries(status, before)) return;
    const { apiVersion, kind, metadata } = identity;
    const intent = { apiVersion, kind, metadata: refOfObject(identity), status };
    const options = { signal, fieldManager: fieldManagers.status, subresource: "status" } as const;
    this.#newest.wrote(keyOf(refOfObject(identity)), await api.apply<KesIdentity>(kesIdentities, intent, options));
    for (const event of changesWorthTelling({ ...identity, metadata }, status, dropped)) events.record(event);
  }
}

interface Results {
  readonly attended: Attended;
  readonly connection: Connected;
  readonly next: NextState;
}

interface Connected extends KeptConnection {
  readonly failure?: Error;
}

async function connect(visit: Visit): Promise<Connected> {
  try {
    return await keepConnection(visit);
  } catch (error) {
    return { name: visit.identity.status?.connectionConfigMapName, failure: asError(error) };
  }
}

function failed({ message }: Error): Judgement {
  return { status: "Unknown", reason: "ApplyFailed", message };
}

/** A server that verifies chains turns away what signs itself, whatever its policies say. */
function distrust({ identity, server }: Visit): Judgement | undefined {
  if (server?.spec.tls.clientAuth !== "VerifyChain") return undefined;
  const isSelfSigned = identity.spec.certificate !== undefined && chooseIssuer(identity, server)?.isOwn === true;
  if (!isSelfSigned && identity.spec.apiKey === undefined) return undefined;
  return judge(
    "False",
    "IssuerNotTrusted",
    `the certificate is ${isSelfSigned ? "self-signed" : "made from an API key"}`,
  );
}

function outcomeOf(times: readonly (number | undefined)[], now: number): Outcome {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? {} : { after: Math.min(longestWait, Math.max(0, Math.min(...known) - now)) };
}
