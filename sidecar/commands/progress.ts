// Progress of long work: a bar on a terminal, a line per second on a pipe, nothing where JSON or quiet was asked for.
import type { Terminal } from "./terminal.ts";

const barWidth = 30;
const frame = { terminal: 100, pipe: 1000 };

export class Progress {
  readonly #terminal: Terminal;
  readonly #isQuiet: boolean;
  readonly #now: () => number;
  #shownAt: number;

  constructor(terminal: Terminal, isQuiet: boolean, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#isQuiet = isQuiet;
    this.#now = now;
    this.#shownAt = now();
  }

  /** Call after every step; prints at most ten times a second, once a second on a pipe. */
  show(done: number, total: number): void {
    const now = this.#now();
    const wait = this.#terminal.isTerminal ? frame.terminal : frame.pipe;
    if (this.#isQuiet || now - this.#shownAt < wait) return;
    this.#shownAt = now;
    if (this.#terminal.isTerminal) this.#terminal.sameLine(bar(done, total));
    else this.#terminal.line(`${done} of ${total} keys`);
  }

  /** Clears the bar, so that the result stands alone. */
  end(): void {
    if (!this.#isQuiet && this.#terminal.isTerminal) this.#terminal.sameLine("");
  }
}

function bar(done: number, total: number): string {
  const filled = total === 0 ? barWidth : Math.floor((barWidth * done) / total);
  return `[${"█".repeat(filled)}${" ".repeat(barWidth - filled)}] ${done} of ${total} keys`;
}
