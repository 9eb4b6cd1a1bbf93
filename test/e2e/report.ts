// What the run prints and keeps: each step with its time, and where it failed.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface StepRecord {
  readonly scenario: string;
  readonly step: string;
  readonly seconds: number;
  readonly ok: boolean;
  /** What the step measured, as `refused after 0.4 s`. */
  readonly finding?: string | undefined;
}

/** Does a step of a scenario; what it returns as a text is printed as its finding. */
export type Step = (title: string, work: () => Promise<string | void>) => Promise<void>;

export class Report {
  readonly #records: StepRecord[] = [];
  readonly #began = Date.now();

  get records(): readonly StepRecord[] {
    return this.#records;
  }

  /** The steps of one scenario. Others may print theirs in between: each line says by `name` whose it is. */
  steps(name: string, scenario: string): Step {
    console.log(`\n== ${name}: ${scenario}`);
    return async (title, work) => {
      const began = Date.now();
      const seconds = (): number => Math.round((Date.now() - began) / 100) / 10;
      try {
        const finding = await work();
        this.#records.push({ scenario, step: title, seconds: seconds(), ok: true, ...(finding && { finding }) });
        console.log(`   ok ${seconds().toFixed(1).padStart(6)} s  ${name}: ${title}${finding ? `: ${finding}` : ""}`);
      } catch (error) {
        this.#records.push({ scenario, step: title, seconds: seconds(), ok: false });
        console.log(`FAILED ${seconds().toFixed(1).padStart(6)} s  ${name}: ${title}`);
        throw error;
      }
    };
  }

  /** `results.json` in the folder: what was run, for the pages that are made from it. */
  save(folder: string): void {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "results.json"), `${JSON.stringify(this.#records, undefined, 2)}\n`);
  }

  minutes(): string {
    return ((Date.now() - this.#began) / 60_000).toFixed(1);
  }
}
