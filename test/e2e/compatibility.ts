// docs/compatibility.md: which releases of what a cluster runs the end-to-end run was done with, and what held. It is made from
// docs/compatibility.json alone: a run with KES_WRITE_DOCS=1 writes there each scenario that held, in place of what was known of it. Nobody edits either.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { presetMonths, presetRules } from "../../sidecar/contract/preset.ts";
import type { Json } from "../env/kubernetes/api-client.ts";
import { minioVersions } from "../env/minio/obtain-minio.ts";
import type { Cluster } from "./cluster.ts";
import type { StepRecord } from "./report.ts";

const folder = join(import.meta.dirname, "../../docs");
const files = { results: join(folder, "compatibility.json"), page: join(folder, "compatibility.md") };

export interface Results {
  /** By component: what its image or program says. */
  readonly releases: Readonly<Record<string, string>>;
  /** The last time that each was run, in the order of the run. */
  readonly scenarios: readonly ScenarioResults[];
}

interface ScenarioResults {
  readonly title: string;
  /** `2026-11-22` */
  readonly date: string;
  readonly steps: readonly Omit<StepRecord, "scenario">[];
}

/** What is in the cluster by now, by the tags of the images that pods run. */
export async function releasesIn(cluster: Cluster): Promise<Results["releases"]> {
  const { serverVersion }: Json = JSON.parse(await cluster.kubectl("version", "-o", "json"));
  const { items }: Json = await cluster.get("pods", "-A");
  const pods: readonly { readonly spec: { readonly containers: readonly { readonly image: string }[] } }[] = items;
  const images = new Set(pods.flatMap(({ spec }) => spec.containers.map(({ image }) => image)));
  const tags = [...images].map((image: string): [string, string] => {
    const [, name = image, tag = ""] = /([^/]+):([^:/]+)$/.exec(image) ?? [];
    return [name, tag];
  });
  // Images of programs that are built from sources bear the name that manifests ask for.
  const built: Readonly<Record<string, string>> = { minio: `${minioVersions.minio} of its Go module` };
  const own = tags
    .filter(([name]) => name in names)
    .map(([name, tag]): [string, string] => [names[name] ?? name, built[name] ?? tag]);
  const helm = (await cluster.helm("version", "--template", "{{.Version}}")).trim();
  return Object.fromEntries([
    ["Kubernetes", serverVersion.gitVersion],
    ["Helm", helm],
    ...own.toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}

/** Images of the run and what they are called. */
const names: Readonly<Record<string, string>> = {
  "cert-manager-controller": "cert-manager",
  vault: "Vault",
  minio: "MinIO",
  kes: "KES (Go), migrated from",
};

/** Adds what held in a run, and makes the page anew. @param order titles of all scenarios, as they are run */
export function writeCompatibility(
  releases: Results["releases"],
  records: readonly StepRecord[],
  order: readonly string[],
): void {
  const date = new Date().toISOString().slice(0, 10);
  const known = existsSync(files.results) ? committedResults() : { releases: {}, scenarios: [] };
  const ran = Map.groupBy(records, ({ scenario }) => scenario);
  const scenarios = order.flatMap((title): ScenarioResults[] => {
    const steps = ran.get(title)?.map(({ step, seconds, ok, finding }) => ({ step, seconds, ok, finding })) ?? [];
    if (steps.length > 0 && steps.every(({ ok }) => ok)) return [{ title, date, steps }];
    return known.scenarios.filter((scenario) => scenario.title === title);
  });
  const results = { releases: { ...known.releases, ...releases }, scenarios };
  writeFileSync(files.results, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(files.page, compatibilityPage(results));
}

export function committedResults(): Results {
  return JSON.parse(readFileSync(files.results, "utf8")) as Results;
}

export function compatibilityPage({ releases, scenarios }: Results): string {
  const versions = Object.entries(releases).map(([name, release]) => `| ${name} | ${release} |`);
  const sections = scenarios.map(({ title, date, steps }) => {
    return `### ${title}\n\nRun on ${date}.\n\n| Step | |\n|---|---|\n${steps.map((step) => rowOf(step)).join("\n")}\n`;
  });
  return `# Compatibility

What was run, with which releases, and what came of it: made from the results of the end-to-end run (\`npm run e2e\`).

## Releases

| What | Release |
|---|---|
${versions.join("\n")}

## What held with them

${sections.join("\n")}
## What MinIO asks of a server

${presetText()}`;
}

function rowOf({ step, ok, seconds, finding }: Omit<StepRecord, "scenario">): string {
  const outcome = ok ? (finding ?? "held") : "failed";
  return `| ${escaped(step)} | ${escaped(outcome)}, ${seconds} s |`;
}

function escaped(text: string): string {
  return text.replaceAll("|", String.raw`\|`).replaceAll("\n", " ");
}

function presetText(): string {
  const months = presetMonths("MinIO");
  const columns = ["before", ...months];
  const rows = presetRules("MinIO").map(({ pattern, since = "" }) => {
    const cells = columns
      .map((month) => (month === "before" ? since === "" : since <= month))
      .map((asked) => (asked ? "✓" : ""));
    return `| \`${pattern}\` | ${cells.join(" | ")} |`;
  });
  const heads = [`before ${months[0] ?? ""}`, ...months.map((month) => `since ${month}`)];
  return `By the month of MinIO's release; \`kes policy preset minio --release MONTH\` prints a column as a policy.

| Path | ${heads.join(" | ")} |
|---|${heads.map(() => "---|").join("")}
${rows.join("\n")}
`;
}
