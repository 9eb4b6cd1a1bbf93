// The figures for people: a table for the terminal and the page of the documentation.
import { cpus, release, totalmem } from "node:os";
import type { Size } from "./landscape.ts";
import { apiServerEnv } from "./scale-run.ts";
import type { Strained } from "./strain.ts";

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What it must stay below. */
  readonly limit?: number | undefined;
  /** What it must be. */
  readonly exactly?: number | undefined;
  /** By what was written: `APPLY configmaps`. */
  readonly writes?: ReadonlyMap<string, number> | undefined;
  readonly strain?: Strained | undefined;
}

export interface Setting {
  readonly size: Size;
  /** Whether kube-controller-manager ran. */
  readonly controllers: boolean;
  /** Of the whole run. */
  readonly strain: Strained;
}

/** As Markdown, which a terminal shows as well. */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const strain = figure.strain === undefined ? "" : strainText(figure.strain);
    return [figure.what, valueText(figure), promiseOf(figure), strain];
  });
  const header = ["measure", "value", "promised", "machine meanwhile"];
  const all = [header, header.map(() => "---"), ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all.map((row) => `| ${row.map((text, column) => cell(text, widths[column] ?? 0)).join(" | ")} |`).join("\n");
}

function cell(text: string, width: number): string {
  return text === "---" ? "-".repeat(width) : text.padEnd(width);
}

export function page(figures: readonly Figure[], { size, controllers, strain }: Setting): string {
  const [first] = cpus();
  const apiServer = `kube-apiserver (${Object.entries(apiServerEnv)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ")})`;
  const programs = controllers ? `etcd, ${apiServer} and kube-controller-manager` : `etcd and ${apiServer}`;
  const written = figures.filter(({ writes }) => writes !== undefined && writes.size > 0);
  return `# The operator at scale

Written by \`npm run scale -- --write\` on ${new Date().toISOString().slice(0, 10)}: the bundled operator with the rights and the
arguments of the chart, on a real API server (${programs}) on the same machine. Everything was declared before its start and
nothing had a status: ${size.servers} servers without pods, ${size.policies} policies, ${size.hashes} identities with a hash and ${size.certificates} with a
certificate, whose CertificateRequests were there. Metrics were scraped every 30 s.

- Machine: ${cpus().length} × ${first?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}
- Shared with: the API server, etcd and whatever else ran; in the whole run ${strainText(strain)}

${table(figures)}

\`waited\` is the part of the time in which somebody who could have run waited for a processor: seconds are those of a machine of
that kind, CPU seconds and counts are the operator's own. \`stolen\` is the part of the processors' time that the host of this
virtual machine gave to others.

## What was written

${written.map(({ what, writes = new Map() }) => `- ${what}: ${listed(writes)}`).join("\n")}

How it is done: \`test/scale\`. Counts are the API server's own (\`apiserver_request_total\`), so what its other clients ask for is in
them. A smaller run with a budget of writes for each object is part of the tests: \`test/real/operator/scale.test.ts\`.
`;
}

function valueText({ value, unit, writes }: Figure): string {
  const text =
    Number.isInteger(value) || writes !== undefined ? value.toLocaleString("en") : value.toFixed(value < 10 ? 2 : 1);
  return `${text} ${unit}`.trim();
}

function promiseOf({ limit, exactly, unit, value }: Figure): string {
  if (exactly !== undefined) return `${exactly}${value === exactly ? "" : ", not kept"}`;
  return limit === undefined ? "" : `< ${limit} ${unit}${value < limit ? "" : ", not kept"}`;
}

function strainText({ waiting, stolen, load }: Strained): string {
  const waited = waiting === undefined ? "" : `, waited ${waiting.toFixed(0)} %`;
  const taken = stolen === undefined ? "" : `, stolen ${stolen.toFixed(0)} %`;
  return `load ${load.toFixed(1)}${waited}${taken}`;
}

function listed(writes: ReadonlyMap<string, number>): string {
  return [...writes].map(([what, count]) => `${count.toLocaleString("en")} ${what}`).join(", ");
}
