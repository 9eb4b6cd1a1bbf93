// `npm run coverage [-- FILE …]`: runs the tests (all, or these files) under c8, which counts in the processes they
// start as well, prints what is covered folder by folder, and ends with 1 where that is below the bar.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const project = join(import.meta.dirname, "../..");
const c8 = fileURLToPath(import.meta.resolve("c8/bin/c8.js"));

/** Percent. */
const lineBar = 90;
const branchBars: ReadonlyMap<string, number> = new Map([
  ["sidecar/keys", 85],
  ["sidecar/keystore", 85],
  ["sidecar/access", 85],
]);
const worstShown = 12;

interface Count {
  readonly total: number;
  readonly covered: number;
}

interface Coverage {
  readonly lines: Count;
  readonly branches: Count;
}

/** Runs the tests. @returns their exit code */
function measure(files: readonly string[], output: string): number {
  const report = ["--all", "--include=sidecar/**/*.ts", "--reporter=json-summary"];
  const places = [`--temp-directory=${join(output, "raw")}`, `--reports-dir=${output}`];
  const tests = ["--test", "--test-reporter=dot", "--test-timeout=240000", ...files];
  const run = spawnSync(process.execPath, [c8, ...report, ...places, process.execPath, ...tests], {
    cwd: project,
    stdio: "inherit",
  });
  return run.status ?? 1;
}

/** By path below the project. Files of types alone hold nothing that could run. */
function readSummary(output: string): ReadonlyMap<string, Coverage> {
  const text = readFileSync(join(output, "coverage-summary.json"), "utf8");
  const summary = JSON.parse(text) as Readonly<Record<string, Coverage>>;
  const files = Object.entries(summary).filter(([path]) => path !== "total" && hasCode(path));
  return new Map(files.map(([path, coverage]) => [relative(project, path), coverage]));
}

function hasCode(path: string): boolean {
  const code = stripTypeScriptTypes(readFileSync(path, "utf8"));
  return (
    code
      .replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, "")
      .trim()
      .replace(/^export\s*\{\s*\};?$/, "") !== ""
  );
}

function sum(counts: readonly Count[]): Count {
  return {
    total: counts.reduce((all, { total }) => all + total, 0),
    covered: counts.reduce((all, { covered }) => all + covered, 0),
  };
}

function percent({ total, covered }: Count): number {
  return total === 0 ? 100 : (100 * covered) / total;
}

/** `sidecar/keystore/fs/sealer.ts` → `sidecar/keystore`; files directly in sidecar → `sidecar`. */
function folderOf(path: string): string {
  return dirname(path).split("/").slice(0, 2).join("/");
}

function row(name: string, coverage: readonly Coverage[]): string {
  const figures = [coverage.map(({ lines }) => lines), coverage.map(({ branches }) => branches)];
  const cells = figures.map((counts) => percent(sum(counts)).toFixed(1).padStart(8));
  return `${name.padEnd(44)}${cells.join("")}`;
}

/** Prints the tables. @returns what is below the bar, a sentence each */
function report(files: ReadonlyMap<string, Coverage>): string[] {
  const folders = Map.groupBy(files, ([path]) => folderOf(path));
  const coverageOf = (folder: string): Coverage[] => (folders.get(folder) ?? []).map(([, coverage]) => coverage);
  console.log(`\n${"folder".padEnd(44)}   lines branches`);
  for (const folder of [...folders.keys()].toSorted()) console.log(row(folder, coverageOf(folder)));
  console.log(row("all", [...files.values()]));

  const worst = [...files].toSorted(([, a], [, b]) => missed(b) - missed(a)).slice(0, worstShown);
  console.log("\nmost lines not covered");
  for (const [path, coverage] of worst) console.log(`${row(path, [coverage])} ${missed(coverage)} lines missed`);

  const below: string[] = [];
  const lines = percent(sum([...files.values()].map((coverage) => coverage.lines)));
  if (lines < lineBar) below.push(`lines of sidecar: ${lines.toFixed(1)} % of ${lineBar} %`);
  for (const [folder, bar] of branchBars) {
    const branches = percent(sum(coverageOf(folder).map((coverage) => coverage.branches)));
    if (branches < bar) below.push(`branches of ${folder}: ${branches.toFixed(1)} % of ${bar} %`);
  }
  return below;
}

function missed({ lines }: Coverage): number {
  return lines.total - lines.covered;
}

function main(args: readonly string[]): number {
  const output = mkdtempSync(join(tmpdir(), "kes-coverage-"));
  try {
    const code = measure(args.length === 0 ? ["test/**/*.test.ts"] : args, output);
    const below = report(readSummary(output));
    for (const sentence of below) console.log(`below the bar: ${sentence}`);
    if (code !== 0) console.log("some tests failed; the figures are theirs");
    return code === 0 && below.length === 0 ? 0 : 1;
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

process.exitCode = main(process.argv.slice(2));
