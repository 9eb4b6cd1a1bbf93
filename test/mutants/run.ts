// `npm run mutants [-- WORD …]`: plants every mistake of the tables (or those whose name holds a word), one at a time,
// and runs the tests that have to notice. First those tests run without any mistake, since a test that always fails
// notices nothing. Ends with 1 unless each mistake was noticed.
import { access } from "./access.ts";
import { cloudStores } from "./cloud-stores.ts";
import { config } from "./config.ts";
import { contract } from "./contract.ts";
import { http } from "./http.ts";
import { keys } from "./keys.ts";
import { keystore } from "./keystore.ts";
import type { Mutant } from "./mutant.ts";
import { server } from "./server.ts";
import { operator } from "./operator.ts";
import { operatorIdentity } from "./operator-identity.ts";
import { operatorServer } from "./operator-server.ts";
import { runTests } from "./test-run.ts";
import { sync } from "./sync.ts";
import { vaultStore } from "./vault-store.ts";
import { WorkingCopy } from "./working-copy.ts";

const parallel = 2;
const all: readonly Mutant[] = [
  ...keystore,
  ...cloudStores,
  ...vaultStore,
  ...keys,
  ...access,
  ...contract,
  ...config,
  ...http,
  ...server,
  ...sync,
  ...operator,
  ...operatorIdentity,
  ...operatorServer,
];

interface Outcome {
  readonly killed: boolean;
  /** The test that noticed, or why the mistake counts as missed. */
  readonly by: string;
}

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
process.once("SIGTERM", () => interrupted.abort());

/** Runs `work` on every item, each worker in a working copy of its own. */
async function inCopies<T>(items: readonly T[], work: (copy: WorkingCopy, item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    using copy = new WorkingCopy();
    for (const item of queue) {
      if (!interrupted.signal.aborted) await work(copy, item);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

/** Mistakes with the same tests share one run without a mistake. */
function selectionOf({ tests, only }: Mutant): string {
  return [...tests, only ?? ""].join(" ");
}

/** By selection of tests: what is wrong with them although no mistake is planted. */
async function unmutated(mutants: readonly Mutant[]): Promise<ReadonlyMap<string, string>> {
  const failures = new Map<string, string>();
  const representatives = new Map(mutants.map((mutant) => [selectionOf(mutant), mutant]));
  await inCopies([...representatives], async (copy, [selection, mutant]) => {
    const verdict = await runTests(copy, mutant, interrupted.signal);
    if (verdict.kind === "failed") failures.set(selection, `fails without the mistake: ${verdict.test}`);
    if (verdict.kind === "broken") failures.set(selection, `fails without the mistake: ${verdict.why}`);
  });
  return failures;
}

async function outcomeOf(copy: WorkingCopy, mutant: Mutant): Promise<Outcome> {
  try {
    using _planted = copy.plant(mutant);
    const verdict = await runTests(copy, mutant, interrupted.signal);
    if (verdict.kind === "failed") return { killed: true, by: verdict.test };
    return { killed: false, by: verdict.kind === "passed" ? "SURVIVED" : verdict.why };
  } catch (error) {
    return { killed: false, by: error instanceof Error ? error.message : String(error) };
  }
}

function row(mutant: Mutant, { killed, by }: Outcome, milliseconds: number): string {
  const mark = killed ? "killed" : "MISSED";
  return `${mark} | ${mutant.name} | ${mutant.file} | ${by} | ${(milliseconds / 1000).toFixed(1)}`;
}

async function main(words: readonly string[]): Promise<number> {
  const mutants = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  const failures = await unmutated(mutants);
  let killed = 0;
  console.log("verdict | mistake | file | noticed by | seconds");
  await inCopies(mutants, async (copy, mutant) => {
    const began = performance.now();
    const failure = failures.get(selectionOf(mutant));
    const outcome = failure === undefined ? await outcomeOf(copy, mutant) : { killed: false, by: failure };
    if (outcome.killed) killed += 1;
    console.log(row(mutant, outcome, performance.now() - began));
  });
  console.log(`mutants: ${killed} passed, ${mutants.length - killed} failed`);
  return killed === mutants.length && killed > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
