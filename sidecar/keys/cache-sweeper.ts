// Drops keys from the cache when their time is up, used or not, so that what expired is not in memory either:
//   every unused/2  what nobody used since the last time      every any/2  what is older than `any`
// While the store is away and `offline` > 0 neither happens; then everything goes once `offline` has passed since the
// store went away.
import type { CacheConfig } from "../contract/config.ts";
import type { Clock } from "./clock.ts";
import type { KeyCache } from "./key-cache.ts";
import type { KeyEventListener } from "./key-event.ts";
import type { StoreMonitor } from "./store-monitor.ts";

/** Where stale keys may have to serve on, they stay until an outage that began before would have been noticed. */
const detectionTime = 20_000;

export interface SweeperOptions {
  readonly cache: KeyCache;
  readonly monitor: StoreMonitor;
  readonly clock: Clock;
  readonly onEvent: KeyEventListener;
}

export class CacheSweeper implements Disposable {
  readonly #options: SweeperOptions;
  #config: CacheConfig = { any: 0, unused: 0, offline: 0 };
  #timers: (() => void)[] = [];
  #cancelFlush: () => void = () => undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  configure(config: CacheConfig): void {
    this[Symbol.dispose]();
    this.#config = config;
    const { cache, clock } = this.#options;
    this.#every(config.unused / 2, () => {
      cache.sweepUnused();
    });
    this.#every(config.any / 2, () => {
      cache.sweepStale(clock.monotonic(), config.any + (config.offline > 0 ? detectionTime : 0));
    });
    this.storeChanged();
  }

  /** The store went away or came back. */
  storeChanged(): void {
    const { monitor, clock } = this.#options;
    this.#cancelFlush();
    if (monitor.offlineSince === undefined || this.#config.offline === 0) return;
    const gone = clock.monotonic() - monitor.offlineSince;
    this.#cancelFlush = clock.schedule(() => {
      this.#flush();
    }, this.#config.offline - gone);
  }

  [Symbol.dispose](): void {
    for (const cancel of this.#timers) cancel();
    this.#timers = [];
    this.#cancelFlush();
  }

  #every(interval: number, sweep: () => void): void {
    if (interval === 0) return;
    const index = this.#timers.length;
    const tick = (): void => {
      if (!this.#lingering) sweep();
      this.#timers[index] = this.#options.clock.schedule(tick, interval);
    };
    this.#timers.push(this.#options.clock.schedule(tick, interval));
  }

  get #lingering(): boolean {
    return this.#config.offline > 0 && this.#options.monitor.offline;
  }

  #flush(): void {
    const { cache, onEvent } = this.#options;
    if (cache.size === 0) return;
    onEvent({ kind: "offline-expired", keys: cache.clear().length });
  }
}
