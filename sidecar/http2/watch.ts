// How long something has been waiting without progress, seen from a sweep that looks every now and then: no clock is
// read while requests are served.

export class Watch {
  #progress = -1;
  #since: number | undefined;

  /**
   * @param now milliseconds
   * @param waits whether something is unfinished
   * @param progress any number that changes when it gets on
   * @returns for how long it has been unfinished without progress, as far as the sweeps saw
   */
  waited(now: number, waits: boolean, progress: number): number {
    if (!waits) this.#since = undefined;
    else if (this.#since === undefined || progress !== this.#progress) this.#since = now;
    this.#progress = progress;
    return this.#since === undefined ? 0 : now - this.#since;
  }
}
