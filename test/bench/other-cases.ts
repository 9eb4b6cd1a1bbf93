// What is measured without a load generator: starting, listing, many policies, and the decision itself.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildAccess } from "../../sidecar/access/access.ts";
import { request, startBenchServer } from "./bench-server.ts";
import type { Measure, ServerName } from "./measure.ts";
import { cpuTime, residentMemory } from "./process-figures.ts";
import type { LoadSettings } from "./request-cases.ts";

type Runs = Partial<Record<ServerName, number[]>>;

/** Milliseconds. */
const settled = 4000;

/** From the start of the process to its first answer. */
export async function startMeasures(settings: LoadSettings): Promise<Measure[]> {
  const runs: Runs = {};
  for (let n = 0; n < Math.max(settings.runs, 5); n++) {
    for (const name of settings.servers) {
      const server = await startBenchServer(name, settings);
      (runs[name] ??= []).push(server.startTime);
      await server.stop();
    }
  }
  return [{ name: "start to first answer", unit: "ms", target: "≤ 400 ms", runs }];
}

/**
 * A list of all of 100,000 names: the first of a server, further ones of the same names, and one after a file was added. The
 * Go server cuts its answer after 1024.
 */
export async function listMeasures(settings: LoadSettings, count = 100_000): Promise<Measure[]> {
  const keysFolder = join(settings.workFolder, "many-keys");
  writeKeys(keysFolder, count);
  const [first, further, changed]: [Runs, Runs, Runs] = [{}, {}, {}];
  for (const name of settings.servers.filter((server) => server !== "bare")) {
    for (let n = 0; n < settings.runs; n++) {
      // Ours keeps names only of a directory that has not changed for some seconds.
      await sleep(settled);
      const server = await startBenchServer(name, settings, { keysFolder });
      const list = async (times: number): Promise<number> => {
        const before = cpuTime(server.pid);
        for (let each = 0; each < times; each++) await request(server.folder, "GET /v1/key/list/ HTTP/1.1");
        return (cpuTime(server.pid) - before) / 1000 / times;
      };
      (first[name] ??= []).push(await list(1));
      (further[name] ??= []).push(await list(5));
      writeFileSync(join(keysFolder, `added-${name}-${String(n)}`), "", { mode: 0o600 });
      (changed[name] ??= []).push(await list(1));
      await server.stop();
    }
  }
  const what = `list of ${count.toLocaleString("en")} names`;
  return [
    { name: `${what}, first`, unit: "ms CPU", target: "≤ 50 ms", runs: first },
    { name: `${what}, further`, unit: "ms CPU", target: "≤ 50 ms", runs: further },
    { name: `${what}, after a change`, unit: "ms CPU", target: "", runs: changed },
  ];
}

/** Resident memory with many policies and identities in the configuration. */
export async function policyMemoryMeasures(settings: LoadSettings): Promise<Measure[]> {
  const runs: Runs = {};
  const morePolicies = policyText(1000, 100);
  for (const name of settings.servers.filter((server) => server !== "bare")) {
    const server = await startBenchServer(name, settings, { morePolicies });
    await sleep(1000);
    runs[name] = [residentMemory(server.pid) / 1e6];
    await server.stop();
  }
  return [
    { name: "resident memory, 100,000 identities in 1,000 policies", unit: "MB", target: "at rest + ≤ 60 MB", runs },
  ];
}

/** One decision among 1,000 policies of 100 patterns and 100,000 identities; ours only. */
export function decisionMeasures(settings: LoadSettings): Measure[] {
  const names = Array.from({ length: 1000 }, (_, n) => `policy-${n}`);
  const policies = new Map(names.map((name, n) => [name, policyOf(n)]));
  const access = buildAccess({ admin: "_", policies, proxies: [], startedAt: "2026-01-01T00:00:00Z" });
  const askers = Array.from({ length: 4096 }, (_, n) => {
    return { identity: identityOf((n * 7919) % 1000, n % 100), path: `/v1/key/generate/tenant-${n % 97}-key` };
  });
  const runs: number[] = [];
  for (let run = 0; run < settings.runs; run++) {
    const start = performance.now();
    let allowed = 0;
    for (let round = 0; round < 100; round++) {
      for (const { identity, path } of askers) allowed += access.decide(identity, path).allowed ? 1 : 0;
    }
    if (allowed === 0) throw new Error("no decision allowed anything");
    runs.push(((performance.now() - start) * 1000) / (100 * askers.length));
  }
  return [
    { name: "policy decision, 1,000 policies × 100 patterns", unit: "µs", target: "≤ 2 µs", runs: { ours: runs } },
  ];
}

function policyOf(n: number) {
  const allow = Array.from({ length: 100 }, (_, k) => `/v1/key/generate/tenant-${k}-*`);
  return { allow, deny: [], identities: Array.from({ length: 100 }, (_, k) => identityOf(n, k)) };
}

function identityOf(policy: number, n: number): string {
  return (policy * 100 + n).toString(16).padStart(64, "0");
}

function policyText(policies: number, identities: number): string {
  const lines: string[] = [];
  for (let n = 0; n < policies; n++) {
    lines.push(
      `  policy-${n}:`,
      `    allow: ["/v1/key/generate/tenant-${n}-*", "/v1/key/decrypt/tenant-${n}-*"]`,
      "    identities:",
    );
    for (let k = 0; k < identities; k++) lines.push(`      - "${identityOf(n, k)}"`);
  }
  return `${lines.join("\n")}\n`;
}

/** Key files as the Go server writes them (reference 4.6, V14b). */
function writeKeys(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stored =
    "CiQKIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fEAESJAogQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8QARoLCIDiz6oGEJWa7zoiQDNlY2ZjZGYzOGZjYmUxNDFhZTI2YTEwMzBmODFlOTZiNzUzMzY1YTQ2NzYwYWU2YjU3ODY5OGE5N2M1OWZkMjI=";
  for (let n = 0; n < count; n++) {
    writeFileSync(join(folder, `key-${String(n).padStart(6, "0")}`), stored, { mode: 0o600 });
  }
}
