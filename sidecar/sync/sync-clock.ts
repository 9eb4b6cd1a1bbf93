// What following a source needs of time, so that tests can turn it.

export interface SyncClock {
  /** Milliseconds since 1970. */
  wall(): number;
  /** Milliseconds since an arbitrary moment; never goes back. */
  monotonic(): number;
  /** Calls back once after `delay` milliseconds; the returned function cancels. */
  schedule(callback: () => void, delay: number): () => void;
}
