// `node test/soak/stores/main.ts 5m`: creates under faults, and what became of them. Ends with 1 if anything was lost, forked
// or overwritten.
import { parseDuration } from "../../../sidecar/contract/duration.ts";
import { soak } from "./soak.ts";

const [text = "5m"] = process.argv.slice(2);
const duration = parseDuration(text);
if (duration === undefined || duration <= 0) {
  process.stderr.write(`Usage: node test/soak/stores/main.ts [DURATION]\n\nDURATION as in 30s, 5m (the default), 1h\n`);
  process.exitCode = 2;
} else {
  const report = await soak({ duration, names: 2000, clients: 20, servers: 3 });
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = report.problems.length === 0 ? 0 : 1;
}
