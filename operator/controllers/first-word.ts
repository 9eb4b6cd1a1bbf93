// A new object whose servers are about to speak of it gets one status instead of two: when ten thousand are declared at once,
// that is half of all writes. Servers that say nothing for too long are not waited for.

export class FirstWord {
  /** Milliseconds since 1970, by object. */
  readonly #since = new Map<string, number>();
  readonly #patience: number;

  /** @param patience milliseconds from the first visit */
  constructor(patience: number) {
    this.#patience = patience;
  }

  /** @param isExpected whether there is more to come @param now milliseconds since 1970 @returns milliseconds to wait; 0: go on */
  wait(key: string, isExpected: boolean, now: number): number {
    const since = this.#since.get(key) ?? now;
    const left = isExpected ? since + this.#patience - now : 0;
    if (left > 0) this.#since.set(key, since);
    else this.forget(key);
    return Math.max(0, left);
  }

  /** @param key `namespace/name` of an object that is gone */
  forget(key: string): void {
    this.#since.delete(key);
  }
}
