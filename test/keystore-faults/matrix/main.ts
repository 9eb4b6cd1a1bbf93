// Runs the fault matrix and prints its tables: every fault against real servers over real stores. Ends with 1 unless every
// cell is as it must be.
import { parseArgs } from "node:util";
import { render, write } from "./page.ts";
import type { TableResults } from "./page.ts";
import { problemsOf } from "./problems.ts";
import type { Row } from "./row.ts";
import { runRow } from "./run-row.ts";
import type { Result } from "./run-row.ts";
import { startBenches } from "./tables.ts";

const help = `Usage: node test/keystore-faults/matrix/main.ts [options]

  --only WORD   rows whose table or fault holds the word
  --write       write the tables into docs/reliability.md
`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) process.stdout.write(help);
else await main();

async function main(): Promise<void> {
  await using benches = await startBenches();
  const all: TableResults[] = [];
  for (const table of benches.tables) {
    const rows = table.rows.filter(({ fault }) => `${table.title} ${fault}`.includes(values.only));
    const results = new Map<string, Result>();
    for (const row of rows) results.set(row.fault, await run(table.title, row));
    if (rows.length > 0) all.push({ table, results });
  }
  const text = render(all);
  if (values.write) write(text);
  else process.stdout.write(text);
}

async function run(title: string, row: Row): Promise<Result> {
  process.stderr.write(`${title}: ${row.fault} … `);
  const result = await runRow(row);
  const problems = problemsOf(row, result);
  if (problems.length > 0) process.exitCode = 1;
  process.stderr.write(problems.length === 0 ? "as expected\n" : `NOT as expected: ${problems.join("; ")}\n`);
  return result;
}
