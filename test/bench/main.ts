// `npm run bench`: the figures of docs/benchmark.md. It measures, it never passes or fails.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { ownProgram } from "./bench-server.ts";
import type { Measure, ServerName } from "./measure.ts";
import { decisionMeasures, listMeasures, policyMemoryMeasures, startMeasures } from "./other-cases.ts";
import { machineLines, page, picture, table } from "./report.ts";
import { attackMeasures, auditMeasures, connectMeasures, memoryMeasures, requestMeasures } from "./request-cases.ts";
import type { LoadSettings } from "./request-cases.ts";
import { storeMeasures } from "./store-cases.ts";

const cases: Readonly<Record<string, (settings: LoadSettings) => Promise<Measure[]> | Measure[]>> = {
  generate: (settings) => requestMeasures("generate", settings),
  decrypt: (settings) =>
    requestMeasures("decrypt", { ...settings, servers: settings.servers.filter((s) => s !== "bare") }),
  audit: auditMeasures,
  connect: connectMeasures,
  attack: attackMeasures,
  start: startMeasures,
  memory: (settings) => memoryMeasures(settings, Number(values.requests)),
  "policy-memory": policyMemoryMeasures,
  list: listMeasures,
  decision: decisionMeasures,
  store: storeMeasures,
};

const help = `Usage: npm run bench -- [options]

  --only NAMES   some of: ${Object.keys(cases).join(",")}
  --seconds N    length of a measured run (default 3)
  --runs N       runs of each measure (default 3)
  --requests N   requests before the second look at the memory (default 1000000)
  --bare         also measure a bare node:http2 handler
  --no-ours      leave our server out
  --http2 NAME   own or node: the HTTP/2 implementation of our server (default: its default)
  --no-pin       do not pin the processes to processors
  --json         print the raw results as JSON
  --write        write docs/benchmark.md and docs/benchmark.svg

BENCH_KES_GO=PATH measures the Go server at PATH as well.
`;

const { values } = parseArgs({
  allowNegative: true,
  options: {
    only: { type: "string", default: Object.keys(cases).join(",") },
    seconds: { type: "string", default: "3" },
    runs: { type: "string", default: "3" },
    requests: { type: "string", default: "1000000" },
    bare: { type: "boolean", default: false },
    ours: { type: "boolean", default: true },
    pin: { type: "boolean", default: true },
    http2: { type: "string" },
    json: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false, short: "h" },
  },
});

const chosen = values.only.split(",");
const unknown = chosen.filter((name) => cases[name] === undefined);
if (values.help || unknown.length > 0) {
  process.stderr.write(unknown.length > 0 ? `no such measure: ${unknown.join(", ")}\n\n${help}` : help);
  process.exitCode = values.help ? 0 : 2;
} else {
  await measureAll();
}

async function measureAll(): Promise<void> {
  const goBinary = process.env["BENCH_KES_GO"];
  const servers: ServerName[] = [];
  if (values.ours) servers.push("ours");
  if (goBinary !== undefined) servers.push("go");
  if (values.bare) servers.push("bare");
  const workFolder = mkdtempSync(join(tmpdir(), "kes-bench-"));
  const [seconds, runs] = [Number(values.seconds), Number(values.runs)];
  const http2 = values.http2 === "own" || values.http2 === "node" ? values.http2 : undefined;
  const settings: LoadSettings = { http2, goBinary, pin: values.pin, workFolder, servers, seconds, runs };
  const measures: Measure[] = [];
  const [loadBefore = 0] = loadavg();
  try {
    for (const name of chosen) {
      process.stderr.write(`measuring ${name} …\n`);
      measures.push(...(await measure(name, settings)));
    }
  } finally {
    rmSync(workFolder, { recursive: true });
  }
  show(measures, settings, loadBefore);
}

/** A measure that cannot be taken is left out, with the reason. */
async function measure(name: string, settings: LoadSettings): Promise<Measure[]> {
  try {
    return (await cases[name]?.(settings)) ?? [];
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return [];
  }
}

function show(measures: readonly Measure[], settings: LoadSettings, loadBefore: number): void {
  const root = join(import.meta.dirname, "../..");
  const goVersion = settings.goBinary === undefined ? undefined : versionOf(settings.goBinary);
  const setting = { ...settings, goVersion, loadBefore, program: relative(root, ownProgram()) };
  if (values.json) console.log(JSON.stringify({ machine: machineLines(setting), measures }, undefined, 2));
  else console.log(`${machineLines(setting).join("\n")}\n\n${table(measures)}`);
  if (!values.write) return;
  writeFileSync(join(root, "docs/benchmark.md"), page(measures, setting, new Date().toISOString().slice(0, 10)));
  writeFileSync(join(root, "docs/benchmark.svg"), picture(measures));
}

function versionOf(binary: string): string {
  const lines = execFileSync(binary, ["--version"], { encoding: "utf8" }).split("\n");
  const runtime = lines.find((line) => line.startsWith("Runtime"))?.split(/\s+/)[1] ?? "unknown";
  return `${binary.split("/").at(-1) ?? binary}, ${runtime}`;
}
