// `npm run fuzz -- COUNT [SEED]`: a tenth as many valid exchanges compared with node:http2, then so many mutated HTTP/2
// connections, and the slope of memory over their second half (decisions X4).
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { setTimeout as sleep } from "node:timers/promises";
import { compareEngines } from "./http2-differential.ts";
import { fuzzMutations } from "./http2-mutations.ts";
import { slope } from "./slope.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const count = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));
const steps = 20;
process.on("unhandledRejection", (error) => {
  throw error;
});

const exchanges = Math.ceil(count / 10);
console.log(`${exchanges} exchanges compared with node:http2 from seed ${seed}`);
await compareEngines(exchanges, seed);
console.log(`${count} mutated connections from seed ${seed}`);
const resident: [number, number][] = [];
const live: [number, number][] = [];
for (let step = 1; step <= steps; step++) {
  const each = Math.ceil(count / steps);
  await fuzzMutations(each, seed + step * each);
  // Twice: array buffers are freed after the collection that found them.
  collect();
  await sleep(50);
  collect();
  await sleep(50);
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  resident.push([step * each, rss / 1e6]);
  live.push([step * each, (heapUsed + arrayBuffers) / 1e6]);
}
console.log("no fault");
for (const [what, points] of [
  ["resident", resident],
  ["live after collection", live],
] as const) {
  const perMillion = slope(points.slice(steps / 2)) * 1e6;
  console.log(
    `${what}: ${points.at(-1)?.[1].toFixed(1)} MB, ${perMillion.toFixed(2)} MB per million in the second half`,
  );
}
