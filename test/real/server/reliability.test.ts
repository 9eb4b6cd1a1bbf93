// The fault matrix: every cell as it must be, no key lost or changed, and docs/reliability.md says what was seen.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { render, withoutSlowest, writtenTables } from "../../keystore-faults/matrix/page.ts";
import { problemsOf } from "../../keystore-faults/matrix/problems.ts";
import { runRow } from "../../keystore-faults/matrix/run-row.ts";
import type { Result } from "../../keystore-faults/matrix/run-row.ts";
import { startBenches } from "../../keystore-faults/matrix/tables.ts";

const benches = await startBenches();
after(() => benches[Symbol.asyncDispose]());
const all = benches.tables.map((table) => ({ table, results: new Map<string, Result>() }));

for (const { table, results } of all) {
  for (const row of table.rows) {
    test(`${table.title}: ${row.fault}`, async () => {
      const result = await runRow(row);
      results.set(row.fault, result);
      assert.deepEqual(problemsOf(row, result), []);
    });
  }
}

test("docs/reliability.md holds these tables; write them with test/keystore-faults/matrix/main.ts --write", () => {
  assert.equal(withoutSlowest(render(all).trim()), withoutSlowest(writtenTables()));
});
