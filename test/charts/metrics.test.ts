// Alerts and dashboard ask for metrics and labels that exist, and every alert of the documentation is there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { dashboard } from "../../charts/dashboard.ts";
import { Metrics } from "../../operator/metrics.ts";
import { stateMetrics } from "../../operator/state-metrics.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
const groups = parse(read("charts/kes-operator/alerts.yaml")).groups as readonly { readonly rules: readonly Alert[] }[];
const alerts = groups.flatMap(({ rules }) => rules);
const queries = dashboard.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries));
const expressions = [...alerts.map(({ expr }) => expr), ...queries.map(({ expr }) => expr)];
/** What Prometheus adds to every series. */
const added = ["namespace", "job", "pod", "le"];

/** Metric → its labels. */
async function known(): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = read("docs/metrics.md").matchAll(/^\| `(kes_\w+|process_\w+)` \| (\w+) \|([^|]*)\|/gm);
  const documented = [...rows].flatMap(([, name = "", type, labels = ""]) => {
    const own = [...labels.matchAll(/`(\w+)`/g)].map(([, label = ""]) => label);
    return type === "histogram" ? [[`${name}_bucket`, own] as const] : [[name, own] as const];
  });
  return new Map([...documented, ...(await ofOperator())]);
}

async function ofOperator(): Promise<readonly (readonly [string, readonly string[]])[]> {
  const usage = { residentBytes: 1, cpuSeconds: 1, startedAt: 1 };
  const metrics = new Metrics({ version: "1", commit: "c", process: () => usage });
  const controller = metrics.controller("kesserver");
  controller.observe(() => ({ workers: 1, busy: 0, depth: 0, unfinished: { total: 0, longest: 0 } }));
  controller.visited("success", 1, false);
  metrics.leads("kes-operator", true);
  metrics.bundlePropagated("a/b", 1);
  const metadata = { name: "n", namespace: "ns" };
  const conditions = [{ type: "Ready", status: "True", reason: "R", message: "", lastTransitionTime: "" }];
  const object = { kind: "KesKey", metadata, status: { conditions, notAfter: "2026-01-01T00:00:00Z" } };
  const cache = { list: () => [object] };
  // Of a cache, only its list is read.
  const state = stateMetrics({ servers: cache, policies: cache, identities: cache, keys: cache } as never);
  const { body } = await metrics.exposition(state);
  const series = body.matchAll(/^(\w+)(?:\{(.*)\})? /gm);
  return [...series].map(([, name = "", labels = ""]) => {
    return [name, [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label)] as const;
  });
}

/** `name{labels}` in an expression; a name by pattern counts as each of the names. */
function selectorsIn(expr: string): readonly { readonly metric: string; readonly labels: readonly string[] }[] {
  const found = [...expr.matchAll(/(\b(?:kes|process|controller|workqueue|leader|rest)_\w+)?(?:\{([^}]*)\})?/g)];
  return found.flatMap(([, name, inside = ""]) => {
    const labels = [...inside.matchAll(/(\w+)\s*[!=]=?~?"/g)].map(([, label = ""]) => label);
    const [, prefix, names = ""] = /__name__=~"(\w+)\(([\w|]+)\)"/.exec(inside) ?? [];
    const others = labels.filter((label) => label !== "__name__");
    if (prefix !== undefined) return names.split("|").map((end) => ({ metric: `${prefix}${end}`, labels: others }));
    return name === undefined ? [] : [{ metric: name, labels: others }];
  });
}

test("every metric and label that is asked for exists", async () => {
  const metrics = await known();
  for (const expr of expressions) {
    const selectors = selectorsIn(expr);
    assert.ok(selectors.length > 0, `nothing is asked for in ${expr}`);
    for (const { metric, labels } of selectors) {
      const own = metrics.get(metric);
      assert.ok(own, `there is no metric ${metric}: ${expr}`);
      for (const label of labels) assert.ok([...added, ...own].includes(label), `${metric} has no label ${label}`);
    }
    for (const [, by = ""] of expr.matchAll(/by \(([^)]*)\)/g)) {
      const all = selectors.flatMap(({ metric }) => metrics.get(metric) ?? []);
      for (const label of by.split(", "))
        assert.ok([...added, ...all].includes(label), `${label} is unknown in ${expr}`);
    }
  }
});

test("what the documentation calls worth an alert has one", () => {
  const [, section = ""] = read("docs/metrics.md").split("## Worth an alert");
  const worth = [...section.matchAll(/^\| `([^|]*)` \|/gm)].flatMap(([, expr = ""]) => selectorsIn(expr));
  assert.ok(worth.length >= 9);
  const asked = new Set(alerts.flatMap(({ expr }) => selectorsIn(expr).map(({ metric }) => metric)));
  assert.deepEqual(
    worth.filter(({ metric }) => !asked.has(metric)),
    [],
  );
});

test("alerts have a name of their own, a known severity, and say what is the matter and what to do", () => {
  assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length);
  for (const { alert, labels, annotations } of alerts) {
    assert.match(alert, /^Kes[A-Za-z]+$/);
    assert.ok(["warning", "critical"].includes(labels.severity), alert);
    assert.ok(annotations.summary.length > 0 && annotations.description.endsWith("."), alert);
  }
});

test("annotations name only labels that the expression keeps", () => {
  for (const { alert, expr, annotations } of alerts) {
    const kept = new Set([...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, by = ""]) => by.split(", ")));
    const named = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
    for (const label of named) assert.ok(kept.has(label), `${alert}: ${label}`);
  }
});

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  }[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

test("the dashboard's panels fit, and its variables are those of its queries", () => {
  const { panels, templating } = JSON.parse(read("charts/kes-operator/dashboards/kes.json")) as Dashboard;
  const ids = panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const taken = new Set<string>();
  for (const { gridPos } of panels) {
    const { x, y, w, h } = gridPos;
    assert.ok(x + w <= 24);
    for (let column = x; column < x + w; column += 1) {
      for (let line = y; line < y + h; line += 1) {
        assert.ok(!taken.has(`${column}/${line}`), "two panels in one place");
        taken.add(`${column}/${line}`);
      }
    }
  }
  const variables = templating.list.map(({ name }) => name);
  const used = [...JSON.stringify(panels).matchAll(/\$\{?([a-z]+)\b/g)].map(([, name = ""]) => name);
  assert.deepEqual(new Set(used), new Set(variables));
});
