// How much the operator writes for many clients, and what memory it takes, on a twentieth of what `npm run scale` tries: counts
// do not depend on how fast the machine is.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bundleOperator } from "../../scale/bundled-operator.ts";
import type { BundledOperator } from "../../scale/bundled-operator.ts";
import { ScaleRun } from "../../scale/scale-run.ts";
import type { Start } from "../../scale/scale-run.ts";

const size = { servers: 10, policies: 25, hashes: 450, certificates: 50 };
/** Seconds. */
const patience = 120;
/** MiB: at this size it takes 105, at full size 165 of the 250 that it may take. */
const memory = 150;

let bundled: BundledOperator;
let run: ScaleRun;
let first: Start;

before(async () => {
  bundled = await bundleOperator();
  run = await ScaleRun.prepare(size, { program: bundled.program });
  first = await run.start(patience);
});

after(async () => {
  await run[Symbol.asyncDispose]();
  bundled[Symbol.dispose]();
});

const written = (what: string, { writes }: Pick<Start, "writes">): number => writes.get(what) ?? 0;

test("everything that was there before the operator is observed and in the bundles", async (t) => {
  assert.deepEqual(await run.shortcomings(), []);
  t.diagnostic(`observed after ${first.observed.toFixed(1)} s, settled after ${first.settled.toFixed(1)} s`);
  t.diagnostic([...first.writes].map(([what, count]) => `${count} ${what}`).join(", "));
});

/** How many statuses an object may cost: a machine that is slow enough to be overtaken by time limits needs a few more. */
const budgets: Readonly<Record<string, { readonly least: number; readonly most: number }>> = {
  // A certificate's hash is written down before its server hears of it.
  kesidentities: { least: size.hashes + 2 * size.certificates, most: 1.1 * (size.hashes + 2 * size.certificates) },
  kespolicies: { least: size.policies, most: 2 * size.policies },
  kesservers: { least: size.servers, most: 3 * size.servers },
};

for (const [kind, { least, most }] of Object.entries(budgets)) {
  test(`statuses of ${kind} stay within their budget`, () => {
    const count = written(`APPLY ${kind}/status`, first);
    assert.ok(count >= least && count <= most, `${count}, not ${least} to ${most}`);
  });
}

test("clients come into bundles together", () => {
  // Each server has its configuration beside the bundle, and each client with a certificate where to find it.
  const bundles = written("APPLY configmaps", first) - size.servers - size.certificates;
  assert.ok(bundles >= size.servers && bundles <= 2 * size.servers, `${bundles} bundles of ${size.servers} servers`);
});

test("one edit of a policy writes the bundle of its server, once, and no other", async () => {
  const edit = await run.editOnePolicy("/v1/key/list/a*");
  assert.deepEqual(edit.bundles, ["kes-0/server-0"]);
  assert.equal(written("APPLY configmaps", edit), 1);
  assert.equal(written("APPLY kesidentities/status", edit), 0);
  assert.equal(written("APPLY kespolicies/status", edit), 1);
});

test("memory stays within its limit", (t) => {
  t.diagnostic(`${run.peakMemory.toFixed(0)} MiB`);
  assert.ok(run.peakMemory > 30 && run.peakMemory < memory, `${run.peakMemory} MiB`);
});

test("an operator that starts again writes nothing", async () => {
  const again = await run.restart(patience);
  assert.deepEqual([...again.writes], []);
});
