// What is wrong with a result, in words.
import { columns } from "./column.ts";
import type { Seen } from "./column.ts";
import { backWithin } from "./row.ts";
import type { Cell, Row } from "./row.ts";
import type { Result } from "./run-row.ts";

export function isAsExpected({ answer, within }: Cell, seen: Seen): boolean {
  return seen.answer === answer && seen.seconds <= within;
}

/** Empty if everything was as it must be. */
export function problemsOf(row: Row, { seen, back, damage }: Result): string[] {
  const { expected } = row;
  const misses = columns.filter((column) => !isAsExpected(expected[column], seen[column]));
  const cells = misses.map((column) => {
    const { answer, seconds } = seen[column];
    return `${column}: ${answer} after ${seconds.toFixed(1)} s, expected ${expected[column].answer} within ${expected[column].within} s`;
  });
  const limit = backWithin(row);
  const late = back > limit ? [`back after ${back.toFixed(1)} s, expected ${limit} s`] : [];
  return [...cells, ...late, ...damage];
}
