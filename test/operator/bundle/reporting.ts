// A controller that reports what servers found out, at work in a cluster in memory: the servers' side is the real compiler and
// the real board, pods are what a test says they are.
import { kesIdentities, kesKeys, kesPolicies, kesServers } from "../../../operator/api/kinds.ts";
import { compileBundle } from "../../../operator/bundle/compile.ts";
import type { Judgement } from "../../../operator/bundle/verdict.ts";
import { VerdictBoard } from "../../../operator/bundle/verdict-board.ts";
import type { KubeApi } from "../../../operator/kube/api.ts";
import type { EventDetails } from "../../../operator/kube/event-series.ts";
import type { EventRecorder } from "../../../operator/kube/events.ts";
import { keyOf, refOfObject } from "../../../operator/kube/object.ts";
import type { Controller } from "../../../operator/runtime/controller.ts";
import type { KesIdentity, KesKey, KesPolicy, KesServer } from "../../../operator/api/generated.ts";
import { Cluster } from "../kes-identity/cluster.ts";
import { home, noon } from "./declared.ts";

export const inSync: Judgement = { status: "True", reason: "AllReplicasInSync", message: "3/3 replicas confirmed" };

export interface Shared {
  readonly api: KubeApi;
  readonly board: VerdictBoard;
  readonly events: EventRecorder;
  readonly instanceId: string;
  readonly now: () => number;
}

export interface Pods {
  readonly programmed?: Judgement;
  /** By pod: what its /syncz says of keys. */
  readonly keys?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export class Reporting {
  readonly cluster = new Cluster();
  readonly board = new VerdictBoard();
  readonly told: EventDetails[] = [];
  /** Seconds after noon. */
  clock = 0;
  readonly #controller: Controller;
  readonly #due = new Set<string>();
  readonly #stop: () => void;

  /** @param instanceId of the operator */
  constructor(create: (shared: Shared, cluster: Cluster) => Controller, instanceId = "") {
    const events: EventRecorder = { record: (event) => void this.told.push(event) };
    const now = (): number => noon + this.clock * 1000;
    this.#controller = create({ api: this.cluster.api, board: this.board, events, instanceId, now }, this.cluster);
    this.#stop = this.#controller.watch((key) => this.#due.add(key));
  }

  /** Each kind by its own name. */
  declare(...objects: readonly (KesServer | KesPolicy | KesIdentity | KesKey)[]): void {
    for (const object of objects) this.cluster.put(kinds[object.kind], object);
    this.cluster.catchUp();
  }

  /** What the servers' controller does at each visit. */
  serve(server: KesServer, { programmed = inSync, keys = {} }: Pods = {}): void {
    const cluster = this.cluster;
    const namespaceLabels = new Map<string, Readonly<Record<string, string>>>();
    const verdicts = compileBundle({
      server,
      policies: cluster.list<KesPolicy>(kesPolicies),
      identities: cluster.list<KesIdentity>(kesIdentities),
      keys: cluster.list<KesKey>(kesKeys).filter(({ spec }) => spec.serverRef.name === server.metadata.name),
      namespaceLabels,
      now: noon,
    });
    const all = (names: Iterable<string>): ReadonlyMap<string, Judgement> =>
      new Map(Array.from(names, (name) => [name, programmed]));
    this.board.publish(keyOf(refOfObject(server)), {
      verdicts,
      programmed: {
        policies: all(verdicts.policies.keys()),
        identities: all(verdicts.identities.keys()),
        keys: all(verdicts.keys.keys()),
      },
      podKeys: new Map(Object.entries(keys)),
      ready: true,
      endpoint: "",
      caPem: undefined,
      revision: verdicts.encoded.revision,
    });
  }

  /** Visits whoever is due until nobody is, waits included; the caches catch up after each visit. @returns how many visits that took */
  async settle(): Promise<number> {
    for (let visits = 0; ; visits += 1) {
      const [key] = this.#due;
      if (key === undefined) return visits;
      if (visits > 50) throw new Error("it does not come to rest");
      this.#due.delete(key);
      const { after } = await this.#controller.reconcile(key, AbortSignal.timeout(5000), true);
      if (after !== undefined) {
        this.#due.add(key);
        this.clock += after / 1000;
      }
      this.cluster.catchUp();
    }
  }

  policy(name: string): KesPolicy {
    return this.#read<KesPolicy>("KesPolicy", name);
  }

  key(name: string): KesKey {
    return this.#read<KesKey>("KesKey", name);
  }

  #read<T extends KesPolicy | KesKey>(kind: T["kind"], name: string): T {
    const found = this.cluster.get<T>(kinds[kind], { namespace: home, name });
    if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
    return found;
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}

const kinds = { KesServer: kesServers, KesPolicy: kesPolicies, KesIdentity: kesIdentities, KesKey: kesKeys } as const;
