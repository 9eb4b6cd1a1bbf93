// Time as the machinery sees it, so that tests can turn it. Intervals are measured on the monotonic clock: a corrected
// wall clock must neither end a lease nor start a retry.

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

/** Resolves after `ms`, or as soon as `signal` is aborted; never rejects. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.schedule(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
