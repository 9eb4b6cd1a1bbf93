// Knows whether the key store is away (reference 6, D26). It asks the store's status every 10 s while all is well and
// about every 0.75 s while it is away, so that recovery shows within 2 s; each question has a deadline, and never are
// two asked at once. Calls of the key service help: one that finds the store unreachable counts at once, one that
// succeeds ends an outage.
import { isKesError, KesError, messageOf } from "../errors.ts";
import type { Clock } from "./clock.ts";
import type { KeyEventListener } from "./key-event.ts";
import { isUnreachable } from "./store-calls.ts";
import type { StoreCalls } from "./store-calls.ts";

const calmInterval = 10_000;
/** Where an outage has to be noticed at once (`store.strict`). */
const strictInterval = 1000;
const outageInterval = 750;
/** Jitter: the interval is scaled by 0.75 to 1.25, so that many servers do not ask in step. */
const jitter = 0.25;
const calmTimeout = 5000;
const outageTimeout = 1000;
/** While the store is away every fourth question may take longer: a slow store must be able to come back. */
const patientEvery = 4;

export interface MonitorOptions {
  readonly calls: StoreCalls;
  readonly clock: Clock;
  readonly onEvent: KeyEventListener;
  /** Called after the store went away or came back. */
  readonly onChange: (offline: boolean) => void;
  /** 0 to 1, for jitter. */
  readonly chance: () => number;
}

export class StoreMonitor implements Disposable {
  readonly #options: MonitorOptions;
  #strict = false;
  #offlineSince: number | undefined;
  #reason: unknown;
  #probe: Promise<boolean> | undefined;
  #probes = 0;
  #cancelTimer: () => void = () => undefined;
  #closed = false;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  get offline(): boolean {
    return this.#offlineSince !== undefined;
  }

  /** Monotonic milliseconds; undefined while the store is there. */
  get offlineSince(): number | undefined {
    return this.#offlineSince;
  }

  /** Begins, or begins anew, to ask regularly. */
  watch(strict: boolean): void {
    this.#strict = strict;
    this.#schedule();
  }

  /** The error for requests that need the store while it is away: what it was found to be, unreachable or failing. */
  offlineError(): KesError {
    const { label } = this.#options.calls;
    const isFailing = isKesError(this.#reason, "StoreFailed");
    const state = isFailing ? "unavailable" : "unreachable";
    const text = `the key store has been ${state} since a failed call (${label}): ${messageOf(this.#reason)}`;
    return new KesError(isFailing ? "StoreFailed" : "StoreUnreachable", text, { cause: this.#reason });
  }

  /** Tells that a call to the store succeeded. */
  succeeded(): void {
    if (this.#offlineSince === undefined) return;
    const seconds = (this.#options.clock.monotonic() - this.#offlineSince) / 1000;
    this.#offlineSince = undefined;
    this.#reason = undefined;
    this.#schedule();
    this.#options.onEvent({ kind: "store-online", seconds });
    this.#options.onChange(false);
  }

  /**
   * Tells that a call to the store failed.
   * @returns whether the store is now taken for away: at once if it was unreachable, else after asking its status
   */
  async failed(error: unknown): Promise<boolean> {
    if (!isUnreachable(error)) return this.check();
    this.#goOffline(error);
    return true;
  }

  /** Lets the monitor learn from a call's outcome. */
  async watched<T>(call: Promise<T>): Promise<T> {
    try {
      const result = await call;
      this.succeeded();
      return result;
    } catch (error) {
      if (isUnreachable(error)) await this.failed(error);
      throw error;
    }
  }

  /** Asks the store's status now, or joins the question that is under way. Resolves to whether it is away. */
  check(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(this.offline);
    this.#probe ??= this.#ask().finally(() => {
      this.#probe = undefined;
      this.#schedule();
    });
    return this.#probe;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  async #ask(): Promise<boolean> {
    this.#cancelTimer();
    this.#probes += 1;
    const patient = !this.offline || this.#probes % patientEvery === 0;
    try {
      await this.#options.calls.status({ timeout: patient ? calmTimeout : outageTimeout });
      this.succeeded();
    } catch (error) {
      this.#goOffline(error);
    }
    return this.offline;
  }

  #goOffline(reason: unknown): void {
    this.#reason = reason;
    if (this.offline || this.#closed) return;
    this.#offlineSince = this.#options.clock.monotonic();
    this.#probes = 0;
    this.#schedule();
    this.#options.onEvent({ kind: "store-offline", reason: messageOf(reason) });
    this.#options.onChange(true);
  }

  #schedule(): void {
    this.#cancelTimer();
    if (this.#closed || this.#probe) return;
    const scale = 1 - jitter + 2 * jitter * this.#options.chance();
    this.#cancelTimer = this.#options.clock.schedule(() => void this.check(), this.#interval() * scale);
  }

  #interval(): number {
    if (this.offline) return outageInterval;
    return this.#strict ? strictInterval : calmInterval;
  }
}
