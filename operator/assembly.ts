// The controllers, each given what it works with. They know each other only through the cluster and the verdict board.
import { randomBytes } from "node:crypto";
import { VerdictBoard } from "./bundle/verdict-board.ts";
import type { Caches } from "./caches.ts";
import type { Config } from "./config.ts";
import { createKesIdentityController } from "./controllers/kes-identity/controller.ts";
import { certificates, issuers } from "./controllers/kes-identity/objects/cert-manager.ts";
import type { Certificate, Issuer } from "./controllers/kes-identity/objects/cert-manager.ts";
import { configMaps } from "./controllers/kes-identity/objects/connection.ts";
import { createKesKeyController } from "./controllers/kes-key/controller.ts";
import { createKesPolicyController } from "./controllers/kes-policy/controller.ts";
import { createKesServerController } from "./controllers/kes-server/controller.ts";
import { fetchSyncState } from "./controllers/kes-server/fetch-sync-state.ts";
import type { OperatorSettings } from "./controllers/kes-server/settings.ts";
import type { KubeApi } from "./kube/api.ts";
import type { OptionalCache } from "./kube/cache.ts";
import type { EventRecorder } from "./kube/events.ts";
import type { KubeObject, Resource } from "./kube/object.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Controller } from "./runtime/controller.ts";

export interface Surroundings {
  readonly config: Config;
  /** The operator's own. */
  readonly namespace: string;
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly events: EventRecorder;
  readonly log: Log;
  readonly metrics: Metrics;
}

export function controllersIn({
  config,
  namespace,
  api,
  caches,
  events,
  log,
  metrics,
}: Surroundings): readonly Controller[] {
  const { servers, policies, identities, keys, certificateRequests } = caches;
  const shared = { api, events, board: new VerdictBoard(), instanceId: config.instanceId, now: Date.now };
  const made = <T extends KubeObject>(resource: Resource): OptionalCache<T> => {
    const cache = caches.childrenOf<T>(resource);
    if (cache === undefined) throw new Error(`${resource.plural} are not among the kinds that are watched`);
    return cache;
  };
  return [
    createKesServerController({
      ...shared,
      servers,
      policies,
      identities,
      keys,
      certificateRequests,
      namespaces: caches.namespaces,
      pods: caches.pods,
      childrenOf: (resource) => caches.childrenOf(resource),
      isServed: (resource) => caches.isServed(resource),
      log,
      metrics,
      settings: settingsOf(config, namespace),
      serverImage: config.serverImage,
      fetchSyncState,
    }),
    createKesIdentityController({
      ...shared,
      identities,
      servers,
      configMaps: made(configMaps),
      issuers: made<Issuer>(issuers),
      certificates: made<Certificate>(certificates),
      certificateRequests,
      features: config.features,
      newSeed: () => randomBytes(32),
    }),
    createKesPolicyController({ ...shared, policies, servers }),
    createKesKeyController({ ...shared, keys, servers }),
  ];
}

function settingsOf(config: Config, operatorNamespace: string): OperatorSettings {
  const { clusterDomain, serverImagePullPolicy: imagePullPolicy, openshift, ipFamily } = config;
  return { clusterDomain, operatorNamespace, imagePullPolicy, openshift, ipv6: ipFamily === "IPv6" };
}
