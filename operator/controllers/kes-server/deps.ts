// What the controller of servers works with. Everything it reads comes from caches that others fill; everything it writes
// goes through `api`.
import type { KesIdentity, KesKey, KesPolicy, KesServer } from "../../api/generated.ts";
import type { VerdictBoard } from "../../bundle/verdict-board.ts";
import type { KubeApi } from "../../kube/api.ts";
import type { Cache, OptionalCache } from "../../kube/cache.ts";
import type { EventRecorder } from "../../kube/events.ts";
import type { KubeObject, Resource } from "../../kube/object.ts";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";
import type { Log } from "../../log.ts";
import type { LiveCertificateRequest, LivePod } from "./live-objects.ts";
import type { OperatorSettings } from "./settings.ts";

export interface KesServerDeps {
  readonly api: KubeApi;
  readonly servers: Cache<KesServer>;
  readonly policies: Cache<KesPolicy>;
  readonly identities: Cache<KesIdentity>;
  readonly keys: Cache<KesKey>;
  /** undefined: the operator may not list namespaces. */
  readonly namespaces: Cache<KubeObject> | undefined;
  readonly pods: Cache<LivePod>;
  readonly certificateRequests: OptionalCache<LiveCertificateRequest>;
  /** The managed objects of one of the kinds of children; undefined: the kind is not watched. */
  readonly childrenOf: <T extends KubeObject = KubeObject>(resource: Resource) => OptionalCache<T> | undefined;
  /** Whether the cluster serves a kind; undefined: not known yet. */
  readonly isServed: (resource: Resource) => boolean | undefined;
  readonly board: VerdictBoard;
  readonly events: EventRecorder;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  readonly settings: OperatorSettings;
  /** For servers that name no image. */
  readonly serverImage: string;
  /** Of this operator; objects that name another one are not ours. */
  readonly instanceId: string;
  readonly fetchSyncState: (url: string) => Promise<SyncState>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface ServerMetrics {
  /** A bundle was written. */
  bundlePublished(server: string, revision: string): void;
  /** Every ready pod has the published bundle, this many seconds after it was written. */
  bundlePropagated(server: string, seconds: number): void;
  /** Somebody else had changed one of its children, which is put right. */
  childRepaired(server: string): void;
  forget(server: string): void;
}
