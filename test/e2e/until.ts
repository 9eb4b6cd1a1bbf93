// Waiting for what a cluster does in its own time.
import { setTimeout as sleep } from "node:timers/promises";

/** Asks again and again until the answer is not undefined or false. @throws Error that says what was waited for */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  seconds = 60,
  pause = 200,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    await sleep(pause);
  }
  throw new Error(`${what}: not within ${seconds} s`, { cause: last });
}
