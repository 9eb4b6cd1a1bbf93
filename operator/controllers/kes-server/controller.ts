// The controller of KesServers: it owns everything that a server is made of, and the policy bundle that its pods follow.
//   watch      whatever concerns a server enqueues it by name; policies, identities and keys do nothing else
//   visit      reconcile.ts: compile → publish → bring the children → tell the board → status
//   pods       pod-reports.ts asks them what they have; an answer that says something new is a reason for a visit
// The rules are in pure functions (plan, checks, gathering, programmed, server-conditions); this folder's I/O is in observe,
// children and fetch-sync-state.
import type { KesIdentity, KesPolicy, KesServer } from "../../api/generated.ts";
import { labels } from "../../api/kinds.ts";
import type { Cache, Change } from "../../kube/cache.ts";
import { keyOf, refOfObject } from "../../kube/object.ts";
import type { KubeObject, Resource } from "../../kube/object.ts";
import type { Controller, Enqueue } from "../../runtime/controller.ts";
import { attendToClients } from "./client-changes.ts";
import type { KesServerDeps } from "./deps.ts";
import { changesTurns } from "./image-rollout.ts";
import { PodReports } from "./pod-reports.ts";
import { ServerReconciler } from "./reconcile.ts";
import {
  autoscalers,
  certificates,
  configMaps,
  deployments,
  disruptionBudgets,
  issuers,
} from "./objects/child-kinds.ts";
import { networkPolicies, roleBindings, roles, serviceAccounts, serviceMonitors } from "./objects/child-kinds.ts";
import { services, statefulSets, volumeClaims } from "./objects/child-kinds.ts";

/** Milliseconds in which what a visit has written comes back from the API server: one look at all of it is enough. */
const echoTime = 100;

/** Whose changes are reasons for a visit to the server that owns them. */
export const childKinds: readonly Resource[] = [
  configMaps,
  services,
  serviceAccounts,
  volumeClaims,
  deployments,
  statefulSets,
  roles,
  roleBindings,
  certificates,
  issuers,
  autoscalers,
  disruptionBudgets,
  networkPolicies,
  serviceMonitors,
];

/** What a cluster may do without, and may get at any time. */
const optionalKinds: readonly Resource[] = [certificates, issuers, serviceMonitors];

export function createKesServerController(deps: KesServerDeps): Controller {
  let enqueue: Enqueue | undefined;
  const reports = new PodReports({
    fetch: deps.fetchSyncState,
    onChange: (server) => enqueue?.(server),
    chance: Math.random,
  });
  const reconciler = new ServerReconciler(deps, reports);
  return {
    name: "kesserver",
    reconcile: (key, signal) => reconciler.visit(key, signal),
    watch(add) {
      enqueue = add;
      const stops = watchAll(deps, reconciler, add);
      for (const server of deps.servers.list()) add(keyOf(refOfObject(server)));
      return () => {
        for (const stop of stops) stop();
        reports[Symbol.dispose]();
      };
    },
  };
}

function watchAll(deps: KesServerDeps, reconciler: ServerReconciler, add: Enqueue): readonly (() => void)[] {
  const { servers, policies, identities, keys, namespaces, pods, certificateRequests } = deps;
  const addAllOf = (namespace: string | undefined): void => {
    for (const server of servers.list(namespace)) add(keyOf(refOfObject(server)));
  };
  const addByLabel = (label: string, afterMs = 0) => {
    return (change: Change<KubeObject>): void => {
      for (const object of [change.before, change.now]) {
        const name = object?.metadata.labels?.[label];
        if (name !== undefined) add(`${change.ref.namespace}/${name}`, afterMs);
      }
    };
  };
  const noteEdit = (server: string, change: Change<KesIdentity>): void =>
    reconciler.memoryOf(server).drops.sawIdentity(change);
  const children = childKinds.flatMap(
    (kind) => deps.childrenOf(kind)?.subscribe(addByLabel(labels.server, echoTime)) ?? [],
  );
  return [
    ...noticeArrivals(deps, () => addAllOf(undefined)),
    ...children,
    servers.subscribe((change) => {
      add(keyOf(change.ref), isOwnStatus(change) ? echoTime : 0);
      noteServerEdit(reconciler, change);
      if (changesTurns(change.before, change.now)) addThoseBehind(deps, add);
    }),
    policies.subscribe((change) => {
      // No bundle says anything of it.
      if (isOwnStatus(change)) return;
      notePolicyEdit(reconciler, servers, change);
      addAllOf(change.ref.namespace);
    }),
    identities.subscribe(attendToClients({ enqueue: add, now: deps.now, note: noteEdit })),
    keys.subscribe(({ ref, before, now }) => {
      for (const key of [before, now]) if (key !== undefined) add(`${ref.namespace}/${key.spec.serverRef.name}`);
    }),
    namespaces?.subscribe((change) => noteLabels(deps, reconciler, change, add)) ?? (() => undefined),
    pods.subscribe((change) => {
      addByLabel(labels.server)(change);
      addByLabel(labels.sidecarOf)(change);
    }),
    certificateRequests.subscribe(addByLabel(labels.server)),
  ];
}

/** A kind that comes or goes is of concern to all. */
function noticeArrivals({ certificateRequests, childrenOf }: KesServerDeps, add: () => void): readonly (() => void)[] {
  const caches = optionalKinds.flatMap((kind) => childrenOf(kind) ?? []);
  return [certificateRequests, ...caches].map((cache) => cache.onInstalled(add));
}

/** Labels of namespaces give or take consent, on any server. */
function noteLabels(
  { servers }: KesServerDeps,
  reconciler: ServerReconciler,
  { before, now }: Change<KubeObject>,
  add: Enqueue,
): void {
  if (JSON.stringify(before?.metadata.labels) === JSON.stringify(now?.metadata.labels)) return;
  for (const server of servers.list()) {
    const key = keyOf(refOfObject(server));
    reconciler.memoryOf(key).drops.sawServerEdit();
    add(key);
  }
}

/** Whether nothing has changed but the status, which only the operator writes. */
function isOwnStatus({ before, now }: Change<KesServer | KesPolicy>): boolean {
  if (before === undefined || now === undefined) return false;
  return JSON.stringify(declaredIn(before)) === JSON.stringify(declaredIn(now));
}

function declaredIn({ metadata }: KubeObject): readonly unknown[] {
  const { uid, generation, annotations, labels, deletionTimestamp } = metadata;
  return [uid, generation, annotations, labels, deletionTimestamp];
}

/** Servers whose turn to move to the default image may have come. */
function addThoseBehind({ servers, serverImage }: KesServerDeps, add: Enqueue): void {
  for (const server of servers.list()) {
    if (server.status?.image !== undefined && server.status.image !== serverImage) add(keyOf(refOfObject(server)));
  }
}

// Removals that follow from an edit or a deletion that was seen are meant; see ObservedDrops.

function noteServerEdit(reconciler: ServerReconciler, { ref, before, now }: Change<KesServer>): void {
  const isEdit = before !== undefined && now !== undefined && before.metadata.generation !== now.metadata.generation;
  if (isEdit) reconciler.memoryOf(keyOf(ref)).drops.sawServerEdit();
}

function notePolicyEdit(reconciler: ServerReconciler, servers: Cache<KesServer>, change: Change<KesPolicy>): void {
  for (const server of servers.list(change.ref.namespace)) {
    reconciler.memoryOf(keyOf(refOfObject(server))).drops.sawPolicy(change);
  }
}
