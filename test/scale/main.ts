// `npm run scale`: the operator on 200 servers, 500 policies and 10,000 clients, or on a part of them. It must have everything
// in its bundles within a minute, then take less than 5 % of a core, never more than 250 MiB, and write one bundle for one
// edit. Ends with 1 when it does not. The API server is on the same machine and takes three times the operator's processor
// time, so the minute may be the machine's fault: how much anybody waited for a processor stands beside each figure.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { bundleOperator } from "./bundled-operator.ts";
import type { Size } from "./landscape.ts";
import { page, table } from "./report.ts";
import type { Figure } from "./report.ts";
import { ScaleRun } from "./scale-run.ts";
import type { Start } from "./scale-run.ts";
import { Strain, untilCalm } from "./strain.ts";

const help = `Usage: npm run scale -- [options]

  --minutes N     how long it is left alone (default 10)
  --part N        of 200 servers, 500 policies, 10,000 clients (default 1; 0.1 is a tenth)
  --controllers   run kube-controller-manager beside the API server
  --calm N        before its first start, wait until the machine has nothing else to do, for at most N seconds (default 0)
  --write         write docs/operator-scale.md
`;

/** Seconds until the run is given up. */
const patience = 1_800;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    part: { type: "string", default: "1" },
    controllers: { type: "boolean", default: false },
    calm: { type: "string", default: "0" },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false, short: "h" },
  },
});

function startFigures(start: Start, within: string): readonly Figure[] {
  const observed = {
    what: `${within}: everything observed and in its bundle`,
    value: start.observed,
    unit: "s",
    limit: 60,
  };
  return [
    ...(within === "first start" ? [observed] : []),
    { what: `${within}: nothing left to do`, value: start.settled, unit: "s", strain: start.strain },
    { what: `${within}: CPU of the operator`, value: start.cpu, unit: "s" },
    { what: `${within}: CPU of the API server`, value: start.serverCpu, unit: "s" },
    { what: `${within}: writes`, value: sum(start.writes), unit: "", writes: start.writes },
  ];
}

function sum(writes: ReadonlyMap<string, number>): number {
  return [...writes].reduce((all, [what, count]) => (what.startsWith("GET ") ? all : all + count), 0);
}

async function measure(run: ScaleRun, minutes: number): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const add = (...more: readonly Figure[]): void => {
    figures.push(...more);
    console.log(table(more));
  };
  add(...startFigures(await run.start(patience), "first start"));
  add({ what: "first start: peak resident memory", value: run.peakMemory, unit: "MiB", limit: 250 });
  const edit = await run.editOnePolicy("/v1/key/list/scale*");
  add({ what: "one policy edited: bundles written", value: edit.bundles.length, unit: "", exactly: 1, ...edit });
  const rest = await run.rest(minutes * 60);
  const what = `left alone for ${minutes} minutes: mean CPU`;
  add({ what, value: rest.percent, unit: "% of a core", limit: 5, strain: rest.strain });
  add({ what: "left alone: writes", value: sum(rest.writes), unit: "", writes: rest.writes });
  add({ what: "peak resident memory", value: run.peakMemory, unit: "MiB", limit: 250 });
  add(...startFigures(await run.restart(patience), "started again"));
  add({ what: "started again: peak resident memory", value: run.peakMemory, unit: "MiB", limit: 250 });
  return figures;
}

async function runScale(minutes: number, part: number): Promise<void> {
  const size: Size = { servers: 200 * part, policies: 500 * part, hashes: 9_000 * part, certificates: 1_000 * part };
  using bundled = await bundleOperator();
  const { controllers } = values;
  await using run = await ScaleRun.prepare(size, { program: bundled.program, controllers });
  await untilCalm(Number(values.calm) * 1000);
  const strain = new Strain();
  const figures = await measure(run, minutes);
  const isKept = figures.every(({ value, limit = Infinity, exactly = value }) => value < limit && value === exactly);
  process.exitCode = isKept ? 0 : 1;
  if (!values.write) return;
  const file = join(import.meta.dirname, "..", "..", "docs", "operator-scale.md");
  writeFileSync(file, page(figures, { size, controllers, strain: strain.sinceThen() }));
}

if (values.help) process.stdout.write(help);
else {
  // The API server's garbage collector would have a fifth of the machine.
  process.env["GOGC"] ??= "400";
  await runScale(Number(values.minutes), Number(values.part));
}
