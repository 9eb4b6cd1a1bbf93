// What the demonstration prints: steps with a tick and seconds, in colours on a terminal only.
import { performance } from "node:perf_hooks";

export interface Output {
  readonly write: (text: string) => void;
  /** A terminal: colours, and a step is shown while it runs. */
  readonly isTerminal: boolean;
}

export class Terminal {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Runs `work`, then prints a line with the time that it took. What it throws is marked and thrown on. */
  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    if (this.#output.isTerminal) this.#output.write(`  … ${title}`);
    try {
      const result = await work();
      this.#end(this.#coloured("32", "✓"), title, began);
      return result;
    } catch (error) {
      this.#end(this.#coloured("31", "✗"), title, began);
      throw error;
    }
  }

  /** A heading with space before it. */
  heading(text: string): void {
    this.#output.write(`\n${this.#coloured("1", text)}\n`);
  }

  /** A command as a user would type it, and what it printed. */
  command(line: string, printed: string): void {
    this.#output.write(`\n    ${this.#coloured("36", `$ ${line}`)}\n${indented(printed)}\n`);
  }

  line(text: string): void {
    this.#output.write(`${text}\n`);
  }

  #end(mark: string, title: string, began: number): void {
    const seconds = `${((performance.now() - began) / 1000).toFixed(1)} s`;
    const back = this.#output.isTerminal ? "\r" : "";
    this.#output.write(`${back}  ${mark} ${title.padEnd(78)} ${this.#coloured("2", seconds.padStart(7))}\n`);
  }

  #coloured(code: string, text: string): string {
    return this.#output.isTerminal ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `    ${line}`.trimEnd())
    .join("\n");
}
