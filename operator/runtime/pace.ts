// Spreads visits whose causes come in bursts, when ten thousand identities get their first status for instance: the first
// cause of a visit counts at once, what follows within a moment is attended to together at its end.

export class Pace {
  readonly #spacing: number;
  readonly #now: () => number;
  /** When the next cause counts at once again. */
  readonly #free = new Map<string, number>();

  /** @param spacing milliseconds @param now milliseconds */
  constructor(spacing: number, now: () => number) {
    this.#spacing = spacing;
    this.#now = now;
  }

  /** Milliseconds until `key` is to be visited for a cause that came now. */
  delayOf(key: string): number {
    const now = this.#now();
    const wait = (this.#free.get(key) ?? now) - now;
    // A clock that was set back must not hold anything up.
    if (wait > 0 && wait <= this.#spacing) return wait;
    this.#forgetOthers(now);
    this.#free.set(key, now + this.#spacing);
    return 0;
  }

  #forgetOthers(now: number): void {
    for (const [key, free] of this.#free) if (free <= now || free > now + this.#spacing) this.#free.delete(key);
  }
}
