// Leader election over a Lease, as client-go does it: whoever holds the lease renews it; others take it over only after they
// have seen it unchanged for its whole duration on their own monotonic clock, so no clock has to agree with another. What
// protects the cluster is the other half: a holder that could not renew in time says that it lost, and until somebody has
// heard that, `fence` keeps every write back. A process that was stopped for a minute therefore writes nothing afterwards.
import type { KubeApi } from "./api.ts";
import { pause } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { ApiError, FencedError } from "./errors.ts";
import { microTime } from "./micro-time.ts";
import type { KubeObject, ObjectRef } from "./object.ts";
import { leases } from "./resources.ts";
import type { Log } from "../log.ts";

export interface LeaseTiming {
  /** Milliseconds that others wait after the last renewal they saw. */
  readonly lease: number;
  /** Milliseconds after the last own renewal from which on the lease counts as lost. */
  readonly renew: number;
  /** Milliseconds between attempts. */
  readonly retry: number;
}

export interface LeaseOptions {
  /** A client of its own: a renewal must not wait behind anything, and is not fenced. */
  readonly api: KubeApi;
  readonly ref: ObjectRef;
  /** Unique to this process. */
  readonly identity: string;
  /** How the identities of earlier processes in the same place begin: they have ended, so nobody waits for them. */
  readonly predecessors?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly timing?: LeaseTiming;
  readonly random?: () => number;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

interface LeaseObject extends KubeObject {
  readonly spec?: LeaseSpec;
}

const fieldManager = "kes-operator-leader-election";
const defaults: LeaseTiming = { lease: 15_000, renew: 10_000, retry: 2_000 };

export class Lease {
  readonly #options: LeaseOptions;
  readonly #timing: LeaseTiming;
  readonly #lost = Promise.withResolvers<string>();
  readonly #released = new AbortController();
  /** As last seen in the cluster, and since when it has looked like that. */
  #seen: LeaseObject | undefined;
  #seenAt = 0;
  /** When the last successful renewal began; undefined: never, or given up. */
  #renewedAt: number | undefined;
  #isLost = false;
  #cancelWatchdog: () => void = () => undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#timing = options.timing ?? defaults;
  }

  /** Whether this process is the leader as far as it can know. */
  get isHeld(): boolean {
    return !this.#isLost && this.#sinceRenewal < this.#timing.renew;
  }

  /** Who holds it, as last seen. */
  get holder(): string {
    return this.#seen?.spec?.holderIdentity ?? "";
  }

  /** Resolves, with the reason, when a lease that was held is lost. */
  get lost(): Promise<string> {
    return this.#lost.promise;
  }

  /** Why a process that goes on ought not to, in words; undefined: all is well. */
  get problem(): string | undefined {
    if (this.#isLost) return "the lease was lost and the process did not end";
    const isStuck = this.#renewedAt !== undefined && this.#sinceRenewal > 2 * this.#timing.lease;
    return isStuck ? "the lease is not renewed and nothing noticed" : undefined;
  }

  /** Asked before each write. @throws FencedError unless the lease is held */
  readonly fence = (): void => {
    if (!this.isHeld) throw new FencedError("this process does not hold the lease (any more), so it must not write");
  };

  /**
   * Waits until the lease is held; from then on it is renewed until it is released or lost.
   * @param signal ends the waiting @returns whether it is held
   */
  async acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, random = Math.random } = this.#options;
    while (!signal.aborted) {
      if (await this.#try(signal)) {
        void this.#keep(this.#released.signal);
        return true;
      }
      await pause(clock, this.#timing.retry * (1 + 0.2 * random()), signal);
    }
    return false;
  }

  /** Gives the lease back, so that another process need not wait; for after the last write. Never rejects. */
  async release(): Promise<void> {
    const { log, ref } = this.#options;
    this.#cancelWatchdog();
    this.#released.abort();
    if (!this.isHeld) return;
    this.#renewedAt = undefined;
    try {
      await this.#giveBack(AbortSignal.timeout(this.#timing.renew));
      log.info("lease released", { lease: ref.name });
    } catch (error) {
      log.warn("lease not released", { lease: ref.name, error });
    }
  }

  async #giveBack(signal: AbortSignal): Promise<void> {
    const { api, ref, identity, clock } = this.#options;
    // Looked at anew: a renewal that was just cut off may have arrived.
    const held = await api.get<LeaseObject>(leases, ref, { signal });
    if (held?.spec?.holderIdentity !== identity) return;
    const now = microTime(clock.wall());
    const spec = { ...held.spec, holderIdentity: "", leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
    const object: LeaseObject = { ...held, spec };
    await api.update(leases, object, { fieldManager, signal });
  }

  get #sinceRenewal(): number {
    return this.#renewedAt === undefined ? Infinity : this.#options.clock.monotonic() - this.#renewedAt;
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (this.isHeld) {
      await pause(clock, this.#timing.retry, signal);
      if (signal.aborted) return;
      // A process that was stopped must not even touch the lease: it is no longer known to be its own.
      if (this.isHeld) await this.#try(signal);
      if (!signal.aborted && this.holder !== this.#options.identity) this.#lose(`${this.holder} holds the lease`);
    }
  }

  #lose(reason: string): void {
    this.#cancelWatchdog();
    this.#isLost = true;
    this.#lost.resolve(reason);
  }

  /** Takes or renews the lease if that is possible. @returns whether it is held now */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { log, ref } = this.#options;
    try {
      if (this.#renewedAt !== undefined && (await this.#renewAsSeen(signal))) return true;
      return await this.#takeOver(signal);
    } catch (error) {
      if (!signal.aborted)
        log[this.#renewedAt === undefined ? "info" : "warn"]("lease attempt failed", { lease: ref.name, error });
      return false;
    }
  }

  /** Renews at once what should still be as it was left. @returns false: look first */
  async #renewAsSeen(signal: AbortSignal): Promise<boolean> {
    if (this.#seen === undefined) return false;
    try {
      await this.#write(this.#seen, this.#seen.spec ?? {}, signal);
      return true;
    } catch (error) {
      if (error instanceof ApiError && (error.isConflict || error.isNotFound)) return false;
      throw error;
    }
  }

  async #takeOver(signal: AbortSignal): Promise<boolean> {
    const { api, ref, identity, clock } = this.#options;
    const found = await api.get<LeaseObject>(leases, ref, { signal });
    const now = microTime(clock.wall());
    if (found === undefined) {
      const metadata = { name: ref.name, namespace: ref.namespace };
      const fresh = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata };
      await this.#write(fresh, { acquireTime: now, leaseTransitions: 0 }, signal);
      return true;
    }
    this.#see(found);
    const {
      holderIdentity: holder = "",
      leaseTransitions = 0,
      leaseDurationSeconds,
      acquireTime = now,
    } = found.spec ?? {};
    if (holder === identity) {
      await this.#write(found, { acquireTime, leaseTransitions }, signal);
      return true;
    }
    const valid = (leaseDurationSeconds ?? this.#timing.lease / 1000) * 1000;
    if (!this.#isFree(holder) && clock.monotonic() - this.#seenAt < valid) return false;
    await this.#write(found, { acquireTime: now, leaseTransitions: leaseTransitions + 1 }, signal);
    return true;
  }

  #isFree(holder: string): boolean {
    const { predecessors } = this.#options;
    return holder === "" || (predecessors !== undefined && holder.startsWith(predecessors));
  }

  #see(found: LeaseObject): void {
    if (this.#seen === undefined || JSON.stringify(found.spec) !== JSON.stringify(this.#seen.spec)) {
      this.#seenAt = this.#options.clock.monotonic();
    }
    this.#seen = found;
  }

  async #write(lease: LeaseObject, { acquireTime, leaseTransitions }: LeaseSpec, signal: AbortSignal): Promise<void> {
    const { api, identity, clock } = this.#options;
    // The others begin to count when the server has it, which is later.
    const startedAt = clock.monotonic();
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: this.#timing.lease / 1000,
      acquireTime,
      renewTime: microTime(clock.wall()),
      leaseTransitions,
    };
    const object = { apiVersion: lease.apiVersion, kind: lease.kind, metadata: lease.metadata, spec };
    const write = lease.metadata.resourceVersion === undefined ? api.create.bind(api) : api.update.bind(api);
    this.#see(await write<LeaseObject>(leases, object, { fieldManager, signal }));
    this.#renewedAt = startedAt;
    this.#cancelWatchdog();
    const left = Math.max(0, this.#timing.renew - (clock.monotonic() - startedAt));
    this.#cancelWatchdog = clock.schedule(() => this.#lose(`not renewed for ${this.#timing.renew / 1000} s`), left);
  }
}
