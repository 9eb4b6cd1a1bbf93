// `npm run fuzz -- COUNT [SEED]`: a tenth as many valid exchanges compared with node:http2, then so many mutated HTTP/2
// connections, and the slope of resident memory over their second half (decisions X4).
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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
const points: [number, number][] = [];
for (let step = 0; step < steps; step++) {
  const each = Math.ceil(count / steps);
  await fuzzMutations(each, seed + step * each);
  collect();
  points.push([(step + 1) * each, process.memoryUsage().rss / 1e6]);
}
const perMillion = slope(points.slice(steps / 2)) * 1e6;
const rss = points.at(-1)?.[1] ?? 0;
const heap = process.memoryUsage().heapUsed / 1e6;
console.log(`no fault; resident ${rss.toFixed(0)} MB, heap ${heap.toFixed(1)} MB`);
console.log(`resident memory in the second half: ${perMillion.toFixed(2)} MB per million`);
