// Tells a client that reads none of its answers from one that is merely slow: without this, a connection full of unread
// answers would hold their memory for good, because it is neither idle nor in a request that a deadline ends.
import { stallTimeout } from "./limits.ts";

export class Stall {
  #written = 0;
  #since: number | undefined;

  /**
   * Looked at every sweep. True once answers have waited for `stallTimeout` without a byte written.
   * @param now performance.now()
   * @param unsent whether anything waits
   * @param written bytes written to the connection so far
   */
  lasts(now: number, unsent: boolean, written: number): boolean {
    if (!unsent) this.#since = undefined;
    else if (this.#since === undefined || written !== this.#written) this.#since = now;
    this.#written = written;
    return this.#since !== undefined && now - this.#since > stallTimeout;
  }
}
