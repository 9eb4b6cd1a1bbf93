// Prints what `kes doctor` says of broken set-ups of Vault; with --write it goes into docs/troubleshooting.md.
import { BrokenSetups } from "./broken-setups.ts";
import { diagnose, render, write } from "./diagnoses.ts";
import type { Diagnosed } from "./diagnoses.ts";

await using setups = await BrokenSetups.start();
const all: Diagnosed[] = [];
for (const setup of setups.all()) all.push({ title: setup.title, output: await diagnose(setup) });
if (process.argv.includes("--write")) write(render(all));
else process.stdout.write(render(all));
