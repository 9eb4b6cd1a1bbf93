// The controller of KesIdentities: it finds out which hashes a client may have, and writes them into the identity's status.
// From there the server's controller takes them into the bundle; nothing else passes between the two.
//   attend-…    I/O for one kind of source; …-source.ts judges what was seen there, requests.ts and renewal.ts what
//               concerns cert-manager; identities.ts is the state machine of the hashes: all of these are pure
//   objects/    what is made for an identity: Certificate, Issuer, ConfigMaps, the Secret of an API key
import type { KesIdentity, KesServer } from "../../api/generated.ts";
import { kesIdentities, labels } from "../../api/kinds.ts";
import { serverKeyOf } from "../../bundle/identities.ts";
import type { Change } from "../../kube/cache.ts";
import { indexBy } from "../../kube/index-by.ts";
import type { Index } from "../../kube/index-by.ts";
import { keyOf, refOfObject } from "../../kube/object.ts";
import type { KubeObject } from "../../kube/object.ts";
import type { Controller, Enqueue } from "../../runtime/controller.ts";
import type { KesIdentityDeps } from "./deps.ts";
import { IdentityReconciler } from "./reconcile.ts";

export function createKesIdentityController(deps: KesIdentityDeps): Controller {
  const reconciler = new IdentityReconciler(deps);
  return {
    name: kesIdentities.kind.toLowerCase(),
    reconcile: (key, signal, isCalm) => reconciler.visit(key, signal, isCalm),
    watch(enqueue) {
      // Those of one server together: it then takes them into its bundle together.
      const clients = indexBy(deps.identities, serverKeyOf);
      const stops = watchAll(deps, clients, enqueue);
      for (const server of clients.values()) {
        for (const identity of clients.of(server)) enqueue(keyOf(refOfObject(identity)));
      }
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

function watchAll(deps: KesIdentityDeps, clients: Index<KesIdentity>, enqueue: Enqueue): readonly (() => void)[] {
  // cert-manager copies the labels of a Certificate to its requests.
  const toOwner = ({ ref, now, before }: Change<KubeObject>): void => {
    const name = (now ?? before)?.metadata.labels?.[labels.identity];
    if (name !== undefined) enqueue(`${ref.namespace}/${name}`);
  };
  const { certificates, certificateRequests } = deps;
  const onInstalled = (): void => {
    const concerned = deps.identities.list().filter(({ spec }) => spec.certificate !== undefined);
    for (const identity of concerned) enqueue(keyOf(refOfObject(identity)));
  };
  return [
    deps.identities.subscribe(({ ref }) => enqueue(keyOf(ref))),
    deps.servers.subscribe((change) => {
      if (faceOf(change.before) === faceOf(change.now)) return;
      for (const identity of clients.of(keyOf(change.ref))) enqueue(keyOf(refOfObject(identity)));
    }),
    deps.board.subscribe("identity", (key) => enqueue(key)),
    ...[certificates, certificateRequests, deps.issuers, deps.configMaps].map((cache) => cache.subscribe(toOwner)),
    ...[certificates, certificateRequests].map((cache) => cache.onInstalled(onInstalled)),
  ];
}

/** What a client sees of a server: its status changes often, and it has many clients. */
function faceOf(server: KesServer | undefined): string {
  if (server === undefined) return "";
  const { spec, status } = server;
  return JSON.stringify([spec.tls, status?.endpoint, status?.tls?.caHash]);
}
