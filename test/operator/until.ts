import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Waits until something is so. */
export async function until(what: string, test: () => boolean | Promise<boolean>, seconds = 30): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!(await test())) {
    assert.ok(performance.now() < deadline, `waited in vain for ${what}`);
    await sleep(5);
  }
}
