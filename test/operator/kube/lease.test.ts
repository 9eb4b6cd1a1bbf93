// Who leads, with several holders in one process and times a fifth of the real ones: a process that gets no processor for half
// a second still keeps its lease. What happens to one that is stopped and goes on is tried in test/real/operator/kube.test.ts.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../../operator/kube/client.ts";
import { systemClock } from "../../../operator/kube/clock.ts";
import type { Clock } from "../../../operator/kube/clock.ts";
import { FencedError } from "../../../operator/kube/errors.ts";
import { Lease } from "../../../operator/kube/lease.ts";
import { keptLog } from "../kept-log.ts";
import { until } from "../until.ts";
import { KubeStandIn, fail } from "./kube-stand-in.ts";

const leases = "/apis/coordination.k8s.io/v1/leases";
const timing = { lease: 3_000, renew: 2_000, retry: 400 };

/** A clock of which a test says how far it is off. */
class OddClock implements Clock {
  ahead = 0;
  wallAhead = 0;

  wall(): number {
    return systemClock.wall() + this.wallAhead;
  }

  monotonic(): number {
    return systemClock.monotonic() + this.ahead;
  }

  schedule(callback: () => void, delay: number): () => void {
    return systemClock.schedule(callback, delay);
  }
}

/** Whether it is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await sleep(0);
  return settled;
}

describe("a lease", () => {
  let api: KubeStandIn;
  let clients: Client[];
  let stop: AbortController;
  let held: Lease[];

  async function holder(identity: string, clock: Clock = systemClock, predecessors?: string): Promise<Lease> {
    const patience = { call: 1_000, silence: 1_000 };
    const client = new Client({ connection: await api.connection(), userAgent: "tests", patience });
    clients.push(client);
    const ref = { namespace: "operators", name: "kes-operator" };
    const lease = new Lease({ api: client, ref, identity, predecessors, clock, log: keptLog(), timing });
    held.push(lease);
    return lease;
  }

  const spec = () => api.object(leases, "operators", "kes-operator")?.spec;

  beforeEach(async () => {
    api = await KubeStandIn.start();
    clients = [];
    held = [];
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort();
    await Promise.all(held.map((lease) => lease.release()));
    for (const client of clients) client[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });

  test("is made by the first who wants it, and renewed", async () => {
    const one = await holder("one");
    assert.throws(one.fence, FencedError);
    assert.equal(await one.acquire(stop.signal), true);
    one.fence();
    const first = spec();
    assert.deepEqual([first.holderIdentity, first.leaseTransitions, first.leaseDurationSeconds], ["one", 0, 3]);
    assert.match(first.renewTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    await sleep(timing.renew + 500);
    assert.ok(one.isHeld && spec().renewTime > first.renewTime);
    assert.equal(spec().acquireTime, first.acquireTime);
    // One look, one creation, then renewals alone.
    assert.deepEqual([api.count("get"), api.count("create")], [1, 1]);
    assert.equal(api.seen.at(-1)?.url.searchParams.get("fieldManager"), "kes-operator-leader-election");
  });

  test("is not given to a second while the first renews it", async () => {
    await (await holder("one")).acquire(stop.signal);
    const two = await holder("two");
    const acquiring = two.acquire(stop.signal);
    await sleep(timing.lease + 2_000);
    assert.equal(two.isHeld, false);
    assert.equal(two.holder, "one");
    stop.abort();
    assert.equal(await acquiring, false);
  });

  test("is taken over once it has been seen unchanged for its whole duration, whatever the times in it say", async () => {
    for (const renewTime of ["1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"]) {
      const left = { holderIdentity: "gone", leaseDurationSeconds: 0.75, renewTime, leaseTransitions: 3 };
      api.put(leases, { metadata: { name: "kes-operator", namespace: "operators" }, spec: left });
      const one = await holder("one");
      const began = performance.now();
      assert.equal(await one.acquire(stop.signal), true);
      const waited = performance.now() - began;
      assert.ok(waited >= 750 && waited < 10_000, `it took over after ${waited} ms`);
      assert.equal(spec().leaseTransitions, 4);
      await one.release();
    }
  });

  test("is taken over at once from a process that has ended in the same place, and from no other", async () => {
    for (const [left, isOver] of [
      ["pod-1_uid-1_a", true],
      ["pod-1_uid-2_a", false],
    ] as const) {
      const lost = { holderIdentity: left, leaseDurationSeconds: 0.75, leaseTransitions: 0 };
      api.put(leases, { metadata: { name: "kes-operator", namespace: "operators" }, spec: lost });
      const one = await holder("pod-1_uid-1_b", systemClock, "pod-1_uid-1_");
      const looks = api.count("get");
      assert.equal(await one.acquire(stop.signal), true);
      assert.equal(api.count("get") === looks + 1, isOver);
      await one.release();
    }
  });

  test("believes the duration that its holder has written", async () => {
    const left = { holderIdentity: "slow", leaseDurationSeconds: 4.5, leaseTransitions: 0 };
    api.put(leases, { metadata: { name: "kes-operator", namespace: "operators" }, spec: left });
    const began = performance.now();
    await (await holder("one")).acquire(stop.signal);
    assert.ok(performance.now() - began >= 4_500);
  });

  test("a wall clock that is off by years changes nothing", async () => {
    const wrong = new OddClock();
    wrong.wallAhead = 10 * 365 * 86_400_000;
    const one = await holder("one", wrong);
    await one.acquire(stop.signal);
    const two = await holder("two");
    void two.acquire(stop.signal);
    await sleep(timing.lease + 1_000);
    assert.deepEqual([one.isHeld, two.isHeld], [true, false]);
  });

  test("of several who want it, one gets it at a time", async () => {
    const all = await Promise.all(["a", "b", "c", "d"].map((identity) => holder(identity)));
    const acquired = all.map((lease) => lease.acquire(stop.signal));
    await until("a leader", () => all.some(({ isHeld }) => isHeld));
    for (let look = 0; look < 50; look += 1) {
      assert.equal(all.filter(({ isHeld }) => isHeld).length, 1);
      await sleep(10);
    }
    const leader = all.find(({ isHeld }) => isHeld);
    await leader?.release();
    await until("the next", () => all.some((lease) => lease !== leader && lease.isHeld));
    stop.abort();
    await Promise.all(acquired);
  });

  test("given back, it is free at once", async () => {
    const one = await holder("one");
    await one.acquire(stop.signal);
    await one.release();
    assert.throws(one.fence, FencedError);
    assert.equal(spec().holderIdentity, "");
    assert.equal(await isSettled(one.lost), false);
    const looks = api.count("get");
    await (await holder("two")).acquire(stop.signal);
    assert.equal(api.count("get"), looks + 1, "at its first look");
  });

  test("is not given back by one who does not hold it", async () => {
    await (await holder("one")).acquire(stop.signal);
    await (await holder("two")).release();
    assert.equal(spec().holderIdentity, "one");
  });

  test("survives failures that are shorter than the deadline", async () => {
    const one = await holder("one");
    await one.acquire(stop.signal);
    api.script = (_, response) => fail(response, 500, "etcd has a headache");
    await sleep(1_000);
    api.script = undefined;
    await sleep(timing.renew);
    assert.ok(one.isHeld);
    assert.equal(await isSettled(one.lost), false);
  });

  test("survives a server that is slow, but not too slow", async () => {
    const one = await holder("one");
    await one.acquire(stop.signal);
    api.delay = 400;
    await sleep(2 * timing.renew);
    assert.ok(one.isHeld);
    assert.equal(await isSettled(one.lost), false);
  });

  test("is lost when it cannot be renewed in time, before anybody else may take it", async () => {
    const one = await holder("one");
    await one.acquire(stop.signal);
    const two = await holder("two");
    const second = two.acquire(stop.signal);
    await until("the second's look", () => two.holder === "one");
    // The first alone is cut off.
    api.script = ({ body }, response) => (body.includes('"one"') ? fail(response, 500, "no") : undefined);
    const renewedAt = api.seen.findLast(({ body }) => body.includes('"one"'))?.at ?? NaN;
    assert.match(await one.lost, /not renewed for 2 s/);
    const lostAfter = performance.now() - renewedAt;
    assert.ok(lostAfter < timing.lease && !two.isHeld, `lost after ${lostAfter} ms`);
    assert.throws(one.fence, FencedError);
    assert.match(one.problem ?? "", /was lost/);
    assert.equal(await second, true);
    assert.ok(performance.now() - renewedAt >= timing.lease);
  });

  test("is lost when the server hangs", async () => {
    const one = await holder("one");
    await one.acquire(stop.signal);
    api.script = () => true;
    await one.lost;
    assert.throws(one.fence, FencedError);
  });

  test("is lost at once when somebody else has taken it", async () => {
    const one = await holder("one");
    await one.acquire(stop.signal);
    const object = api.object(leases, "operators", "kes-operator");
    api.put(leases, { ...object, spec: { ...object.spec, holderIdentity: "usurper" } });
    assert.equal(await one.lost, "usurper holds the lease");
    assert.throws(one.fence, FencedError);
    await sleep(2 * timing.retry);
    assert.equal(spec().holderIdentity, "usurper");
  });

  test("is made again when somebody deletes it", async () => {
    const one = await holder("one");
    await one.acquire(stop.signal);
    api.remove(leases, "operators", "kes-operator");
    await until("the new one", () => spec()?.holderIdentity === "one");
    assert.ok(one.isHeld);
  });

  test("after a long sleep, the fence is down before anything else happens, and the lease is not touched", async () => {
    const clock = new OddClock();
    const one = await holder("one", clock);
    await one.acquire(stop.signal);
    one.fence();
    clock.ahead = 60_000;
    assert.throws(one.fence, FencedError);
    const before = api.seen.length;
    await one.lost;
    assert.equal(api.seen.length, before);
  });

  test("a renewal that is answered only after a long sleep does not count", async () => {
    const clock = new OddClock();
    const one = await holder("one", clock);
    await one.acquire(stop.signal);
    const asked = Promise.withResolvers<void>();
    api.script = async () => {
      asked.resolve();
      await sleep(50);
      return undefined;
    };
    await asked.promise;
    clock.ahead = 60_000;
    let reason: string | undefined;
    void one.lost.then((text) => (reason = text));
    await until("its loss", () => reason !== undefined);
    assert.equal(reason, "not renewed for 2 s");
    assert.throws(one.fence, FencedError);
  });
});
