// How busy a machine was with everything that ran on it: a figure in seconds means little without it.
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

export interface Strained {
  /** Of the time, percent: in which somebody who could have run waited for a processor; undefined: the kernel does not tell. */
  readonly waiting: number | undefined;
  /** Mean of the last minute. */
  readonly load: number;
}

export class Strain {
  readonly #began = performance.now();
  readonly #waited = waitedSoFar();

  /** Since it was made. */
  sinceThen(): Strained {
    const [load = 0] = loadavg();
    const waited = waitedSoFar();
    if (waited === undefined || this.#waited === undefined) return { waiting: undefined, load };
    return { waiting: ((waited - this.#waited) / 1000 / (performance.now() - this.#began)) * 100, load };
  }
}

/** Milliseconds that count as calm, and the percent of them in which somebody may have waited. */
const calm = { lasts: 10_000, waiting: 10 };

/** Resolves when nobody else needs the processors, after `patience` milliseconds at the latest. */
export async function untilCalm(patience: number): Promise<void> {
  for (const began = performance.now(); performance.now() - began < patience;) {
    const strain = new Strain();
    await sleep(calm.lasts);
    const { waiting = 0 } = strain.sinceThen();
    if (waiting < calm.waiting) return;
  }
}

/** Microseconds (Linux, Documentation/accounting/psi.rst). */
function waitedSoFar(): number | undefined {
  try {
    const total = /^some .* total=(\d+)$/m.exec(readFileSync("/proc/pressure/cpu", "latin1"))?.[1];
    return total === undefined ? undefined : Number(total);
  } catch {
    return undefined;
  }
}
