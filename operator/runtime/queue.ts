// Which objects are to be visited next. It holds keys, never events, so that any number of changes become one visit, and
// gives each key to one worker at a time: what is added during a visit waits for its end. Keys that can wait have their turn
// when no others do, or after two minutes. A failed key comes back later and later, and a bucket spreads such retries when
// many fail at once; changes never wait for it.
import { backoffOf } from "../kube/backoff.ts";
import type { BackoffOptions } from "../kube/backoff.ts";
import type { Clock } from "../kube/clock.ts";
import { TokenBucket } from "../kube/token-bucket.ts";
import type { TokenBucketOptions } from "../kube/token-bucket.ts";

export interface QueueOptions {
  readonly clock: Clock;
  readonly random?: () => number;
  readonly backoff?: BackoffOptions;
  /** For retries alone. */
  readonly bucket?: TokenBucketOptions;
  readonly metrics?: QueueMetrics;
}

/** Told in seconds. */
export interface QueueMetrics {
  added(): void;
  retried(): void;
  /** A worker took a key that had waited so long. */
  taken(waited: number): void;
  finished(worked: number): void;
}

interface Visit {
  readonly since: number;
  readonly isPatient: boolean;
}

interface Delayed {
  readonly at: number;
  readonly cancel: () => void;
}

const retries: BackoffOptions = { first: 1_000, longest: 300_000, jitter: 0.1 };
const spread: TokenBucketOptions = { burst: 100, perSecond: 10 };
/** Milliseconds that a patient key waits, at most. */
const longestPatience = 120_000;

export class Queue {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #backoff: BackoffOptions;
  readonly #bucket: TokenBucket;
  readonly #metrics: QueueMetrics | undefined;
  /** Waiting for a worker, in order, with the time since when. */
  readonly #waiting = new Map<string, number>();
  /** The same of those that let others go first. */
  readonly #patient = new Map<string, number>();
  /** With a worker. */
  readonly #visited = new Map<string, Visit>();
  /** Added during their visit, with the time of it. */
  readonly #again = new Map<string, number>();
  /** The same of those that let others go first. */
  readonly #patientAgain = new Map<string, number>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #failures = new Map<string, number>();
  /** Workers that wait for a key. */
  readonly #idle: (() => void)[] = [];
  #isClosed = false;

  constructor({ clock, random = Math.random, backoff = retries, bucket = spread, metrics }: QueueOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = backoff;
    this.#bucket = new TokenBucket(bucket, clock);
    this.#metrics = metrics;
  }

  /** Visit it as soon as possible. */
  add(key: string): void {
    if (this.#isClosed || this.#waiting.has(key) || this.#again.has(key)) return;
    this.#metrics?.added();
    const now = this.#clock.monotonic();
    if (this.#visited.has(key)) this.#again.set(key, now);
    else this.#offer(key, now);
  }

  /** Visit it when no other key waits, or after two minutes, unless it is visited earlier. */
  addPatient(key: string): void {
    if (this.#isClosed || this.#waiting.has(key) || this.#patient.has(key)) return;
    const now = this.#clock.monotonic();
    if (this.#visited.has(key)) this.#patientAgain.set(key, now);
    else this.#offerPatient(key, now);
  }

  /** Whether a key that is visited was added by `addPatient`. */
  wasPatient(key: string): boolean {
    return this.#visited.get(key)?.isPatient === true;
  }

  /** Visit it in `ms` milliseconds, unless an earlier moment is set already. */
  addAfter(key: string, ms: number): void {
    if (ms <= 0) return this.add(key);
    if (this.#isClosed) return;
    const at = this.#clock.monotonic() + ms;
    const set = this.#delayed.get(key);
    if (set !== undefined && set.at <= at) return;
    set?.cancel();
    const cancel = this.#clock.schedule(() => {
      this.#delayed.delete(key);
      this.addAfter(key, at - this.#clock.monotonic());
    }, ms);
    this.#delayed.set(key, { at, cancel });
  }

  /**
   * Visit it again after a failure, the later the more there were in a row.
   * @param atLeast milliseconds @param atMost milliseconds, unless the bucket is empty
   * @returns in how many milliseconds
   */
  retry(key: string, atLeast = 0, atMost = Infinity): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#metrics?.retried();
    const backoff = Math.min(atMost, backoffOf(this.#backoff, failures, this.#random()));
    const wait = Math.max(atLeast, backoff, this.#bucket.take());
    this.addAfter(key, wait);
    return wait;
  }

  /** Its failures are over. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often in a row it has failed. */
  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key to visit; undefined once the queue is closed. Whoever takes one says `done` at the end. */
  async take(): Promise<string | undefined> {
    while (!this.#isClosed) {
      const next = this.#next();
      if (next !== undefined) return next;
      // Whoever is woken looks again: all that is added until then is one visit.
      await new Promise<void>((resolve) => void this.#idle.push(resolve));
    }
    return undefined;
  }

  done(key: string): void {
    const visit = this.#visited.get(key);
    if (visit === undefined) return;
    this.#visited.delete(key);
    this.#metrics?.finished((this.#clock.monotonic() - visit.since) / 1000);
    const [again, patientAgain] = [this.#again.get(key), this.#patientAgain.get(key)];
    this.#again.delete(key);
    this.#patientAgain.delete(key);
    if (this.#isClosed) return;
    if (again !== undefined) this.#offer(key, again);
    else if (patientAgain !== undefined) this.#offerPatient(key, patientAgain);
  }

  /** Keys that wait for a worker; those with a set time do not count. */
  get depth(): number {
    return this.#waiting.size + this.#patient.size;
  }

  /** Seconds that visits under way have taken so far: all together, and the longest. */
  get unfinished(): { readonly total: number; readonly longest: number } {
    const now = this.#clock.monotonic();
    let [total, longest] = [0, 0];
    for (const { since } of this.#visited.values()) {
      total += (now - since) / 1000;
      longest = Math.max(longest, (now - since) / 1000);
    }
    return { total, longest };
  }

  /** Gives out no more keys and forgets those that wait. Visits under way go on. */
  close(): void {
    this.#isClosed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    const waiting = [this.#waiting, this.#patient, this.#again, this.#patientAgain];
    for (const map of [this.#delayed, ...waiting, this.#failures]) map.clear();
    for (const wake of this.#idle.splice(0)) wake();
  }

  #offer(key: string, since: number): void {
    this.#patient.delete(key);
    this.#waiting.set(key, since);
    this.#idle.shift()?.();
  }

  #offerPatient(key: string, since: number): void {
    this.#patient.set(key, since);
    this.#idle.shift()?.();
  }

  #next(): string | undefined {
    const [next] = this.#waiting;
    const [patient] = this.#patient;
    const isDue = patient !== undefined && this.#clock.monotonic() - patient[1] >= longestPatience;
    if (next !== undefined && !isDue) return this.#begin(...next, false);
    return patient === undefined ? undefined : this.#begin(...patient, true);
  }

  #begin(key: string, since: number, isPatient: boolean): string {
    const now = this.#clock.monotonic();
    (isPatient ? this.#patient : this.#waiting).delete(key);
    this.#visited.set(key, { since: now, isPatient });
    this.#metrics?.taken((now - since) / 1000);
    return key;
  }
}
