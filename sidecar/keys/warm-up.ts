import type { KeyService } from "./key-service.ts";

const atOnce = 8;

/**
 * Reads every key into the cache (`store.warmup`), so that the first requests need no store and an outage soon after
 * start finds a full cache. Keys that cannot be read are left to whoever asks for them.
 * @returns how many are cached now
 * @throws KesError StoreUnreachable | StoreFailed when the keys cannot be listed
 */
export async function warmUp(keys: KeyService, signal: AbortSignal): Promise<number> {
  const { names } = await keys.list("", {}, signal);
  const queue = names[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (const name of queue) {
      if (signal.aborted) return;
      await Promise.try(() => keys.get(name, () => signal)).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return keys.stats().size;
}
