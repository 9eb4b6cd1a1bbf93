// How long to wait after failures: longer each time, never all servers together, and never less than one was asked to.
import { setTimeout as sleep } from "node:timers/promises";

export interface PauseOptions {
  /** Milliseconds. */
  readonly first: number;
  readonly longest: number;
}

export class Pauses {
  readonly #options: PauseOptions;
  #failures = 0;

  constructor(options: PauseOptions) {
    this.#options = options;
  }

  reset(): void {
    this.#failures = 0;
  }

  /** Waits; ends early, without an error, with `signal`. @param atLeast milliseconds */
  async wait(signal: AbortSignal, atLeast = 0): Promise<void> {
    const { first, longest } = this.#options;
    const pause = Math.min(longest, first * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    await sleep(atLeast + pause * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => undefined);
  }
}
