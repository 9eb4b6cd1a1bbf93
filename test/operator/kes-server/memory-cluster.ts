// What a visit to a KesServer works with, in memory: the real API server's part in it is tried in test/real.
import assert from "node:assert/strict";
import { findCondition } from "../../../operator/api/conditions.ts";
import type { KesIdentity, KesPolicy, KesServer } from "../../../operator/api/generated.ts";
import { VerdictBoard } from "../../../operator/bundle/verdict-board.ts";
import { PodReports } from "../../../operator/controllers/kes-server/pod-reports.ts";
import { ServerReconciler } from "../../../operator/controllers/kes-server/reconcile.ts";
import type { KesServerDeps } from "../../../operator/controllers/kes-server/deps.ts";
import type { LiveCertificateRequest, LivePod } from "../../../operator/controllers/kes-server/live-objects.ts";
import type { ApplyOptions, KubeApi } from "../../../operator/kube/api.ts";
import { refOfObject } from "../../../operator/kube/object.ts";
import type { KubeObject, ObjectRef, Resource } from "../../../operator/kube/object.ts";
import { Store } from "../../../operator/kube/store.ts";
import { readBundle } from "../../../sidecar/contract/bundle-reader.ts";
import type { Bundle } from "../../../sidecar/contract/bundle.ts";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";
import { keptLog } from "../kept-log.ts";
import { declaredServer, settings } from "./declared-server.ts";
import type { Declared, Json } from "./declared-server.ts";

export const key = "kes-system/kes";
const signal = new AbortController().signal;

/** An API server as small as these tests need, with its caches always up to date. */
export class Cluster {
  readonly servers = new Store<KesServer>();
  readonly policies = new Store<KesPolicy>();
  readonly identities = new Store<KesIdentity>();
  readonly pods = new Store<LivePod>();
  readonly kinds = new Map<string, Store<KubeObject>>();
  readonly writes: string[] = [];
  readonly events: string[] = [];
  readonly board = new VerdictBoard();
  readonly syncz = new Map<string, SyncState>();
  /** Kind → what applying it throws. */
  readonly refusals = new Map<string, Error>();
  now = Date.parse("2026-11-22T10:00:00Z");
  #version = 1;

  store(resource: Resource): Store<KubeObject> {
    const known = this.kinds.get(resource.kind) ?? new Store<KubeObject>();
    this.kinds.set(resource.kind, known);
    return known;
  }

  get(resource: Resource, ref: ObjectRef): Json {
    return resource.kind === "KesServer" ? this.servers.get(ref) : this.store(resource).get(ref);
  }

  apply(resource: Resource, object: KubeObject, { subresource }: ApplyOptions): KubeObject {
    const refusal = this.refusals.get(resource.kind);
    if (refusal !== undefined) throw refusal;
    this.writes.push(`${resource.kind}/${object.metadata.name}${subresource === undefined ? "" : " status"}`);
    const before: Json = this.get(resource, refOfObject(object));
    const metadata = { uid: "u1", ...before?.metadata, ...object.metadata, resourceVersion: `${(this.#version += 1)}` };
    const stored: Json =
      subresource === undefined
        ? { ...before, ...object, metadata }
        : { ...before, ...object, spec: before?.spec, metadata };
    if (resource.kind === "KesServer") this.servers.put(stored);
    else this.store(resource).put(stored);
    return stored;
  }

  delete(resource: Resource, ref: ObjectRef): void {
    this.writes.push(`${resource.kind}/${ref.name} deleted`);
    this.store(resource).remove(ref, false);
  }

  declare(spec: Declared = {}, change: Json = {}): void {
    const server = declaredServer(spec);
    const before = this.servers.get(refOfObject(server));
    const generation = (before?.metadata.generation ?? 0) + 1;
    const annotations = change.annotations ?? {};
    const metadata = { ...server.metadata, generation, annotations, resourceVersion: `${(this.#version += 1)}` };
    this.servers.put({ ...server, metadata, ...(before?.status && { status: before.status }) });
  }

  grant(...identities: readonly string[]): void {
    this.policies.put({
      apiVersion: "kes-operator.io/v1alpha1",
      kind: "KesPolicy",
      metadata: {
        name: "minio",
        namespace: "kes-system",
        generation: (this.#version += 1),
        resourceVersion: `${this.#version}`,
      },
      spec: { allow: ["/v1/key/generate/*"], deny: [], identities, allowedNamespaces: { from: "Same" } },
    });
  }

  get bundle(): Bundle {
    const configMap: Json = this.kinds.get("ConfigMap")?.get({ namespace: "kes-system", name: "kes-bundle" });
    const reading = readBundle(Buffer.from(configMap?.data?.["bundle.json"] ?? ""));
    assert.ok("bundle" in reading, "a bundle was published");
    return reading.bundle;
  }

  get status(): NonNullable<KesServer["status"]> {
    return this.servers.get({ namespace: "kes-system", name: "kes" })?.status ?? {};
  }

  says(type: "Ready" | "Accepted" | "Available" | "KeystoreReachable" | "PoliciesSynced" | "CertificateReady"): string {
    const { status, reason = "" } = findCondition(this.status.conditions, type) ?? {};
    return `${status} ${reason}`;
  }
}

export function reconcilerOf(cluster: Cluster): {
  readonly visit: () => Promise<number>;
  readonly reconciler: ServerReconciler;
  readonly reports: PodReports;
} {
  const api = {
    get: (resource: Resource, ref: ObjectRef) => Promise.resolve(cluster.get(resource, ref)),
    apply: async (resource: Resource, object: KubeObject, options: ApplyOptions) =>
      cluster.apply(resource, object, options),
    delete: async (resource: Resource, ref: ObjectRef) => cluster.delete(resource, ref),
  } as unknown as KubeApi;
  const deps: KesServerDeps = {
    api,
    servers: cluster.servers,
    policies: cluster.policies,
    identities: cluster.identities,
    keys: new Store(),
    namespaces: new Store(),
    pods: cluster.pods,
    certificateRequests: Object.assign(new Store<LiveCertificateRequest>(), {
      installed: true,
      onInstalled: () => () => undefined,
    }),
    childrenOf: ((resource: Resource) => cluster.store(resource)) as unknown as KesServerDeps["childrenOf"],
    isServed: () => true,
    board: cluster.board,
    events: { record: ({ reason, message }) => void cluster.events.push(`${reason}: ${message}`) },
    log: keptLog(),
    metrics: {
      bundlePublished: () => undefined,
      bundlePropagated: () => undefined,
      childRepaired: () => undefined,
      forget: () => undefined,
    },
    settings,
    serverImage: "kes:1",
    instanceId: "",
    fetchSyncState: (url) => {
      const state = cluster.syncz.get(url);
      return state === undefined ? Promise.reject(new Error("refused")) : Promise.resolve(state);
    },
    now: () => cluster.now,
  };
  const reports = new PodReports({ fetch: deps.fetchSyncState, onChange: () => undefined, chance: () => 0.5 });
  const reconciler = new ServerReconciler(deps, reports);
  const visit = async (): Promise<number> => (await reconciler.visit(key, signal)).after ?? Infinity;
  return { visit, reconciler, reports };
}
