// Random bytes for many requests from one call. `randomFillSync` costs microseconds however few bytes it fills, so it
// fills 64 KiB at once. Each byte is handed out once and overwritten as it leaves: what a pool still holds was never
// used, and what was used is not in the pool. Never a module-level pool: its owner decides how long it lives.
import { randomFillSync } from "node:crypto";

/** Fills `size` bytes of `target` from `offset` with random bytes. */
export type RandomFill = (target: Buffer, offset: number, size: number) => void;

/** Straight from the system's generator. */
export const systemRandom: RandomFill = (target, offset, size) => {
  randomFillSync(target, offset, size);
};

const poolSize = 65_536;

/** A pool over `source`. Requests larger than the pool go to the source directly. */
export function pooledRandom(source: RandomFill = systemRandom): RandomFill {
  const pool = Buffer.allocUnsafeSlow(poolSize);
  let next = poolSize;
  return (target, offset, size) => {
    if (size > poolSize) return source(target, offset, size);
    if (next + size > poolSize) {
      source(pool, 0, poolSize);
      next = 0;
    }
    pool.copy(target, offset, next, next + size);
    pool.fill(0, next, next + size);
    next += size;
    return undefined;
  };
}
