// A server that answers 429 or 503 with Retry-After asks to be left alone, by everybody behind the same client: until then
// no further call is sent.
import { pause } from "./clock.ts";
import type { Clock } from "./clock.ts";

export class Gate {
  readonly #clock: Clock;
  #opensAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until calls may go on. */
  get closedFor(): number {
    return Math.max(0, this.#opensAt - this.#clock.monotonic());
  }

  /** Keeps everybody out for `ms` from now on, or longer when somebody else was told so. */
  close(ms: number): void {
    this.#opensAt = Math.max(this.#opensAt, this.#clock.monotonic() + ms);
  }

  /** Resolves when calls may go on, or when `signal` is aborted. */
  async pass(signal: AbortSignal): Promise<void> {
    while (this.closedFor > 0 && !signal.aborted) await pause(this.#clock, this.closedFor, signal);
  }
}
