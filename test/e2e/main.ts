// npm run e2e [-- SCENARIO…]: the product as people get it, on a real node of this machine (root, Debian) or on the cluster of
// KUBECONFIG: images from the Dockerfiles, the chart by helm, cert-manager, Vault, and MinIO as the client. Every step prints its
// time. Of a run that fails, logs and objects are kept in a folder that is printed; results.json of all runs is in KES_E2E_FOLDER.
// With KES_WRITE_DOCS=1 docs/compatibility.md is made anew.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCluster } from "./cluster.ts";
import { releasesIn, writeCompatibility } from "./compatibility.ts";
import { keepEvidence } from "./evidence.ts";
import { ourArchives } from "./images.ts";
import { Report } from "./report.ts";
import { runInOrder } from "./run-in-order.ts";
import { plan } from "./scenarios.ts";
import { makeWorld, prepare } from "./world.ts";
import type { Scenario } from "./world.ts";

const wanted = process.argv.slice(2);
const names = [...plan.keys()].map(({ name }) => name);
const unknown = wanted.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no scenario ${unknown.join(", ")}; there are: ${names.join(", ")}`);
  process.exit(2);
}
const folder = process.env["KES_E2E_FOLDER"] ?? mkdtempSync(join(tmpdir(), "kes-e2e-"));
const report = new Report();
const began = Date.now();
// The node starts meanwhile; whether it failed is asked later.
const ours = ourArchives();
ours.catch(() => undefined);
const cluster = await openCluster();
console.log(`cluster ready after ${((Date.now() - began) / 1000).toFixed(1)} s: KUBECONFIG=${cluster.kubeconfig}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void cluster[Symbol.asyncDispose]().then(() => process.exit(130)));
}
const failed: string[] = [];
/** What fails does not keep the rest from being tried. */
async function attempt(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    failed.push(name);
    console.error(`${name}:`, error);
    await keepEvidence(cluster, join(folder, name));
  }
}

await attempt("preparation", () => prepare(cluster, ours, report.steps("preparation", "what is there before")));
const world = makeWorld(cluster, report);
const runChosen = async ({ name, title, run }: Scenario): Promise<void> => {
  if (wanted.length === 0 || wanted.includes(name)) await attempt(name, () => run(world, report.steps(name, title)));
};
if (failed.length === 0) await runInOrder(plan, runChosen);
if (process.env["KES_WRITE_DOCS"] === "1") {
  const titles = [...plan.keys()].map(({ title }) => title);
  writeCompatibility(await releasesIn(cluster), report.records, titles);
}
report.save(folder);
await cluster[Symbol.asyncDispose]();
const result =
  failed.length === 0 ? "all of it held" : `FAILED: ${failed.join(", ")}; logs and objects are in ${folder}`;
console.log(`\n${result}; ${report.minutes()} minutes`);
// Ways into the cluster may still be open.
process.exit(failed.length === 0 ? 0 : 1);
