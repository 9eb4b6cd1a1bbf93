// Time that stands still until a test moves it.
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../sidecar/keys/clock.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #now = 1_000_000;
  readonly #timers = new Set<Timer>();

  wall(): number {
    return Date.parse("2026-01-02T03:04:05.678Z") + this.#now - 1_000_000;
  }

  monotonic(): number {
    return this.#now;
  }

  schedule(callback: () => void, delay: number): () => void {
    const timer = { at: this.#now + delay, callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Moves on by `ms`; timers fire in order, and what they start gets to run in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#due(end); next; next = this.#due(end)) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.callback();
      await settle();
    }
    this.#now = end;
  }

  #due(end: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.at <= end);
    return due.toSorted((a, b) => a.at - b.at)[0];
  }
}

/** Lets everything that is ready run, as long as it waits for promises only. */
export async function settle(): Promise<void> {
  await setImmediate();
}
