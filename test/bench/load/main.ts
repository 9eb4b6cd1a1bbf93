// The load generator, a process of its own: reads one job as JSON from its argument, prints one result as JSON.
import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { cpuTime } from "../process-figures.ts";
import { LoadConnection, preface } from "./connection.ts";
import type { HandshakeJob, HandshakeResult, Job, RequestJob, RequestResult } from "./job.ts";

const job = JSON.parse(process.argv[2] ?? "") as Job;
const credentials = { key: readFileSync(job.keyFile), cert: readFileSync(job.certFile) };
const server = { host: "127.0.0.1", port: job.port, ...credentials };
process.stdout.write(JSON.stringify(job.kind === "requests" ? await requests(job) : await handshakes(job)));
process.exit();

/** Keeps `streams` requests in flight on each of `connections`, and counts what comes back within the window. */
async function requests(job: RequestJob): Promise<RequestResult> {
  const latencies = new Float64Array(8_000_000);
  let [measuring, answered, wrong] = [false, 0, 0];
  const failures: string[] = [];
  const connections = Array.from({ length: job.connections }, () => {
    return new LoadConnection(
      server,
      { ...job, body: Buffer.from(job.body) },
      {
        answered: (latency, right) => {
          if (measuring) latencies[answered++] = latency;
          if (!right) wrong += 1;
        },
        failed: (reason) => failures.push(reason),
      },
    );
  });
  await Promise.all(connections.map((connection) => connection.opened()));
  for (const connection of connections) connection.send(job.streams);

  await sleep(job.warmup * 1000);
  const [cpu, start] = [cpuTime(job.serverPid), performance.now()];
  const own = process.cpuUsage();
  measuring = true;
  await sleep(job.seconds * 1000);
  measuring = false;
  const elapsed = performance.now() - start;
  const spent = cpuTime(job.serverPid) - cpu;
  const client = process.cpuUsage(own);
  for (const connection of connections) connection.close();
  const sorted = latencies.subarray(0, answered).toSorted();
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN) * 1000;
  return {
    answered,
    wrong,
    failures: failures.slice(0, 3),
    seconds: elapsed / 1000,
    cpuPerRequest: spent / answered,
    clientCpuPerRequest: (client.user + client.system) / answered,
    p50: at(0.5),
    p99: at(0.99),
  };
}

/** Opens connections one after the other in each of `parallel` lanes; each asks one request, or none, and goes. */
async function handshakes(job: HandshakeJob): Promise<HandshakeResult> {
  let opened = 0;
  let failures = 0;
  const visit = job.request ? askOnce : greet;
  const [cpu, start] = [cpuTime(job.serverPid), performance.now()];
  const lane = async () => {
    while (performance.now() - start < job.seconds * 1000) {
      if (await visit()) opened += 1;
      else failures += 1;
    }
  };
  await Promise.all(Array.from({ length: job.parallel }, lane));
  return { opened, failures, cpuPerConnection: (cpuTime(job.serverPid) - cpu) / opened };
}

/** Goes when the server has sent its first HTTP/2 frame, which it does after it has verified the handshake. */
function greet(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ ...server, ALPNProtocols: ["h2"], rejectUnauthorized: false });
    socket.write(preface());
    socket.on("data", () => {
      resolve(true);
      socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(false));
  });
}

function askOnce(): Promise<boolean> {
  return new Promise((resolve) => {
    const request = { method: "GET", path: "/version", body: Buffer.alloc(0) } as const;
    const connection = new LoadConnection(server, request, {
      answered: (_, right) => {
        resolve(right);
        connection.close();
      },
      failed: () => resolve(false),
    });
    connection.opened().then(
      () => connection.send(1),
      () => resolve(false),
    );
  });
}
