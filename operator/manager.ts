// The life of one operator process:
//
//   connect ─ probes open ─ caches fill ─ lease acquired ─ controllers run ─┬─ told to stop: visits end, events are written,
//                                                                           │                the lease is given back
//                                                                           └─ lease lost: the process ends at once
//
// Caches come before the lease: a replica that stands by is warm, and one that cannot see the cluster does not lead. From
// the moment the lease may be another's, the fence in the client keeps every write back, whatever else still runs.
import { controllersIn } from "./assembly.ts";
import { Caches } from "./caches.ts";
import type { Config } from "./config.ts";
import type { CallSeen } from "./kube/calls.ts";
import { Client } from "./kube/client.ts";
import type { ClientOptions } from "./kube/client.ts";
import { systemClock } from "./kube/clock.ts";
import type { Connection } from "./kube/connection.ts";
import { Events } from "./kube/events.ts";
import { Lease } from "./kube/lease.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { Probes } from "./probes.ts";
import { ControllerRun } from "./runtime/controller.ts";
import { stateMetrics } from "./state-metrics.ts";

export interface ManagerOptions {
  readonly config: Config;
  readonly connection: Connection;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Unique to this process: names it in the lease and in events. */
  readonly identity: string;
  /** How the identities of earlier processes of the same pod begin; absent: not known. */
  readonly predecessors?: string | undefined;
  readonly version: string;
  /** Ends the process at once. */
  readonly die: () => never;
  /** Of calls and watches, as the client has it; absent: the client's own. */
  readonly patience?: ClientOptions["patience"];
}

/** Milliseconds that visits under way get to end; the kubelet waits for 30 s. */
const drain = 25_000;
/** Milliseconds: a renewal that takes longer is tried again on a new connection. */
const leasePatience = { call: 4_000, silence: 150_000 };
/** Warnings of the API server that are remembered, so that each is logged once. */
const maxWarnings = 100;

/** Runs until `signal` is aborted, and then until all work has ended in good order. @throws Error when it cannot start */
export async function runManager(options: ManagerOptions, signal: AbortSignal): Promise<void> {
  const { config, connection, log, metrics, identity } = options;
  const namespace = config.namespace ?? connection.namespace ?? "default";
  await using stack = new AsyncDisposableStack();
  const lease = config.leaderElect ? leaseOf(options, namespace, stack) : undefined;
  const api = stack.use(clientOf(options, lease));
  const caches = stack.use(new Caches({ api, watchNamespaces: config.watchNamespaces, log }));
  const probes = {
    livenessProblem: () => lease?.problem,
    readinessProblem: () => caches.problem,
    metrics: () => metrics.exposition(stateMetrics(caches)),
  };
  const { port } = stack.use(await Probes.open(config.opsAddress, probes));
  const { watchNamespaces } = config;
  log.info("started", { version: options.version, identity, namespace, watchNamespaces, opsPort: port });
  caches.start();
  await Promise.race([caches.ready(), abortOf(signal)]);
  if (signal.aborted || !(await lead(lease, options, signal))) return;
  const reporter = { controller: "kes-operator.io/operator", instance: identity };
  const events = stack.use(new Events({ api, log, ...reporter, now: () => Date.now() }));
  const runs = controllersIn({ config, namespace, api, caches, events, log, metrics }).map((controller) => {
    return new ControllerRun(controller, { clock: systemClock, log, metrics: metrics.controller(controller.name) });
  });
  log.info("controllers run");
  await abortOf(signal);
  log.info("stopping");
  await Promise.all(runs.map((run) => run.stop(drain)));
  await events[Symbol.asyncDispose]();
  await lease?.release();
  log.info("stopped");
}

/** Waits for the lease, where there is one; once it is lost again, the process ends. @returns whether to go on */
async function lead(lease: Lease | undefined, options: ManagerOptions, signal: AbortSignal): Promise<boolean> {
  if (lease === undefined) return true;
  const { log, metrics, die } = options;
  const name = leaseName(options.config);
  metrics.leads(name, false);
  log.info("caches complete, waiting for the lease", { lease: name });
  if (!(await lease.acquire(signal))) return false;
  metrics.leads(name, true);
  log.info("lease acquired", { lease: name });
  void lease.lost.then((reason) => {
    // No work may end in good order now: another process may already do it.
    log.error("lease lost, ending at once", { lease: name, reason });
    return die();
  });
  return true;
}

function leaseOf(options: ManagerOptions, namespace: string, stack: AsyncDisposableStack): Lease {
  const { connection, version, metrics, config, identity, predecessors, log } = options;
  // Its own connection, and no fence: a renewal waits behind nothing.
  const userAgent = `kes-operator/${version}`;
  const onCall = (call: CallSeen): void => metrics.called(call);
  const api = stack.use(new Client({ connection, userAgent, sockets: 2, patience: leasePatience, onCall }));
  const ref = { namespace, name: leaseName(config) };
  return new Lease({ api, ref, identity, predecessors, clock: systemClock, log });
}

function clientOf(options: ManagerOptions, lease: Lease | undefined): Client {
  const { connection, version, metrics, log, patience } = options;
  const warned = new Set<string>();
  return new Client({
    connection,
    userAgent: `kes-operator/${version}`,
    ...(lease === undefined ? {} : { fence: lease.fence }),
    ...(patience === undefined ? {} : { patience }),
    onCall: (call) => metrics.called(call),
    onWarning: (warning) => {
      if (warned.has(warning) || warned.size >= maxWarnings) return;
      warned.add(warning);
      log.warn("the API server warns", { warning });
    },
  });
}

/** Instances do not compete. */
function leaseName({ instanceId }: Config): string {
  return instanceId === "" ? "kes-operator" : `kes-operator-${instanceId}`;
}

function abortOf(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
