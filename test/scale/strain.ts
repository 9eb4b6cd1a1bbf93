// How busy a machine was with everything that ran on it: a figure in seconds means little without it.
import { readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

export interface Strained {
  /** Of the time, percent: in which somebody who could have run waited for a processor; undefined: the kernel does not tell. */
  readonly waiting: number | undefined;
  /** Of all processors' time, percent: taken by the host of a virtual machine; undefined: the kernel does not tell. */
  readonly stolen: number | undefined;
  /** Mean of the last minute. */
  readonly load: number;
}

export class Strain {
  readonly #began = performance.now();
  readonly #waited = waitedSoFar();
  readonly #stolen = stolenSoFar();

  /** Since it was made. */
  sinceThen(): Strained {
    const [load = 0] = loadavg();
    const elapsed = performance.now() - this.#began;
    const share = (now: number | undefined, before: number | undefined): number | undefined =>
      now === undefined || before === undefined ? undefined : ((now - before) / elapsed) * 100;
    const stolen = share(stolenSoFar(), this.#stolen);
    return {
      waiting: share(waitedSoFar(), this.#waited),
      stolen: stolen === undefined ? undefined : stolen / availableParallelism(),
      load,
    };
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

/** Milliseconds (Linux, Documentation/accounting/psi.rst). */
function waitedSoFar(): number | undefined {
  const microseconds = numberIn("/proc/pressure/cpu", /^some .* total=(\d+)$/m);
  return microseconds === undefined ? undefined : microseconds / 1000;
}

/** Milliseconds of all processors together (proc_stat(5), the eighth figure, in hundredths of a second). */
function stolenSoFar(): number | undefined {
  const hundredths = numberIn("/proc/stat", /^cpu +(?:\d+ ){7}(\d+)/);
  return hundredths === undefined ? undefined : hundredths * 10;
}

function numberIn(file: string, figure: RegExp): number | undefined {
  try {
    const found = figure.exec(readFileSync(file, "latin1"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
