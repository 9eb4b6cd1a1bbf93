// docs/compatibility.md is what its results make of it, and they are those of a run of everything that held.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { committedResults, compatibilityPage } from "./e2e/compatibility.ts";

const page = readFileSync(join(import.meta.dirname, "../docs/compatibility.md"), "utf8");

test("the page was made from the results, and nobody edited it", () => {
  assert.equal(page, compatibilityPage(committedResults()));
});

test("every step of the last runs held, with releases named", () => {
  const { scenarios, releases } = committedResults();
  const steps = scenarios.flatMap((scenario) => scenario.steps);
  assert.ok(steps.length > 20);
  assert.deepEqual(
    steps.filter(({ ok }) => !ok),
    [],
  );
  for (const { date } of scenarios) assert.match(date, /^20\d\d-\d\d-\d\d$/);
  for (const name of ["Kubernetes", "cert-manager", "Vault", "MinIO"]) assert.ok(releases[name], name);
});
