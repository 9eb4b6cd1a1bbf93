// How long to wait after failures in a row: twice as long each time up to a longest wait, and never all together.

export interface BackoffOptions {
  /** Milliseconds. */
  readonly first: number;
  readonly longest: number;
  /** What is added at random, as a share of the wait. */
  readonly jitter: number;
}

/** Milliseconds to wait after `failures` (≥ 1) in a row. @param random from 0 to 1 */
export function backoffOf({ first, longest, jitter }: BackoffOptions, failures: number, random: number): number {
  // Beyond 30 doublings the number only gets unwieldy.
  const wait = Math.min(longest, first * 2 ** Math.min(failures - 1, 30));
  return wait * (1 + jitter * random);
}
