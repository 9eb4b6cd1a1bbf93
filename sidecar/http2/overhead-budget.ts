// How much a peer may send that is no part of a request (limits.ts has the attacks). A budget that refills with time
// and with every answered request, so that a client that works may also cancel, ping and change its mind.
import { errorCode } from "./frame.ts";
import { overheadBurst, overheadPerSecond } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";

export class OverheadBudget {
  readonly #now: () => number;
  #left = overheadBurst;
  #filled: number;

  /** @param now milliseconds, monotonic */
  constructor(now: () => number) {
    this.#now = now;
    this.#filled = now();
  }

  /** A request was answered. */
  earn(): void {
    if (this.#left < overheadBurst) this.#left += 1;
  }

  /** @throws ProtocolError ENHANCE_YOUR_CALM */
  spend(): void {
    this.#left -= 1;
    // The clock is only looked at when nothing is left.
    if (this.#left >= 0) return;
    const now = this.#now();
    this.#left += Math.min(overheadBurst, Math.floor(((now - this.#filled) * overheadPerSecond) / 1000));
    this.#filled = now;
    if (this.#left < 0) throw new ProtocolError(errorCode.enhanceYourCalm, "too many frames that carry no request");
  }
}
