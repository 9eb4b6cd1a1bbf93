// Secrets Manager answers from several machines: for a moment after a create some of them still say "not found". Whoever
// knows that this process has just created a name can tell that moment from a key that is not there.

/** Milliseconds. AWS usually needs none; nobody waits longer than the pauses of one read. */
const memory = 30_000;
const maxNames = 10_000;

export class RecentCreates {
  readonly #created = new Map<string, number>();
  readonly #now: () => number;

  /** `now`: monotonic milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(name: string): void {
    this.#forgetOld();
    // Deleting first keeps the map in the order of time.
    this.#created.delete(name);
    this.#created.set(name, this.#now());
  }

  /** The name was deleted: it may rightly be missing. */
  forget(name: string): void {
    this.#created.delete(name);
  }

  has(name: string): boolean {
    const at = this.#created.get(name);
    return at !== undefined && this.#now() - at < memory;
  }

  #forgetOld(): void {
    for (const [name, at] of this.#created) {
      if (this.#created.size < maxNames && this.#now() - at < memory) return;
      this.#created.delete(name);
    }
  }
}
