// Rows and panels in the JSON that Grafana reads (schema version 39, Grafana 10 and later).
import type { Panel, Row } from "./dashboard.ts";

const height = 8;
const columns = 24;
const datasource = { type: "prometheus", uid: "${datasource}" };
const panelTypes = { lines: "timeseries", number: "stat", table: "table" } as const;

export function emitDashboard(rows: readonly Row[]): object {
  return {
    uid: "kes-operator",
    title: "KES",
    description: "Servers, their key stores and policies, and the operator.",
    tags: ["kes"],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: { list: variables },
    panels: panelsOf(rows),
  };
}

const variables = [
  { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
  variable("namespace", "Namespace", "label_values(kes_build_info, namespace)"),
  variable("job", "Server", 'label_values(kes_build_info{namespace=~"$namespace"}, job)'),
];

function variable(name: string, label: string, query: string): object {
  const choice = { multi: true, includeAll: true, allValue: ".*", current: { text: ["All"], value: ["$__all"] } };
  // 2: whenever the time range changes.
  return { name, label, type: "query", datasource, query: { query, refId: name }, refresh: 2, sort: 1, ...choice };
}

function panelsOf(rows: readonly Row[]): readonly object[] {
  const panels: object[] = [];
  let y = 0;
  for (const row of rows) {
    panels.push({ id: panels.length + 1, type: "row", title: row.title, gridPos: { x: 0, y, w: columns, h: 1 } });
    y += 1;
    let x = 0;
    for (const panel of row.panels) {
      if (x + panel.width > columns) [x, y] = [0, y + height];
      const gridPos = { x, y, w: panel.width, h: height };
      panels.push({ id: panels.length + 1, gridPos, ...panelOf(panel) });
      x += panel.width;
    }
    y += height;
  }
  return panels;
}

function panelOf({ title, help, shows, unit, queries, alarm }: Panel): object {
  const isNow = shows !== "lines";
  return {
    type: panelTypes[shows],
    title,
    description: help,
    datasource,
    fieldConfig: { defaults: { unit, ...(alarm === undefined ? {} : thresholds(alarm, isNow)) }, overrides: [] },
    ...(shows === "table" ? { transformations: [{ id: "reduce", options: { reducers: ["lastNotNull"] } }] } : {}),
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCodePoint(65 + index),
      datasource,
      expr,
      legendFormat: legend,
      ...(isNow ? { instant: true, range: false } : { range: true }),
    })),
  };
}

/** Lines keep their own colours, and the threshold is drawn beside them. */
function thresholds(alarm: NonNullable<Panel["alarm"]>, isNow: boolean): object {
  const [first, at, then] = "above" in alarm ? ["green", alarm.above, "red"] : ["red", alarm.below, "green"];
  const steps = [
    { color: first, value: null },
    { color: then, value: at },
  ];
  const look = isNow ? { color: { mode: "thresholds" } } : { custom: { thresholdsStyle: { mode: "line" } } };
  return { ...look, thresholds: { mode: "absolute", steps } };
}
