// The identities' controller on a simulated cluster: one visit at a time, with caches as old as a test wants them, and an end
// in the middle of a visit where a test wants one.
import { VerdictBoard } from "../../../operator/bundle/verdict-board.ts";
import { IdentityReconciler } from "../../../operator/controllers/kes-identity/reconcile.ts";
import type { KesIdentityDeps } from "../../../operator/controllers/kes-identity/deps.ts";
import {
  certificateRequests,
  certificates,
  issuers,
} from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import type {
  Certificate,
  CertificateRequest,
  Issuer,
} from "../../../operator/controllers/kes-identity/objects/cert-manager.ts";
import type { ConfigMap } from "../../../operator/controllers/kes-identity/objects/connection.ts";
import { configMaps } from "../../../operator/controllers/kes-identity/objects/connection.ts";
import { kesIdentities, kesServers } from "../../../operator/api/kinds.ts";
import type { KesIdentity, KesServer } from "../../../operator/api/generated.ts";
import type { EventDetails } from "../../../operator/kube/event-series.ts";
import type { Outcome } from "../../../operator/runtime/outcome.ts";
import { Cluster } from "./cluster.ts";
import { start } from "./objects.ts";

export class Crash extends Error {}

export class OperatorAtWork {
  readonly cluster = new Cluster();
  readonly board = new VerdictBoard();
  readonly events: EventDetails[] = [];
  readonly features = { apiKeys: true, secretIdentities: true };
  /** Milliseconds since 1970. */
  now = start;
  #seeds = 0;
  #reconciler = new IdentityReconciler(this.deps);

  get deps() {
    const { cluster, board, features } = this;
    return {
      api: cluster.api,
      identities: cluster.cache<KesIdentity>(kesIdentities),
      servers: cluster.cache<KesServer>(kesServers),
      configMaps: cluster.cache<ConfigMap>(configMaps),
      issuers: cluster.cache<Issuer>(issuers),
      certificates: cluster.cache<Certificate>(certificates),
      certificateRequests: cluster.cache<CertificateRequest>(certificateRequests),
      board,
      events: { record: (event: EventDetails): void => void this.events.push(event) },
      features,
      instanceId: "",
      now: () => this.now,
      newSeed: () => new Uint8Array(32).fill((this.#seeds += 1)),
    } satisfies KesIdentityDeps;
  }

  /** With caches as they are. */
  visit(key = "prod/minio", isCalm = false): Promise<Outcome> {
    return this.#reconciler.visit(key, new AbortController().signal, isCalm);
  }

  /** Visits with fresh caches until nothing is written any more. */
  async settle(): Promise<Outcome> {
    for (let visits = 0; visits < 20; visits += 1) {
      const before = this.cluster.writes.length;
      this.cluster.catchUp();
      const first = await this.visit();
      const outcome = first.isPatient === true ? await this.visit("prod/minio", true) : first;
      if (this.cluster.writes.length === before) return outcome;
    }
    throw new Error(`it does not come to rest: ${this.cluster.writes.slice(-6).join(", ")}`);
  }

  /** A new process: everything in memory is gone, and the caches have just been filled. */
  restart(): void {
    this.#reconciler = new IdentityReconciler(this.deps);
    this.cluster.catchUp();
  }

  /** A visit in which the process dies right after its `count`-th write. @returns whether it came so far */
  async crashAfter(count: number): Promise<boolean> {
    let left = count;
    this.cluster.afterWrite = () => {
      left -= 1;
      if (left === 0) throw new Crash();
    };
    try {
      await this.visit();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    } finally {
      this.cluster.afterWrite = () => undefined;
    }
    if (left <= 0) this.restart();
    return left <= 0;
  }

  get identity(): KesIdentity {
    const identity = this.cluster.get<KesIdentity>(kesIdentities, { namespace: "prod", name: "minio" });
    if (identity === undefined) throw new Error("there is no KesIdentity");
    return identity;
  }

  /** Hashes that servers accept now. */
  allowed(): readonly string[] {
    const entries = this.identity.status?.identities ?? [];
    return entries
      .filter(({ state, expiresAt = "" }) => state !== "Retiring" || Date.parse(expiresAt) > this.now)
      .map(({ hash }) => hash);
  }
}
