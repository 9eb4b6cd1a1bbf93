// docs/reliability.md: its tables are written from what a run saw. A cell that was not as it must be is printed as it was
// seen, so that the page cannot claim what did not happen.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { columns } from "./column.ts";
import type { Column, Seen } from "./column.ts";
import { isAsExpected } from "./problems.ts";
import { backWithin } from "./row.ts";
import type { Cell, Row, Table } from "./row.ts";
import type { Result } from "./run-row.ts";

const file = join(import.meta.dirname, "../../../docs/reliability.md");
const begin = "<!-- written by node test/keystore-faults/matrix/main.ts --write from its results -->\n";
const end = "<!-- end -->\n";

export interface TableResults {
  readonly table: Table;
  /** By fault. */
  readonly results: ReadonlyMap<string, Result>;
}

function textOf({ answer, within }: Cell): string {
  return `${answer} · ${within} s`;
}

/** The tables; the last column, the slowest answer, differs from run to run. */
export function render(all: readonly TableResults[]): string {
  return all
    .map(({ table, results }) => {
      const head = ["fault", ...columns, "back", "slowest"];
      const rows = table.rows.map((row) => rowText(row, results.get(row.fault)));
      const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
      return `### ${table.title}\n\n${table.about}\n\n${lines.join("\n")}\n`;
    })
    .join("\n");
}

function rowText(row: Row, result: Result | undefined): string[] {
  const { fault, expected } = row;
  if (result === undefined) return [fault, ...columns.map(() => "not run"), "", ""];
  const { seen, back, damage } = result;
  const cells = columns.map((column) => cellText(expected[column], seen[column]));
  const limit = backWithin(row);
  const backText = back <= limit ? `${limit} s` : `**${back.toFixed(1)} s**`;
  return [damage.length === 0 ? fault : `**${fault}: keys damaged**`, ...cells, backText, slowest(seen)];
}

function cellText(cell: Cell, seen: Seen): string {
  return isAsExpected(cell, seen) ? textOf(cell) : `**${seen.answer} · ${seen.seconds.toFixed(1)} s**`;
}

function slowest(seen: Readonly<Record<Column, Seen>>): string {
  const seconds = Math.max(...columns.map((column) => seen[column].seconds));
  return `${seconds.toFixed(1)} s`;
}

/** What two runs have in common. */
export function withoutSlowest(text: string): string {
  return text.replaceAll(/ \| [^|\n]* \|$/gm, " |");
}

/** The tables that the page holds now. */
export function writtenTables(): string {
  const text = readFileSync(file, "utf8");
  return text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim();
}

export function write(tables: string): void {
  const text = readFileSync(file, "utf8");
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  writeFileSync(file, `${text.slice(0, from)}\n${tables}\n${text.slice(to)}`);
}
