// The status of a KesServer from one visit. Pure. What nobody reports any more keeps its last value where somebody relies on
// it: whether the key store was ever reached decides whether an empty volume is a beginning or a loss.
import { hash } from "node:crypto";
import { completeConditions, serverConditions, setCondition, timestamp } from "../../api/conditions.ts";
import type { BundleStatus, Condition, KesServerStatus, KeystoreStatus } from "../../api/generated.ts";
import { labels } from "../../api/kinds.ts";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";
import { childNames } from "./objects/child-names.ts";
import { judgeServer } from "./server-conditions.ts";
import { updatedReplicas } from "./updated-replicas.ts";
import type { ServerView } from "./view.ts";

/** Milliseconds: the key store's latency is written this often while nothing else changes. */
const refreshAfter = 5 * 60_000;

export function statusOf(view: ServerView): KesServerStatus {
  const { server, image, endpoint, compilation } = view;
  const { identity } = compilation.admin;
  return {
    observedGeneration: server.metadata.generation ?? 0,
    ...countsOf(view),
    image,
    endpoint,
    ...tlsStatus(view),
    keystore: keystoreStatus(view),
    bundle: bundleStatus(view),
    admin: identity === "" ? { enabled: false } : { enabled: true, identity },
    conflicts: compilation.conflicts,
    ...sidecarStatus(view),
    conditions: conditionsOf(view),
  };
}

function countsOf({ server, workload, image, pods, reports }: ServerView): Partial<KesServerStatus> {
  const { name } = server.metadata;
  if (server.spec.mode === "Sidecar") {
    const readyReplicas = reports.filter(({ target }) => target.ready).length;
    const replicas = pods.length;
    return { replicas, readyReplicas, updatedReplicas: replicas, selector: `${labels.sidecarOf}=${name}` };
  }
  const { replicas = 0, readyReplicas = 0 } = workload?.status ?? {};
  const selector = `${labels.server}=${name}`;
  return { replicas, readyReplicas, updatedReplicas: updatedReplicas(workload, image), selector };
}

function tlsStatus({ server, certificate, caPem }: ServerView): Partial<KesServerStatus> {
  const { secretName } = certificate;
  const { notAfter, renewalTime } = certificate.certificate?.status ?? {};
  const tls = { secretName, ...(notAfter && { notAfter }), ...(renewalTime && { renewalTime }) };
  if (caPem === undefined) return { tls };
  return {
    tls: { ...tls, caHash: hash("sha256", caPem, "hex") },
    caConfigMapName: childNames(server.metadata.name).ca,
  };
}

function sidecarStatus({ server }: ServerView): Partial<KesServerStatus> {
  if (server.spec.mode !== "Sidecar") return {};
  const { config, sidecar } = childNames(server.metadata.name);
  return { sidecar: { configMapName: config, snippetConfigMapName: sidecar } };
}

function conditionsOf(view: ServerView): readonly Condition[] {
  const { server, now } = view;
  const observedGeneration = server.metadata.generation ?? 0;
  const judged = judgeServer(view);
  const complete = completeConditions(server.status?.conditions ?? [], serverConditions, { observedGeneration, now });
  return serverConditions.reduce((list, type) => {
    return setCondition(list, { type, ...judged[type], observedGeneration }, now);
  }, complete);
}

const keystoreKinds = ["memory", "fs", "vault", "aws", "keysecure"] as const;

type StoreState = NonNullable<KeystoreStatus["state"]>;
type StoreAnswer = SyncState["keystore"];

/** The worst of what pods say; a store that some reach and some do not is Degraded. undefined: nobody has reached it yet. */
export function storeState(answers: readonly StoreAnswer[]): StoreState | undefined {
  const isCut = answers.some(({ state }) => state === "Unreachable");
  const isReached = answers.some(({ state }) => state === "Reachable");
  if (isCut) return isReached ? "Degraded" : "Unreachable";
  return isReached ? "Reachable" : undefined;
}

function keystoreStatus({ server, reports, now }: ServerView): KeystoreStatus {
  const type = keystoreKinds.find((kind) => server.spec.keystore[kind] !== undefined);
  const before = server.status?.keystore ?? {};
  const answers = reports.flatMap(({ state }) => (state === undefined ? [] : [state.keystore]));
  // Once reached, never Unknown again: see storeWasUsed.
  const state = storeState(answers) ?? before.state ?? "Unknown";
  const isFresh = before.state === state && now - Date.parse(before.lastProbeTime ?? "") < refreshAfter;
  if (isFresh || answers.length === 0) return { ...before, type, state };
  return { ...(type && { type }), state, ...latencyOf(answers), lastProbeTime: timestamp(now) };
}

function latencyOf(answers: readonly StoreAnswer[]): Pick<KeystoreStatus, "latencyMs"> {
  const latencies = answers.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs]));
  return latencies.length === 0 ? {} : { latencyMs: Math.max(...latencies) };
}

/** Whether a pod has ever reached this key store (decisions K3). */
export function storeWasUsed(status: KesServerStatus | undefined): boolean {
  const state = status?.keystore?.state;
  return state !== undefined && state !== "Unknown";
}

function bundleStatus({ publication, server, now }: ServerView): BundleStatus | undefined {
  const { revision, policies, identities, since, count } = publication;
  if (revision === undefined) return undefined;
  const before = server.status?.bundle?.revision === revision ? server.status.bundle : {};
  const isComplete = count.ready > 0 && count.confirmed === count.ready;
  const lastAppliedTime = before.lastAppliedTime ?? (isComplete ? timestamp(now) : undefined);
  return {
    revision,
    shortRevision: revision.slice(0, 12),
    policies,
    identities,
    appliedReplicas: count.confirmed,
    totalReplicas: count.ready,
    lastChangeTime: before.lastChangeTime ?? timestamp(since),
    ...(lastAppliedTime !== undefined && { lastAppliedTime }),
  };
}
