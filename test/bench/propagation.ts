// node test/bench/propagation.ts [ROUNDS]: how long a change of policies and identities takes to reach three server processes
// under load, on a real API server. Ends with 1 when that takes longer than is promised: a second for most, two at worst.
import process from "node:process";
import { measurePropagation, summaryOf } from "../support/operator-propagation.ts";
import { startOperator } from "../support/operator-process.ts";
import { startService, underLoad } from "../support/operator-service.ts";
import { startWorld } from "../support/operator-world.ts";

/** Milliseconds. */
const promised = { median: 1000, worst: 2000 };

const rounds = Number(process.argv[2] ?? 20);
await using world = await startWorld();
await using operator = await startOperator(world.cluster, world.chart);
const service = await startService(world, "keys");
console.log(`three servers ready ${service.readyAfter} ms after the first object was declared; ${rounds} rounds\n`);
const { all, load } = await underLoad(world, service, async (load) => {
  const all = await measurePropagation(world, service, rounds);
  return { all, load: load.result };
});
console.log(`${"change".padEnd(26)}${"median ms".padStart(12)}${"worst ms".padStart(12)}`);
for (const each of all) {
  const { median, worst } = summaryOf(each);
  if (median >= promised.median || worst >= promised.worst) process.exitCode = 1;
  console.log(`${each.what.padEnd(26)}${String(median).padStart(12)}${String(worst).padStart(12)}`);
}
console.log(`\nload meanwhile: ${load.requests} requests, ${load.failures.length} failed, slowest ${load.slowest} ms`);
await operator.stop();
