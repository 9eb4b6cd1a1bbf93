// The results for people: a table for the terminal, a page and a picture for the documentation.
import { cpus, release, totalmem } from "node:os";
import { ratio, spread } from "./measure.ts";
import type { Measure, ServerName } from "./measure.ts";

export interface Setting {
  readonly seconds: number;
  readonly runs: number;
  readonly pin: boolean;
  readonly loadBefore: number;
  readonly program: string;
  readonly goVersion: string | undefined;
}

const titles: Readonly<Record<ServerName, string>> = { ours: "ours", go: "Go KES", bare: "bare node:http2" };

export function machineLines(setting: Setting): string[] {
  const [first] = cpus();
  return [
    `Machine: ${cpus().length} × ${first?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    `Ours: ${setting.program} on Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
    `Go KES: ${setting.goVersion ?? "not measured (set BENCH_KES_GO to the path of its binary)"}`,
    `Load: TLS 1.3, mutual, HTTP/2, an ordinary identity with a policy, key cached, ${setting.runs} runs of ${setting.seconds} s after 1 s of warm-up`,
    `Load average before the first run: ${setting.loadBefore.toFixed(2)} (a busy machine makes all figures worse)`,
    setting.pin ? "Pinned: servers to processor 0, load generator to processor 1" : "Nothing pinned to a processor",
  ];
}

/** As a Markdown table, which a terminal shows as well. */
export function table(measures: readonly Measure[]): string {
  const servers = (["ours", "go", "bare"] as const).filter((name) =>
    measures.some(({ runs }) => runs[name] !== undefined),
  );
  const header = ["measure", "unit", ...servers.map((name) => titles[name]), "ours : Go", "target"];
  const rows = measures.map((measure) => {
    const share = ratio(measure);
    const values = servers.map((name) => cell(measure.runs[name]));
    return [measure.name, measure.unit, ...values, share === undefined ? "" : share.toFixed(2), measure.target];
  });
  const all = [header, header.map(() => "---"), ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, column) => (text === "---" ? "-".repeat(widths[column] ?? 3) : text.padEnd(widths[column] ?? 0))).join(" | ")} |`;
  return all.map(line).join("\n");
}

/** Median, and the extremes where there was more than one run. */
function cell(values: readonly number[] | undefined): string {
  if (values === undefined) return "";
  const { min, median, max } = spread(values);
  return values.length === 1 ? figure(median) : `${figure(median)} (${figure(min)}–${figure(max)})`;
}

function figure(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Bars of processor time per request. */
export function picture(measures: readonly Measure[]): string {
  const bars = measures.filter(({ unit, name, runs }) => unit === "µs CPU" && runs.ours && !name.startsWith("new"));
  const servers = ["ours", "go"] as const;
  const largest = Math.max(
    ...bars.flatMap(({ runs }) => servers.map((name) => (runs[name] ? spread(runs[name]).median : 0))),
  );
  const colours = { ours: "#2563eb", go: "#94a3b8" };
  const parts = bars.flatMap((measure, row) =>
    servers.flatMap((name, n) => {
      const values = measure.runs[name];
      if (values === undefined) return [];
      const { median } = spread(values);
      const y = 50 + row * 46 + n * 16;
      const label = n === 0 ? `<text x="250" y="${y + 19}" text-anchor="end">${measure.name}</text>` : "";
      const width = Math.round((median / largest) * 400);
      const text = `<text x="${268 + width}" y="${y + 12}">${figure(median)} µs</text>`;
      return [`${label}<rect x="260" y="${y}" width="${width}" height="15" fill="${colours[name]}"/>${text}`];
    }),
  );
  const legend = servers.map((name, n) => {
    const x = 260 + n * 90;
    return `<rect x="${x}" y="20" width="12" height="12" fill="${colours[name]}"/><text x="${x + 17}" y="31">${titles[name]}</text>`;
  });
  const height = 60 + bars.length * 46;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 ${height}" font-family="sans-serif" font-size="12">
<title>Server processor time per request, microseconds (median)</title>
<rect width="760" height="${height}" fill="white"/>
${[...legend, ...parts].join("\n")}
</svg>
`;
}

export function page(measures: readonly Measure[], setting: Setting, date: string): string {
  return `# Benchmark

Written by \`npm run bench -- --write\` on ${date}. What is measured is what users pay for: processor time of the server per
request, latency, memory, and start. Figures of one machine say little by themselves; the ratio to the Go server, measured in
turns in the same run, says more.

${machineLines(setting)
  .map((line) => `- ${line}`)
  .join("\n")}

Median, and in brackets the smallest and the largest run.

${table(measures)}

![Server processor time per request](benchmark.svg)

How it is done: \`test/bench\`. The load generator is a process of its own with a minimal HTTP/2 client that writes prebuilt frames
and checks status and length of every answer; the server's time is user and system time from \`/proc/<pid>/stat\` over the measured
window. \`BENCH_KES_GO\` names the binary of the Go server (\`node test/env/go-kes/main.ts\` builds it and prints the path). The audit
row writes the audit log of both servers to a file; the Go server writes no line for \`generate\`, ours writes one per request.
`;
}
