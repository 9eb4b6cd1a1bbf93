// One visit to a KesServer: compile what is declared, publish it, bring the children to the plan, tell the board and write the
// status. Level-triggered: it looks at everything and assumes nothing about why it was called. Policies go first, since a
// revocation must not wait for a Deployment.
import { annotations, kesServers } from "../../api/kinds.ts";
import type { KesIdentity, KesServer } from "../../api/generated.ts";
import { compileBundle } from "../../bundle/compile.ts";
import type { Compilation } from "../../bundle/compile.ts";
import type { NamespaceLabels } from "../../bundle/consent.ts";
import { isAboutToSpeak, serverKeyOf } from "../../bundle/identities.ts";
import { indexBy } from "../../kube/index-by.ts";
import type { Index } from "../../kube/index-by.ts";
import { keyOf, refOf, refOfObject } from "../../kube/object.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { Outcome } from "../../runtime/outcome.ts";
import { FirstWord } from "../first-word.ts";
import { isOfInstance, StatusWriter } from "../status-writer.ts";
import { checkServer } from "./checks.ts";
import { Children } from "./children.ts";
import type { KesServerDeps } from "./deps.ts";
import { imageOf } from "./image-rollout.ts";
import type { LiveConfigMap } from "./live-objects.ts";
import { ServerMemory } from "./memory.ts";
import { childNames } from "./objects/child-names.ts";
import { certificates, configMaps, serviceMonitors } from "./objects/child-kinds.ts";
import type { Observed } from "./objects/observed.ts";
import { endpointOf, endpointsOf } from "./objects/endpoint.ts";
import { missingReferences, observeCa, observeCertificate, observeWorkload, refIn, workloadOf } from "./observe.ts";
import { planBundle, planServer } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { podsOf, targetsOf } from "./pod-view.ts";
import type { PodReports } from "./pod-reports.ts";
import { publicationOf, reportOf } from "./server-report.ts";
import { bundleIn, decide, heldBack, outgoingOf } from "./publish-bundle.ts";
import type { Decision, Obstacle, Outgoing } from "./publish-bundle.ts";
import { statusOf, storeWasUsed } from "./server-status.ts";
import { tellOnce, tellReady, tellRepair } from "./telling.ts";
import type { ServerView } from "./view.ts";

/** Milliseconds: how often a server is looked at although nothing happened. */
const safetyInterval = 10 * 60_000;
/** While something that the spec names is missing, which no watch tells of. */
const missingInterval = 5000;
/** How long a visit waits for what new pods say. */
const firstAnswerTime = 500;
/** How long the first bundle waits for hashes that are about to be found. */
const firstHashesTime = 10_000;
/** The cache was behind: what it lacks is on its way, and brings the next visit. */
const staleInterval = 1000;

export class ServerReconciler {
  readonly #deps: KesServerDeps;
  readonly #reports: PodReports;
  readonly #children: Children;
  readonly #firstWord = new FirstWord(firstHashesTime);
  readonly #writer: StatusWriter;
  readonly #memories = new Map<string, ServerMemory>();
  /** By server. */
  readonly #clients: Index<KesIdentity>;

  constructor(deps: KesServerDeps, reports: PodReports) {
    this.#deps = deps;
    this.#clients = indexBy(deps.identities, serverKeyOf);
    this.#reports = reports;
    const { api, events, instanceId, childrenOf: cacheOf } = deps;
    this.#children = new Children({ api, cacheOf, onRepair: (server, child) => tellRepair(deps, server, child) });
    this.#writer = new StatusWriter({ api, events, instanceId, resource: kesServers });
  }

  memoryOf(key: string): ServerMemory {
    const known = this.#memories.get(key) ?? new ServerMemory();
    this.#memories.set(key, known);
    return known;
  }

  /** @throws ApiError */
  async visit(key: string, signal: AbortSignal): Promise<Outcome> {
    const server = this.#deps.servers.get(refOf(key));
    if (!this.#writer.isOurs(server) || server.metadata.deletionTimestamp !== undefined) return this.#forget(key);
    const memory = this.memoryOf(key);
    this.#adoptPublished(server, memory);
    const wait = this.#waitForClients(key, memory);
    if (wait > 0) return { after: wait };
    const compilation = this.#compile(server, memory);
    const isPaused = server.metadata.annotations?.[annotations.paused] === "true";
    const decision = decide(server, compilation, memory, this.#deps.now());
    // Nothing else either: a slow API server must not make a moment of a few seconds.
    if (decision.kind === "gather") return { after: decision.after };
    const seen = isPaused
      ? await this.#see(server, memory, compilation, signal)
      : await this.#act(server, memory, compilation, { decision, signal });
    await this.#askPods(key, server, memory);
    const view = this.#viewOf(server, memory, compilation, { decision, seen, isPaused });
    this.#deps.board.publish(key, reportOf(view, memory, compilation));
    const status = statusOf(view);
    const written = await this.#writer.write(server, status, signal);
    if (written === "written") tellReady(this.#deps, server, status);
    if (seen.failure !== undefined) throw seen.failure;
    return { after: written === "stale" ? staleInterval : this.#nextVisit(decision, compilation, seen) };
  }

  #forget(key: string): Outcome {
    const { namespace, name } = refOf(key);
    this.#deps.board.publish(key, undefined);
    this.#deps.metrics.forget(key);
    this.#reports.forget(key);
    this.#children.forget(namespace, name);
    this.#memories.delete(key);
    this.#firstWord.forget(key);
    this.#writer.forget(key);
    return {};
  }

  /** While hashes of clients are about to be found: the first bundle is then written once. @returns milliseconds */
  #waitForClients(key: string, { published }: ServerMemory): number {
    const { instanceId, now } = this.#deps;
    const isAwaited = (client: KesIdentity): boolean => isOfInstance(client, instanceId) && isAboutToSpeak(client);
    return this.#firstWord.wait(key, published === undefined && this.#clients.of(key).some(isAwaited), now());
  }

  /** After a restart, and when somebody else wrote the ConfigMap: what is there is what pods have. */
  #adoptPublished(server: KesServer, memory: ServerMemory): void {
    if (memory.published !== undefined) return;
    const name = childNames(server.metadata.name).bundle;
    const found = bundleIn(this.#deps.childrenOf<LiveConfigMap>(configMaps)?.get(refIn(server, name)));
    if (found === undefined) return;
    const written = Date.parse(server.status?.bundle?.lastChangeTime ?? "");
    memory.publish(found.bundle, found.revision, Number.isNaN(written) ? this.#deps.now() : written);
  }

  #compile(server: KesServer, memory: ServerMemory): Compilation {
    const { policies, keys, namespaces, now, instanceId } = this.#deps;
    const { namespace, name } = server.metadata;
    const isOurs = (object: KubeObject): boolean => isOfInstance(object, instanceId);
    return compileBundle({
      server,
      policies: policies.list(namespace).filter(isOurs),
      identities: this.#clients.of(`${namespace}/${name}`).filter(isOurs),
      keys: keys.list(namespace).filter((each) => each.spec.serverRef.name === name && isOurs(each)),
      namespaceLabels: namespaces && labelsOf(namespaces.list()),
      previous: memory.published?.bundle,
      now: now(),
    });
  }

  /** What fails to be written is shown in the status before it is tried again. */
  async #act(server: KesServer, memory: ServerMemory, compilation: Compilation, how: Acting): Promise<Seen> {
    const { signal, decision } = how;
    const seen = await this.#see(server, memory, compilation, signal);
    for (const warning of seen.warnings) tellOnce(this.#deps, server, memory, warning);
    const isInvalid = seen.accepted.reason === "InvalidSpec";
    if (isInvalid && !hasPolicies(server, memory)) return seen;
    try {
      const outgoing = outgoingOf(decision, compilation);
      const observed = { ...seen.observed, bundle: outgoing?.encoded };
      const policies = planBundle(observed);
      if (outgoing !== undefined) await this.#publish(server, memory, outgoing, { policies, decision, signal });
      await this.#children.bring(server, isInvalid ? policies : planServer(observed), signal);
      return seen;
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      return { ...seen, failure, accepted: { status: "False", reason: "ApplyFailed", message: failure.message } };
    }
  }

  /** The policies go out before anything else: a revocation must not wait for a Deployment, nor for a correction of it. */
  async #publish(server: KesServer, memory: ServerMemory, outgoing: Outgoing, how: Publishing): Promise<void> {
    const { policies, decision, signal } = how;
    const { revision } = outgoing.encoded;
    if (memory.published?.revision === revision) return;
    const [planned] = policies.objects;
    if (planned === undefined) return;
    await this.#children.apply(planned, signal);
    memory.publish(outgoing.bundle, revision, this.#deps.now(), decision.kind !== "hold");
    this.#deps.metrics.bundlePublished(keyOf(refOfObject(server)), revision);
  }

  async #see(server: KesServer, memory: ServerMemory, { admin }: Compilation, signal: AbortSignal): Promise<Seen> {
    const { settings, servers, serverImage, isServed, now } = this.#deps;
    const [missing, caPem, workload] = await Promise.all([
      missingReferences(this.#deps, server, signal),
      observeCa(this.#deps, server, signal),
      observeWorkload(this.#deps, server, memory, signal),
    ]);
    const certManager = isServed(certificates);
    const monitors = isServed(serviceMonitors);
    const adminHash = admin.identity === "" ? undefined : admin.identity;
    const { accepted, warnings } = checkServer({ server, adminHash, certManager, serviceMonitors: monitors, missing });
    const observed: Observed = {
      server,
      settings,
      image: imageOf(server, servers.list(), serverImage, now()),
      bundle: undefined,
      caPem,
      workload,
      storeUsed: storeWasUsed(server.status),
      certManager: certManager ?? false,
      serviceMonitors: monitors ?? false,
      fallbackEndpoint: this.#fallbackOf(server),
    };
    return {
      observed,
      accepted: accepted.status === "True" ? (admin.problem ?? accepted) : accepted,
      warnings,
      missing,
    };
  }

  #fallbackOf(server: KesServer): string | undefined {
    const name = server.spec.sidecar?.fallbackServerRef?.name;
    const other = name === undefined ? undefined : this.#deps.servers.get(refIn(server, name));
    return other && endpointOf(other);
  }

  async #askPods(key: string, server: KesServer, memory: ServerMemory): Promise<void> {
    const targets = targetsOf(server, podsOf(server, this.#deps.pods));
    const { published, publications } = memory;
    const revision = published?.revision ?? "";
    this.#reports.follow(key, targets, { revision, number: publications.numberOf(revision) });
    await this.#reports.firstAnswers(key, firstAnswerTime);
  }

  #viewOf(server: KesServer, memory: ServerMemory, compilation: Compilation, happened: Happened): ServerView {
    const { decision, seen } = happened;
    const now = this.#deps.now();
    const key = keyOf(refOfObject(server));
    const pods = podsOf(server, this.#deps.pods);
    const reports = this.#reports.of(key);
    const held = heldBack(decision, compilation, memory, obstacleOf(happened));
    const publication = publicationOf({ server, memory, reports, held, now });
    const { ready, confirmed } = publication.count;
    if (!memory.propagated && ready > 0 && confirmed === ready && memory.published !== undefined) {
      memory.propagated = true;
      this.#deps.metrics.bundlePropagated(key, (now - memory.published.since) / 1000);
    }
    return {
      server,
      now,
      accepted: seen.accepted,
      compilation,
      publication,
      image: seen.observed.image,
      endpoint: endpointsOf(server, seen.observed.fallbackEndpoint),
      caPem: seen.observed.caPem,
      certificate: observeCertificate(this.#deps, server),
      workload: workloadOf(this.#deps, server),
      pods,
      reports,
    };
  }

  #nextVisit(decision: Decision, { nextChange }: Compilation, { missing }: Seen): number {
    const now = this.#deps.now();
    const waits = [safetyInterval * (0.9 + 0.2 * Math.random())];
    if (decision.kind === "hold" && decision.after !== undefined) waits.push(decision.after);
    if (nextChange !== undefined) waits.push(nextChange - now);
    if (missing.length > 0) waits.push(missingInterval);
    return Math.max(0, Math.min(...waits));
  }
}

interface Acting {
  readonly decision: Decision;
  readonly signal: AbortSignal;
}

interface Happened {
  readonly decision: Decision;
  readonly seen: Seen;
  readonly isPaused: boolean;
}

interface Seen {
  readonly observed: Observed;
  readonly accepted: ReturnType<typeof checkServer>["accepted"];
  readonly warnings: ReturnType<typeof checkServer>["warnings"];
  readonly missing: Awaited<ReturnType<typeof missingReferences>>;
  /** What kept the children from being written. */
  readonly failure?: Error;
}

interface Publishing extends Acting {
  readonly policies: Plan;
}

/** Whether pods may have policies of it, which can then be taken back. */
function hasPolicies({ status }: KesServer, { published }: ServerMemory): boolean {
  return published !== undefined || status?.bundle !== undefined;
}

/** Why nothing was written, if nothing was. */
function obstacleOf({ seen, isPaused }: Happened): Obstacle {
  if (isPaused) return "Paused";
  return seen.failure === undefined ? "NotPublished" : "ApplyFailed";
}

function labelsOf(namespaces: readonly KubeObject[]): NamespaceLabels {
  return new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
}
