// Time as the key service sees it, so that tests can turn it. Ages are measured on the monotonic clock: a corrected wall
// clock must neither flush the cache nor keep it.

export interface Clock {
  /** Milliseconds since 1970. */
  wall(): number;
  /** Milliseconds since an arbitrary moment; never goes back. */
  monotonic(): number;
  /** Calls back once after `delay` milliseconds; the returned function cancels. Keeps no process alive. */
  schedule(callback: () => void, delay: number): () => void;
}

// Timers take at most 31 bits of milliseconds; a longer delay would fire at once.
const longestDelay = 2_147_483_647;

export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  schedule: (callback, delay) => {
    const timer = setTimeout(callback, Math.min(delay, longestDelay)).unref();
    return () => {
      clearTimeout(timer);
    };
  },
};
