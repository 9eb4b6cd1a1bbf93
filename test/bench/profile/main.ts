// `npm run profile`: where a request's processor time goes, from a profile of the server under the benchmark's load, with an
// ordinary identity, metrics and the audit log on. `--write` writes docs/profile.md.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { wireClient } from "../../contract/wire/client.ts";
import { freePort, startServerProcess } from "../../env/server-process.ts";
import { makeServerFolder } from "../../env/server-folder.ts";
import { pinned, request, runLoad } from "../bench-server.ts";
import type { RequestResult } from "../load/job.ts";
import { sharesOf } from "./shares.ts";
import type { CpuProfile } from "./shares.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "8" }, write: { type: "boolean", default: false } },
});
const seconds = Number(values.seconds);
const warmup = 2;
const program = join(import.meta.dirname, "../../../sidecar/main.ts");

const text = await profile();
process.stdout.write(text);
if (values.write) writeFileSync(join(import.meta.dirname, "../../../docs/profile.md"), page(text));

async function profile(): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), "kes-profile-"));
  try {
    const folder = await makeServerFolder(path, { port: await freePort(), audit: "on" });
    const flags = ["--cpu-prof", "--cpu-prof-interval=200", `--cpu-prof-dir=${join(path, "profile")}`];
    const command = [process.execPath, ...flags, program, "server", "--config", folder.configFile];
    const server = await startServerProcess(pinned(0, true, command), { outputFile: join(path, "output.log") });
    while (!(await request(folder, "GET /version HTTP/1.1")).includes(" 200 OK\r\n")) await sleep(20);
    await using admin = wireClient("h1", new URL(`https://127.0.0.1:${folder.port}`), folder.admin);
    await admin.send("PUT", "/v1/key/create/wire-profile");
    const { keyFile, certFile } = folder.reader;
    const what = { kind: "requests", method: "POST", path: "/v1/key/generate/wire-profile" };
    const body = JSON.stringify({ context: Buffer.from('{"bucket":"b/o"}').toString("base64") });
    const load = { ...what, body, connections: 4, streams: 32, warmup, seconds, keyFile, certFile };
    const from = monotonic() + warmup * 1e6;
    const result = runLoad({ ...load, port: folder.port, serverPid: server.pid }, true) as RequestResult;
    const cpu = result.cpuPerRequest * result.answered;
    process.kill(server.pid, "SIGTERM");
    while (server.running()) await sleep(20);
    const [file = ""] = readdirSync(join(path, "profile"));
    const recorded = JSON.parse(readFileSync(join(path, "profile", file), "utf8")) as CpuProfile;
    return table(sharesOf(recorded, { from, to: from + result.seconds * 1e6, cpu }), result);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

function monotonic(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

function table(shares: readonly (readonly [string, number])[], { answered, cpuPerRequest }: RequestResult): string {
  const sum = shares.reduce((total, [, spent]) => total + spent, 0);
  const rows = shares.map(([what, spent]) => {
    return `| ${what} | ${((spent / sum) * 100).toFixed(0)} % | ${(spent / answered).toFixed(2)} |`;
  });
  const total = `| all, while being profiled | 100 % | ${cpuPerRequest.toFixed(2)} |`;
  return `${["| What | Share | µs a request |", "|---|---|---|", ...rows, total].join("\n")}\n`;
}

function page(rows: string): string {
  return `# Where a request's processor time goes

Written by \`npm run profile -- --write\`: ${seconds} seconds of \`generate\` on 4 connections with 32 streams each, an ordinary identity with a
policy, metrics and the audit log (to a file) on, profiled by V8 (\`--cpu-prof\`) on ${cpus()[0]?.model.trim() ?? "?"}, Node ${process.versions.node}.
The profiler itself makes all of it slower; the shares are what counts. A sample belongs to the innermost of the server's folders on
its stack, native code included: AES-GCM of a data key to the data keys, that of a TLS record to writing or reading.

${rows}`;
}
