// What `kes doctor` found, step by step, and how it is shown.
import { isKesError, messageOf } from "../errors.ts";
import { StepFailure } from "../keystore/diagnosis.ts";
import { networkCause } from "../keystore/network-cause.ts";
import type { Style, Terminal } from "./terminal.ts";

export type Verdict = "passed" | "warning" | "failed" | "skipped";

export interface Finding {
  /** `dns`, `login`, `create`, … */
  readonly step: string;
  readonly verdict: Verdict;
  /** What was found, or what went wrong. */
  readonly text: string;
  /** What to change; may have several lines. */
  readonly remedy?: string;
}

export type Report = (finding: Finding) => void;

/** A failed step: cause and remedy, as far as the error knows them. `remedy` is better knowledge. */
export function failed(step: string, error: unknown, remedy?: string): Finding {
  // A KesError's message ends with its remedy.
  const network = isKesError(error) || error instanceof StepFailure ? undefined : networkCause(error);
  const known = remedy ?? (error instanceof StepFailure ? error.remedy : network?.remedy);
  const text = network?.text ?? messageOf(error);
  return { step, verdict: "failed", text, ...(known !== undefined && { remedy: known }) };
}

const marks: Readonly<Record<Verdict, readonly [mark: string, style: Style]>> = {
  passed: ["✓", "green"],
  warning: ["!", "yellow"],
  failed: ["✗", "red"],
  skipped: ["-", "dim"],
};

const width = 14;

export function printFinding(terminal: Terminal, { step, verdict, text, remedy }: Finding): void {
  const [mark, style] = marks[verdict];
  terminal.line(`${terminal.style(style, mark)} ${step.padEnd(width)}${text}`);
  if (remedy === undefined) return;
  const [first = "", ...rest] = remedy.split("\n");
  terminal.line(`${" ".repeat(width)}→ ${first}`);
  for (const line of rest) terminal.line(line === "" ? "" : `${" ".repeat(width + 2)}${line}`);
}
