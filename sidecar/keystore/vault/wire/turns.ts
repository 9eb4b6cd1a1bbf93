// So many calls at a time; the others wait in the order they came.
import type { Patience } from "./patience.ts";

export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Whether there was a turn at once; it is to be given back. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** Waits for a turn, which is to be given back. @throws why `patience` ended */
  async take(patience: Patience): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    patience.watch((reason) => {
      const at = this.#waiting.indexOf(resolve);
      // Not there any more: the turn has been handed over, and is given back by its owner.
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      reject(reason);
    });
    return promise;
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
