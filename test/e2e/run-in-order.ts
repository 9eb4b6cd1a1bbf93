// Runs what does not have to wait for each other at the same time.

/**
 * Begins each as soon as all that it comes after are over; it must stand behind them.
 * @param plan what comes after what
 * @param run must not reject
 */
export async function runInOrder<T>(
  plan: ReadonlyMap<T, readonly T[]>,
  run: (what: T) => Promise<void>,
): Promise<void> {
  const over = new Map<T, Promise<void>>();
  for (const [what, after] of plan) {
    const before = Promise.all(after.map((earlier) => over.get(earlier) ?? Promise.resolve()));
    over.set(
      what,
      before.then(() => run(what)),
    );
  }
  await Promise.all(over.values());
}
