// Revisions that were in force a short while ago. A mounted file lags behind the API by up to two minutes, so what it
// shows may have been replaced already; later than that it is news, for instance an edit that was taken back.
import type { SyncClock } from "./sync-clock.ts";

/** Milliseconds: longer than a kubelet takes to refresh a volume. */
const memory = 300_000;

export class ReplacedRevisions {
  readonly #clock: SyncClock;
  /** Revision → monotonic time, oldest first. */
  readonly #since = new Map<string, number>();

  constructor(clock: SyncClock) {
    this.#clock = clock;
  }

  add(revision: string): void {
    this.#since.delete(revision);
    this.#since.set(revision, this.#clock.monotonic());
    this.#forgetOld();
  }

  remove(revision: string): void {
    this.#since.delete(revision);
  }

  has(revision: string): boolean {
    this.#forgetOld();
    return this.#since.has(revision);
  }

  #forgetOld(): void {
    const oldest = this.#clock.monotonic() - memory;
    for (const [revision, since] of this.#since) {
      if (since > oldest) return;
      this.#since.delete(revision);
    }
  }
}
