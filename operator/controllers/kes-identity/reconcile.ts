// One visit to a KesIdentity:
//   attend      to the source of its key: see what is there, keep what the operator makes of it
//   connect     the ConfigMaps that tell clients where the server is
//   advance     identities.ts: which hashes may be used from now on
//   report      the status, written only when it says something new; the first one, if it can be, together with what the
//               server has to say
// A step that fails does not keep a new hash from being reported: clients may show its key in a moment. And a client whose
// key is known at the first look, as after a restore, is reported before anything is made for it: there may be thousands.
import type { KesIdentity, KesIdentityStatus } from "../../api/generated.ts";
import { annotations, kesIdentities } from "../../api/kinds.ts";
import type { IdentityVerdict, Judgement } from "../../bundle/verdict.ts";
import type { Finding } from "../../bundle/verdict-board.ts";
import { speaksForItself } from "../../bundle/identities.ts";
import { indexBy } from "../../kube/index-by.ts";
import { keyOf, refOf } from "../../kube/object.ts";
import { carries } from "../../runtime/carries.ts";
import type { Outcome } from "../../runtime/outcome.ts";
import { FirstWord } from "../first-word.ts";
import { isOfInstance, StatusWriter } from "../status-writer.ts";
import type { Written } from "../status-writer.ts";
import { attend } from "./attend.ts";
import type { Memory } from "./attend.ts";
import type { KesIdentityDeps } from "./deps.ts";
import { nextIdentities } from "./identities.ts";
import type { NextState, State } from "./identities.ts";
import { identityStatus } from "./identity-status.ts";
import { chooseIssuer } from "./issuer.ts";
import { judge } from "./judge.ts";
import { keepConnection } from "./keep-connection.ts";
import type { KeptConnection } from "./keep-connection.ts";
import { createRequestReader } from "./request-reader.ts";
import { certificateKeyOf } from "./requests.ts";
import { secretKeyOf } from "./secret-holder.ts";
import { changesWorthTelling } from "./telling.ts";
import { asError, serverRefOf } from "./visit.ts";
import type { Attended, Visit } from "./visit.ts";

/** Milliseconds: what lies further ahead is looked at again then. */
const longestWait = 86_400_000;
/** Milliseconds that a new identity waits for what its server says. */
const silence = 30_000;
/** Milliseconds until the cache has caught up with what was written. */
const moment = 200;

export class IdentityReconciler {
  readonly #deps: KesIdentityDeps;
  readonly #writer: StatusWriter;
  readonly #firstWord = new FirstWord(silence);
  readonly #memory: Memory;
  /** Identities that were reported before anything was made for them. */
  readonly #untidy = new Set<string>();

  constructor(deps: KesIdentityDeps) {
    const { api, events, instanceId } = deps;
    this.#deps = deps;
    const requests = { by: indexBy(deps.certificateRequests, certificateKeyOf), read: createRequestReader() };
    this.#memory = { requests, certificates: indexBy(deps.certificates, secretKeyOf), stagedKeys: new Map() };
    this.#writer = new StatusWriter({ api, events, instanceId, resource: kesIdentities });
  }

  /** @param isCalm whether nobody waits who cannot wait @throws ApiError */
  async visit(key: string, signal: AbortSignal, isCalm: boolean): Promise<Outcome> {
    const identity = this.#deps.identities.get(refOf(key));
    if (!this.#writer.isOurs(identity) || identity.metadata.deletionTimestamp !== undefined) return this.#forget(key);
    const visit = this.#visitTo(identity, signal);
    if (!isCalm && (await this.#announce(visit, key))) return { isPatient: true };
    this.#untidy.delete(key);
    return await this.#keepAndReport(visit, key);
  }

  async #keepAndReport(visit: Visit, key: string): Promise<Outcome> {
    const { identity, now } = visit;
    const attended = await attend(visit, this.#memory);
    const connection = await connect(visit);
    const finding = this.#deps.board.identity(key, keyOf(serverRefOf(identity)));
    const failure = attended.failure ?? connection.failure;
    const isSaid = finding !== undefined || failure !== undefined;
    const wait = this.#firstWord.wait(key, !isSaid && isHeard(visit), now);
    if (wait > 0) return { after: wait };
    const next = nextIdentities(stateOf(identity), attended.found.sighting, now);
    const written = await this.#report(visit, statusOf(visit, { attended, connection, finding, next }), next);
    if (failure !== undefined) throw failure;
    return outcomeOf([attended.next, next.nextChange, written === "stale" ? now + moment : undefined], now);
  }

  #visitTo(identity: KesIdentity, signal: AbortSignal): Visit {
    const deps = this.#deps;
    const isPaused = identity.metadata.annotations?.[annotations.paused] === "true";
    return { deps, identity, server: deps.servers.get(serverRefOf(identity)), isPaused, now: deps.now(), signal };
  }

  #forget(key: string): Outcome {
    this.#firstWord.forget(key);
    this.#writer.forget(key);
    this.#memory.stagedKeys.delete(key);
    this.#untidy.delete(key);
    return {};
  }

  /** Reports a key that is known already. @returns whether that was done, so that everything else can wait */
  async #announce(visit: Visit, key: string): Promise<boolean> {
    const { deps, identity, isPaused, now } = visit;
    const isSubject = identity.status === undefined || this.#untidy.has(key);
    if (!isSubject || isPaused || identity.spec.certificate === undefined) return false;
    // A look, as at a paused one.
    const attended = await attend({ ...visit, isPaused: true }, this.#memory);
    if (attended.found.sighting.active === undefined) return false;
    this.#untidy.add(key);
    const next = nextIdentities(stateOf(identity), attended.found.sighting, now);
    if (isSame(next.identities, identity.status?.identities)) return true;
    const finding = deps.board.identity(key, keyOf(serverRefOf(identity)));
    const connection = { name: identity.status?.connectionConfigMapName };
    await this.#report(visit, statusOf(visit, { attended, connection, finding, next }), next);
    return true;
  }

  async #report({ identity, signal }: Visit, status: KesIdentityStatus, { dropped }: NextState): Promise<Written> {
    const written = await this.#writer.write(identity, status, signal);
    if (written !== "written") return written;
    for (const event of changesWorthTelling(identity, status, dropped)) this.#deps.events.record(event);
    return written;
  }
}

interface Results {
  readonly attended: Attended;
  readonly connection: Connected;
  readonly finding: Finding<IdentityVerdict> | undefined;
  readonly next: NextState;
}

function statusOf(visit: Visit, { attended, connection, finding, next }: Results): KesIdentityStatus {
  const { identity, server, now } = visit;
  return identityStatus({
    identity,
    found: attended.failure === undefined ? attended.found : { ...attended.found, issued: failed(attended.failure) },
    next,
    server,
    finding,
    objection: connection.problem ?? distrust(visit),
    connectionConfigMapName: connection.name,
    now,
  });
}

interface Connected extends KeptConnection {
  readonly failure?: Error;
}

/** Whether its server will have something to say before there is a status. */
function isHeard({ deps, identity, server }: Visit): boolean {
  if (server === undefined || server.metadata.deletionTimestamp !== undefined) return false;
  return isOfInstance(server, deps.instanceId) && speaksForItself(identity);
}

function stateOf({ status }: KesIdentity): State {
  return { source: status?.source, identities: status?.identities ?? [] };
}

function isSame(a: KesIdentityStatus["identities"], b: KesIdentityStatus["identities"]): boolean {
  return a !== undefined && b !== undefined && carries(a, b) && carries(b, a);
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
