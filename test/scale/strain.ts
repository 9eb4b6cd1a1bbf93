// How busy a machine was with everything that ran on it: a figure in seconds means little without it.
import { readFileSync } from "node:fs";
import { loadavg } from "node:os";

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

/** Microseconds (Linux, Documentation/accounting/psi.rst). */
function waitedSoFar(): number | undefined {
  try {
    const total = /^some .* total=(\d+)$/m.exec(readFileSync("/proc/pressure/cpu", "latin1"))?.[1];
    return total === undefined ? undefined : Number(total);
  } catch {
    return undefined;
  }
}
