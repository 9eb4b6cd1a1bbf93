// docs/operator.md is complete: each reason that a condition or an event can have stands there, and so does each right of the
// operator's role. What it shows of a running cluster is tried in test/real/operator/columns.test.ts.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { identityReasons, keyReasons, policyReasons } from "../../operator/api/reasons.ts";

const root = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(root, "docs", "operator.md"), "utf8");

/** Of cert-manager's conditions. */
const foreign: ReadonlySet<string> = new Set(["Denied", "Failed", "ManuallyTriggered"]);

test("every reason is explained", () => {
  const sources = globSync("operator/{bundle,controllers}/**/*.ts", { cwd: root });
  const literal =
    /\breason: "([A-Z]\w+)"|\b(?:judgement|refused|tell)\([^"]*"(?:True|False|Unknown|Normal|Warning)", "([A-Z]\w+)"/g;
  const written = sources.flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(literal)].map(([, reason, other]) => reason ?? other ?? "");
  });
  assert.ok(written.length > 40, "the sources are searched");
  const listed = [policyReasons, identityReasons, keyReasons].flatMap((reasons) => Object.keys(reasons));
  const all = new Set([...written, ...listed].filter((reason) => !foreign.has(reason)));
  const missing = [...all].filter((reason) => !page.includes(`\`${reason}\``));
  assert.deepEqual(missing, []);
});

test("the table of rights is that of the chart's role", () => {
  const rules = readFileSync(join(root, "charts/kes-operator/templates/rbac/_rules.tpl"), "utf8");
  const rule = /- apiGroups: \[([^\]]*)\]\n(?: *#.*\n)* *resources: \[([^\]]*)\]\n(?: *#.*\n)* *verbs: \[([^\]]*)\]/g;
  const granted = [...rules.matchAll(rule)].map(([, group = "", resources = "", verbs = ""]) => {
    return `| ${group === '""' ? "core" : `\`${group}\``} | ${coded(resources)} | ${coded(verbs)} |`;
  });
  assert.equal(granted.length, rules.match(/apiGroups:/g)?.length, "every rule is read");
  const section = /## Rights\n([\s\S]*?)\n## /.exec(page)?.[1] ?? "";
  const rows = section.split("\n").filter((line) => /^\| (core|`)/.test(line));
  const told = rows.map((row) => `${row.split(" | ").slice(0, 3).join(" | ")} |`);
  assert.deepEqual(told.toSorted(), granted.toSorted());
});

function coded(list: string): string {
  return list
    .split(",")
    .map((item) => `\`${item.trim()}\``)
    .join(", ");
}
