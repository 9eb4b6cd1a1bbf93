// A short run of what `npm run fuzz` does at length.
import { test } from "node:test";
import { compareEngines } from "../../fuzz/http2-differential.ts";
import { fuzzMutations } from "../../fuzz/http2-mutations.ts";

const seed = Math.floor(Math.random() * 2 ** 31);

test(`mutated traffic finds no fault (seed ${seed})`, async () => {
  await fuzzMutations(2_000, seed);
});

test(`the engine and node:http2 answer valid exchanges alike (seed ${seed})`, async () => {
  await compareEngines(1_000, seed);
});
