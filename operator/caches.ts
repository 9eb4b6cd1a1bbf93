// What the operator knows of the cluster: one cache per kind, each kept by its own watch. Our four kinds are seen whole; of
// everybody else's only what the operator has made itself, by label, so memory grows with our objects and not with the
// cluster. Kinds that a cluster may lack, or that the operator may have no right to, are empty until they come.
import type { KesIdentity, KesKey, KesPolicy, KesServer } from "./api/generated.ts";
import { kesIdentities, kesKeys, kesPolicies, kesServers, labels } from "./api/kinds.ts";
import { childKinds } from "./controllers/kes-server/controller.ts";
import type { LivePod } from "./controllers/kes-server/live-objects.ts";
import { certificates, issuers, serviceMonitors } from "./controllers/kes-server/objects/child-kinds.ts";
import { certificateRequests } from "./controllers/kes-identity/objects/cert-manager.ts";
import type { CertificateRequest } from "./controllers/kes-identity/objects/cert-manager.ts";
import type { KubeApi } from "./kube/api.ts";
import type { Cache, OptionalCache } from "./kube/cache.ts";
import { Informer } from "./kube/informer.ts";
import type { InformerOptions } from "./kube/informer.ts";
import { apiVersionOf } from "./kube/object.ts";
import type { KubeObject, Resource } from "./kube/object.ts";
import { namespaces, pods } from "./kube/resources.ts";
import { unionOf } from "./kube/union.ts";
import type { Log } from "./log.ts";

export interface CachesOptions {
  readonly api: KubeApi;
  /** Empty: all. */
  readonly watchNamespaces: readonly string[];
  readonly log: Log;
}

/** On everything that the operator makes. */
const managed = "app.kubernetes.io/managed-by=kes-operator";
const optionalKinds: ReadonlySet<Resource> = new Set([certificates, issuers, serviceMonitors]);

/** What is common to informers of all kinds. */
interface Kept extends AsyncDisposable {
  start(): void;
  readonly isOptional: boolean;
  readonly ready: Promise<void>;
  readonly problem: string | undefined;
}

export class Caches implements AsyncDisposable {
  readonly servers: Cache<KesServer>;
  readonly policies: Cache<KesPolicy>;
  readonly identities: Cache<KesIdentity>;
  readonly keys: Cache<KesKey>;
  /** Servers' own, and those of others that run our server as a sidecar. */
  readonly pods: Cache<LivePod>;
  readonly certificateRequests: OptionalCache<CertificateRequest>;
  /** undefined: the operator may see some namespaces only, and so cannot list them. */
  readonly namespaces: Cache<KubeObject> | undefined;
  readonly #options: CachesOptions;
  readonly #informers: Kept[] = [];
  readonly #children = new Map<string, Informer<KubeObject>>();
  #isDisposed = false;

  constructor(options: CachesOptions) {
    this.#options = options;
    this.servers = this.#keep<KesServer>({ resource: kesServers });
    this.policies = this.#keep<KesPolicy>({ resource: kesPolicies });
    this.identities = this.#keep<KesIdentity>({ resource: kesIdentities });
    this.keys = this.#keep<KesKey>({ resource: kesKeys });
    const foreign = `${labels.sidecarOf},app.kubernetes.io/managed-by!=kes-operator`;
    this.pods = unionOf([
      this.#keep<LivePod>({ resource: pods, labelSelector: managed, trim: trimmedPod }),
      this.#keep<LivePod>({ resource: pods, labelSelector: foreign, trim: trimmedPod }),
    ]);
    this.certificateRequests = this.#keep<CertificateRequest>({
      resource: certificateRequests,
      labelSelector: managed,
      isOptional: true,
    });
    const seesAll = options.watchNamespaces.length === 0;
    this.namespaces = seesAll ? this.#keep({ resource: namespaces, trim: trimmedNamespace }) : undefined;
    for (const resource of childKinds) {
      const isOptional = optionalKinds.has(resource);
      this.#children.set(nameOf(resource), this.#keep({ resource, labelSelector: managed, isOptional }));
    }
  }

  /**
   * Begins to list and watch everything. What may be missing is looked at when the rest is there: an API server that is just
   * starting refuses everything for a moment, and must not be believed that cert-manager was uninstalled.
   */
  start(): void {
    const needed = this.#informers.filter(({ isOptional }) => !isOptional);
    for (const informer of needed) informer.start();
    void this.#startOptional(Promise.all(needed.map(({ ready }) => ready)));
  }

  /** Resolves when all caches are synced. */
  async ready(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.ready));
  }

  /** What keeps one from being synced; undefined: nothing. */
  get problem(): string | undefined {
    return this.#informers.find(({ problem }) => problem !== undefined)?.problem;
  }

  /** What the operator has made of a kind; undefined: it is no kind of a child. */
  childrenOf<T extends KubeObject = KubeObject>(resource: Resource): OptionalCache<T> | undefined {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- who asks for a kind knows its shape; the API checked it
    return this.#children.get(nameOf(resource)) as OptionalCache<KubeObject> as OptionalCache<T> | undefined;
  }

  /** Whether the cluster serves a kind of children; undefined: it is none. */
  isServed(resource: Resource): boolean | undefined {
    return this.#children.get(nameOf(resource))?.installed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await Promise.all(this.#informers.map((informer) => informer[Symbol.asyncDispose]()));
  }

  async #startOptional(rest: Promise<unknown>): Promise<void> {
    await rest;
    if (this.#isDisposed) return;
    for (const informer of this.#informers) if (informer.isOptional) informer.start();
  }

  #keep<T extends KubeObject>(
    what: Pick<InformerOptions<T>, "resource" | "labelSelector" | "isOptional" | "trim">,
  ): Informer<T> {
    const { api, log, watchNamespaces } = this.#options;
    const informer = new Informer<T>({ ...what, api, log, namespaces: watchNamespaces });
    this.#informers.push(informer);
    return informer;
  }
}

function nameOf(resource: Resource): string {
  return `${apiVersionOf(resource)}/${resource.plural}`;
}

// Of a pod only what its kubelet says is read.
function trimmedPod({ apiVersion, kind, metadata, status }: LivePod): LivePod {
  return { apiVersion, kind, metadata, ...(status === undefined ? {} : { status }) };
}

function trimmedNamespace({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, uid, resourceVersion, labels, deletionTimestamp } = metadata;
  const given = Object.entries({ name, uid, resourceVersion, labels, deletionTimestamp });
  return {
    apiVersion,
    kind,
    metadata: { name, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) },
  };
}
