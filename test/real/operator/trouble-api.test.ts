// An API server on a bad day, seen by an operator that leads: histories that are gone, watches that fall silent, calls that
// take two seconds, pleas to be left alone, lists that come back short. Three servers answer throughout.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readConfig } from "../../../operator/config.ts";
import { defaultPatience } from "../../../operator/kube/client.ts";
import { systemClock } from "../../../operator/kube/clock.ts";
import { connectByKubeconfig } from "../../../operator/kube/connection.ts";
import { createLog } from "../../../operator/log.ts";
import { runManager } from "../../../operator/manager.ts";
import { Metrics } from "../../../operator/metrics.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { isWrite, shortly } from "../../support/operator-api-call.ts";
import type { ApiCall } from "../../support/operator-api-call.ts";
import type { PodClient } from "../../support/operator-clients.ts";
import { ApiFront, expired } from "../../support/operator-api-front.ts";
import { timeUntil } from "../../support/operator-propagation.ts";
import { startOperator } from "../../support/operator-process.ts";
import type { OperatorProcess } from "../../support/operator-process.ts";
import { makeLeaf } from "../../support/certificates.ts";
import { loadRules, startService, underLoad } from "../../support/operator-service.ts";
import type { KeyService } from "../../support/operator-service.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { Id, World } from "../../support/operator-world.ts";

let world: World;
let front: ApiFront;
let operator: OperatorProcess;
let service: KeyService;

before(async () => {
  world = await startWorld();
  front = await ApiFront.open(world.cluster);
  operator = await startOperator(world.cluster, world.chart, { port: front.port });
  service = await startService(world, "keys");
});

beforeEach(async () => {
  front.meddle = () => undefined;
  await untilQuiet();
});

after(async () => {
  await operator[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** Nothing is left to be written: a pod that is late with a bundle is asked again after up to two seconds. */
async function untilQuiet(): Promise<void> {
  for (let writes = -1; ;) {
    const now = front.since(0, isWrite).length;
    if (now === writes) return;
    writes = now;
    await sleep(2500);
  }
}

/** Milliseconds until all servers follow an edit that gives the load one more route. */
function timeOfGrant(): Promise<number> {
  return timeUntil(service.clients, "GET /v1/api", 200, () => {
    return world.declare(service.policy, { allow: [...loadRules, "/v1/api"] });
  });
}

/** And its end. */
async function timeOfEdits(): Promise<number> {
  const granted = await timeOfGrant();
  const taken = await timeUntil(service.clients, "GET /v1/api", 403, () => {
    return world.declare(service.policy, { allow: loadRules });
  });
  return Math.max(granted, taken);
}

/** The Kubernetes Events about our objects, with how often each was told. */
async function eventsTold(): Promise<readonly string[]> {
  const { items } = await world.cluster.api.get("/apis/events.k8s.io/v1/events");
  const all: readonly Json[] = items;
  return all
    .filter((event) => event.reportingController === "kes-operator.io/operator")
    .map((event) => `${event.metadata.name} ${event.reason} ${event.series?.count ?? 1}`)
    .toSorted();
}

const ofMain = ({ resource }: ApiCall): boolean => resource !== "leases";

test("410 on every watch: one list each, and nobody hears of anything twice", async (t) => {
  await underLoad(world, service, async () => {
    const told = await eventsTold();
    const from = front.calls.length;
    const watches = front.expireWatches();
    assert.ok(watches >= 15, `${watches} watches were open`);
    await world.until("all watch again", async () => watchesSince(from).length >= watches);
    await untilQuiet();
    const lists = listsSince(from);
    assert.deepEqual(countsOf(lists), countsOf(watchesSince(from)), "one list for each watch");
    assert.deepEqual(front.since(from, isWrite).map(shortly), [], "nothing had changed");
    assert.deepEqual(await eventsTold(), told);
    t.diagnostic(
      `${watches} watches lost, ${lists.length} lists, an edit then took ${Math.round(await timeOfEdits())} ms`,
    );
  });
});

test("410 again and again: lists have their rest, and the first watch that holds brings everything", async (t) => {
  await underLoad(world, service, async () => {
    const from = front.calls.length;
    // Half of them as answers, half as the event that ends a watch.
    front.meddle = ({ verb }) => (verb === "watch" ? { answer: { status: 410, body: expired } } : undefined);
    front.expireWatches();
    await sleep(8000);
    const lists = listsSince(from);
    const most = Math.max(...Object.values(countsOf(lists)));
    assert.ok(most >= 2 && most <= 7, `one kind was listed ${most} times in 8 s`);
    assert.deepEqual(front.since(from, isWrite).map(shortly), []);
    await timeOfGrant();
    t.diagnostic(`${lists.length} lists in 8 s, at most ${most} of a kind; an edit was live through lists alone`);
    front.meddle = () => undefined;
    await world.until("watches hold again", async () => watchesSince(from).length > 0 && (await timeOfEdits()) < 2000);
  });
});

/** Kinds that this cluster does not have; they are looked for every few seconds. */
const absent: ReadonlySet<string> = new Set(["certificates", "issuers", "certificaterequests", "servicemonitors"]);

function listsSince(from: number): readonly ApiCall[] {
  return front.since(from, ({ verb, resource }) => verb === "list" && !absent.has(resource));
}

function watchesSince(from: number): readonly ApiCall[] {
  return front.since(from, ({ verb }) => verb === "watch");
}

/** By resource and selector. */
function countsOf(calls: readonly ApiCall[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { resource, query } of calls) {
    const key = `${resource} ${query.get("labelSelector") ?? ""}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

test("429 with Retry-After: no call before, and then everything", async (t) => {
  await underLoad(world, service, async () => {
    const rest = 4000;
    /** What was sent before the operator had heard of the refusal has arrived by then. */
    const heard = 500;
    let refusedAt = 0;
    front.meddle = ({ verb, resource, name }) => {
      if (refusedAt > 0 || verb !== "patch" || resource !== "configmaps" || name !== "kes-bundle") return undefined;
      refusedAt = Date.now();
      return tooMany(rest / 1000);
    };
    const took = await timeOfGrant();
    front.meddle = () => undefined;
    const during = front.since(0, (call) => ofMain(call) && call.at > refusedAt + heard && call.at < refusedAt + rest);
    assert.deepEqual(
      during.map((call) => `${shortly(call)} after ${call.at - refusedAt} ms`),
      [],
    );
    assert.ok(took >= rest && took < rest + 3000, `live after ${took} ms`);
    t.diagnostic(`refused for ${rest} ms, live after ${Math.round(took)} ms`);
  });
});

function tooMany(seconds: number): { answer: { status: number; headers: Record<string, string>; body: object } } {
  const body = { apiVersion: "v1", kind: "Status", status: "Failure", reason: "TooManyRequests", code: 429 };
  return { answer: { status: 429, headers: { "retry-after": String(seconds) }, body } };
}

test("2 s for every call: an edit is live within 15 s, and the lease is kept", async (t) => {
  await underLoad(world, service, async () => {
    const began = Date.now();
    front.meddle = ({ verb }) => (verb === "watch" ? undefined : { late: 2000 });
    const times = [await timeOfEdits(), await timeOfEdits()];
    assert.ok(Math.max(...times) < 15_000, `${times.join(", ")} ms`);
    // Longer than a lease that nobody renews would last.
    await sleep(Math.max(0, began + 20_000 - Date.now()));
    assert.ok(operator.running, "it leads on");
    const warnings = operator.lines(began).filter(({ message }) => message.startsWith("lease"));
    assert.deepEqual(warnings, []);
    t.diagnostic(`edits live after ${times.map(Math.round).join(" and ")} ms`);
  });
});

test("a list that comes back short takes access from nobody; what is deleted before its eyes goes at once", async (t) => {
  const ids = Array.from({ length: 24 }, (_, index): Id => ["kesidentities", "keys", `client-${index}`]);
  const clients = await declareClients(ids);
  await underLoad(world, service, async () => {
    await world.until("all are in the bundle", async () => (await bundleOf()).identities === 25);
    // A status that is still to be written would bring its object back by the watch.
    await untilQuiet();
    const { revision } = await bundleOf();
    listOnlyTheLoad();
    const held = await world.untilCondition(service.server, "PoliciesSynced", "RevocationHeld", 20_000);
    assert.match(held.message, /would take access from 24 of 25 identities/);
    const others = await timesOfNewcomer();
    await sleep(3000);
    assert.equal((await bundleOf()).revision, revision);
    listAll();
    await world.untilCondition(service.server, "PoliciesSynced", "True", 20_000);
    assert.equal((await bundleOf()).revision, revision);
    for (const client of clients) assert.equal(await client.status("PUT", "/v1/key/generate/load", {}), 200);

    listOnlyTheLoad();
    const began = Date.now();
    await world.until("what lasts goes out", async () => (await bundleOf()).revision !== revision);
    const after = Date.now() - began;
    assert.ok(after >= 29_000 && after < 45_000, `it went out after ${after} ms`);
    listAll();
    await world.until("all are back", async () => (await bundleOf()).revision === revision);

    const took = await timeUntil(clients, "PUT /v1/key/generate/load", 403, () =>
      Promise.all(ids.map((id) => world.remove(id))),
    );
    assert.ok(took < 8000, `24 deletions took ${took} ms`);
    t.diagnostic(`a short list was held for ${after} ms; 24 deletions were live after ${Math.round(took)} ms`);
    t.diagnostic(
      `while it was held, a new client was admitted and deleted in ${others.map(Math.round).join(" and ")} ms`,
    );
  });
});

/** Milliseconds until a new client is admitted, and until its deletion is obeyed. */
async function timesOfNewcomer(): Promise<readonly number[]> {
  const id: Id = ["kesidentities", "keys", "newcomer"];
  const certificate = await makeLeaf({ cn: "newcomer" });
  const clients = await world.clientsOf("keys", "kes", certificate);
  const refs = { serverRef: { name: "kes" }, policyRef: { name: "load" } };
  const call = "PUT /v1/key/generate/load";
  const admitted = await timeUntil(clients, call, 200, () =>
    world.declare(id, { ...refs, hash: certificate.identity }),
  );
  const removed = await timeUntil(clients, call, 403, () => world.remove(id));
  for (const client of clients) client[Symbol.dispose]();
  assert.ok(admitted < 5000 && removed < 5000, `${admitted} and ${removed} ms`);
  return [admitted, removed];
}

/** The first is somebody; the others are hashes. */
async function declareClients(ids: readonly Id[]): Promise<readonly PodClient[]> {
  const certificate = await makeLeaf({ cn: "client" });
  const refs = { serverRef: { name: "kes" }, policyRef: { name: "load" } };
  for (const [index, id] of ids.entries()) {
    const hash = index === 0 ? certificate.identity : randomBytes(32).toString("hex");
    await world.declare(id, { ...refs, hash });
  }
  return await world.clientsOf("keys", "kes", certificate);
}

function listOnlyTheLoad(): void {
  front.meddle = ({ verb, resource }) => {
    return verb === "list" && resource === "kesidentities" ? { edit: cutToTheLoad } : undefined;
  };
  front.expireWatches();
}

function cutToTheLoad({ items, metadata, ...list }: Json): Json {
  const all: readonly Json[] = items;
  const kept = all.filter((item) => item.metadata.name === "load");
  return { ...list, items: kept, metadata: { resourceVersion: metadata.resourceVersion } };
}

function listAll(): void {
  front.meddle = () => undefined;
  front.expireWatches();
}

/** As the status has it. */
async function bundleOf(): Promise<{ readonly revision: string; readonly identities: number }> {
  return (await world.read(service.server)).status.bundle;
}

test("watches that fall silent are replaced, and go on where they ended", async (t) => {
  assert.ok(defaultPatience.silence <= 150_000);
  await operator.stop();
  await using impatient = await startInside(3000);
  await underLoad(world, service, async () => {
    await untilQuiet();
    const from = front.calls.length;
    const silent = front.silenceWatches();
    assert.ok(silent >= 5, `${silent} watches were open`);
    const took = await timeOfGrant();
    assert.ok(took < 3000 + 3000, `${took} ms`);
    assert.deepEqual(listsSince(from).map(shortly), []);
    t.diagnostic(`patience 3000 ms: an edit that nobody was told of was live after ${Math.round(took)} ms`);
  });
  assert.deepEqual(impatient.problems(), []);
});

/** The operator in this process, with less patience for silence than it has by itself; in milliseconds. */
async function startInside(silence: number): Promise<AsyncDisposable & { readonly problems: () => readonly string[] }> {
  const lines: string[] = [];
  const read = readConfig([...world.chart.args, "--server-image=kes:test", "--ops-address=127.0.0.1:0"], {});
  assert.ok("config" in read);
  const token = await world.cluster.tokenFor(world.chart.namespace, world.chart.account);
  const kubeconfig = world.cluster.kubeconfigWith(token, `https://127.0.0.1:${front.port}`);
  const stop = new AbortController();
  const log = createLog({ level: "info", write: (line) => void lines.push(line) });
  const running = runManager(
    {
      config: { ...read.config, namespace: world.chart.namespace },
      connection: await connectByKubeconfig(kubeconfig, systemClock),
      log,
      metrics: new Metrics({
        version: "test",
        commit: "test",
        process: () => ({ residentBytes: 0, cpuSeconds: 0, startedAt: 0 }),
      }),
      identity: "inside",
      version: "test",
      die: () => assert.fail("the lease was lost"),
      patience: { ...defaultPatience, silence },
    },
    stop.signal,
  );
  await world.until("it leads", async () => lines.some((line) => line.includes("controllers run")));
  return {
    problems: () => lines.filter((line) => !line.includes(`"level":"info"`)),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
