// Output for people and for programs. Decoration follows stdout alone, so that `ID=$(kes identity of c.crt)` in an
// interactive shell gets the bare text (reference D23).
import { styleText } from "node:util";
import type { Environment } from "./environment.ts";

export type ColorChoice = "always" | "auto" | "never";
export type Style = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";

export class Terminal {
  /** True: stdout is a terminal, a person reads. */
  readonly isTerminal: boolean;
  readonly #colors: boolean;
  readonly #environment: Environment;

  constructor(environment: Environment, color: ColorChoice = "auto") {
    this.#environment = environment;
    this.isTerminal = environment.stdout.isTTY === true;
    this.#colors = color === "always" || (color === "auto" && this.isTerminal && !noColor(environment));
  }

  style(style: Style, text: string): string {
    return this.#colors ? styleText(style, text, { validateStream: false }) : text;
  }

  write(text: string): void {
    this.#environment.stdout.write(text);
  }

  line(text = ""): void {
    this.write(`${text}\n`);
  }

  /** One JSON value: on one line for programs, indented for people. */
  json(value: unknown): void {
    this.line(JSON.stringify(value, undefined, this.isTerminal ? 2 : undefined));
  }

  /** `Label      value` lines, labels padded to `width`. */
  fields(rows: readonly (readonly [label: string, value: string])[], width: number): void {
    for (const [label, value] of rows) this.line(`${this.style("bold", label.padEnd(width))}${value}`);
  }

  /** Names under a header; nothing at all if there are none. */
  names(header: string, names: readonly string[]): void {
    if (names.length === 0) return;
    this.line(this.style("bold", header));
    for (const name of names) this.line(name);
  }

  /** Overwrites the line under the cursor; for progress on terminals. */
  sameLine(text: string): void {
    this.write(`\r\u001b[K${text}`);
  }
}

// https://no-color.org: set and not empty.
function noColor(environment: Environment): boolean {
  return (environment.env["NO_COLOR"] ?? "") !== "" || environment.env["TERM"] === "dumb";
}

/** `2024-02-29T10:11:12.123Z` → `2024-02-29 10:11:12`; a zero or missing time → `-`. */
export function dateText(rfc3339: string): string {
  const match = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})/.exec(rfc3339);
  return match === null || match[1] === "0001-01-01" ? "-" : `${match[1] ?? ""} ${match[2] ?? ""}`;
}
