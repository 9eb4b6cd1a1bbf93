// Events, written to a stand-in for the API server.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../../operator/kube/client.ts";
import { EventSeries } from "../../../operator/kube/event-series.ts";
import { Events } from "../../../operator/kube/events.ts";
import type { EventDetails } from "../../../operator/kube/event-series.ts";
import { keptLog } from "../kept-log.ts";
import { until } from "../until.ts";
import { KubeStandIn, fail } from "./kube-stand-in.ts";

const minute = 60_000;

function about(name: string, more: Partial<EventDetails> = {}): EventDetails {
  const metadata = { name, namespace: "tests", uid: `uid-of-${name}`, resourceVersion: "7" };
  const regarding = { apiVersion: "kes-operator.io/v1alpha1", kind: "KesServer", metadata };
  return { regarding, type: "Normal", reason: "Moved", action: "Move", message: "from here to there", ...more };
}

describe("events", () => {
  let api: KubeStandIn;
  let client: Client;
  let events: Events;
  let now: number;

  const written = () => api.seen.map(({ body }) => JSON.parse(body));

  async function record(timing = { refresh: minute, retry: 20 }, speed = { burst: 50, perSecond: 50 }): Promise<void> {
    await events[Symbol.asyncDispose]();
    const reporter = { controller: "kes-operator.io/operator", instance: "me" };
    events = new Events({ api: client, log: keptLog(), ...reporter, now: () => now, timing, speed });
  }

  beforeEach(async () => {
    now = Date.parse("2026-11-22T10:00:00Z");
    api = await KubeStandIn.start();
    const patience = { call: 1_000, silence: 1_000 };
    client = new Client({ connection: await api.connection(), userAgent: "tests", patience });
    const reporter = { controller: "kes-operator.io/operator", instance: "me" };
    events = new Events({ api: client, log: keptLog(), ...reporter, now: () => now });
  });

  afterEach(async () => {
    await events[Symbol.asyncDispose]();
    client[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });

  test("say who, what and about which object, as events.k8s.io/v1 wants it", async () => {
    events.record(about("one"));
    await until("the event", () => api.seen.length === 1);
    const [{ metadata, ...event }] = written();
    assert.deepEqual(event, {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      eventTime: "2026-11-22T10:00:00.000000Z",
      type: "Normal",
      reason: "Moved",
      action: "Move",
      note: "from here to there",
      regarding: {
        apiVersion: "kes-operator.io/v1alpha1",
        kind: "KesServer",
        name: "one",
        namespace: "tests",
        uid: "uid-of-one",
        resourceVersion: "7",
      },
      reportingController: "kes-operator.io/operator",
      reportingInstance: "me",
    });
    assert.equal(metadata.namespace, "tests");
    assert.match(metadata.name, /^one\.[0-9a-f]+$/);
    assert.equal(api.seen[0]?.url.pathname, `/apis/events.k8s.io/v1/namespaces/tests/events/${metadata.name}`);
  });

  test("that repeat are one event with a count: told at the second time, then from time to time", async () => {
    await record({ refresh: 300, retry: 20 });
    for (let times = 1; times <= 10; times += 1) {
      events.record(about("one"));
      if (times <= 2) await until("its write", () => api.seen.length === times);
      now += 1_000;
    }
    await until("three writes", () => api.seen.length === 3);
    const [first, second, third] = written();
    assert.equal(new Set([first, second, third].map(({ metadata }) => metadata.name)).size, 1);
    assert.equal(first.series, undefined);
    assert.deepEqual([second.series.count, third.series.count], [2, 10]);
    assert.equal(third.series.lastObservedTime, "2026-11-22T10:00:09.000000Z");
    assert.equal(third.eventTime, first.eventTime);
    await sleep(700);
    assert.equal(api.seen.length, 3, "nothing is written that says nothing new");
  });

  test("that wait are written before the end", async () => {
    for (let times = 0; times < 5; times += 1) events.record(about("one"));
    events.record(about("two"));
    await events[Symbol.asyncDispose]();
    const last = new Map(written().map(({ regarding, series }) => [regarding.name, series?.count ?? 1]));
    assert.deepEqual(
      [...last],
      [
        ["one", 5],
        ["two", 1],
      ],
    );
  });

  test("of many objects at once follow slowly, warnings first", async () => {
    await record({ refresh: minute, retry: 20 }, { burst: 2, perSecond: 5 });
    const objects = ["a", "b", "c", "d"];
    const began = performance.now();
    for (const name of objects) events.record(about(name));
    events.record(about("e", { type: "Warning" }));
    await until("all of them", () => api.seen.length === 5);
    const times = api.seen.map(({ at }) => at - began);
    // Two at once, then one each fifth of a second.
    assert.ok(
      [0, 0, 195, 395, 595].every((least, index) => (times[index] ?? 0) >= least),
      times.join(", "),
    );
    const order = written().map(({ regarding }) => regarding.name);
    assert.ok(order.indexOf("e") < order.indexOf("c"), order.join(" "));
    assert.deepEqual(new Set(order), new Set([...objects, "e"]));
  });

  test("with a long note are cut where the API would refuse them", async () => {
    events.record(about("one", { message: "ü".repeat(1_000) }));
    await until("the event", () => api.seen.length === 1);
    const [{ note }] = written();
    assert.ok(Buffer.byteLength(note) <= 1_024);
    assert.match(note, /^ü{400,}.?…$/);
  });

  test("about objects with long names have names of their own that are not too long", async () => {
    const long = "a".repeat(253);
    for (const reason of ["One", "Other"]) events.record(about(long, { reason }));
    await until("both", () => api.seen.length === 2);
    const names = written().map(({ metadata }) => metadata.name);
    assert.notEqual(names[0], names[1]);
    for (const name of names) assert.ok(name.length <= 253);
  });

  test("that cannot be written are tried once more, and then nobody is kept waiting", async () => {
    await record();
    let failures = 0;
    api.script = (_, response) => {
      failures += 1;
      return fail(response, 500, "no");
    };
    events.record(about("one"));
    await until("two attempts", () => failures === 2);
    api.script = undefined;
    events.record(about("two"));
    await until("the next", () => api.object("/apis/events.k8s.io/v1/events", "tests", written()[2]?.metadata.name));
    assert.equal(failures, 2);
  });

  test("that the server refuses are not tried again", async () => {
    await record();
    api.script = (_, response) => fail(response, 403, "the namespace is going away");
    events.record(about("one"));
    await until("the attempt", () => api.seen.length === 1);
    await sleep(100);
    assert.equal(api.seen.length, 1);
  });

  test("in great numbers do not grow without end while the server is away", async () => {
    await api.stop();
    for (let at = 0; at < 5_000; at += 1) events.record(about(`object-${at}`));
    await api.resume();
    await events[Symbol.asyncDispose]();
    assert.ok(api.seen.length <= 1_001);
  });
});

describe("what is told about one object", () => {
  const at = Date.parse("2026-11-22T10:00:00Z");

  test("is at most 25 events at once, then one in five minutes", () => {
    const series = new EventSeries();
    const told = (number: number, now: number) =>
      series.add(about("one", { message: `number ${number}` }), now) !== undefined;
    const first = Array.from({ length: 30 }, (_, number) => told(number, at));
    assert.equal(first.filter(Boolean).length, 25);
    assert.equal(told(31, at + 4 * minute), false);
    assert.deepEqual([told(32, at + 5 * minute), told(33, at + 5 * minute)], [true, false]);
    assert.notEqual(series.add(about("two"), at + 5 * minute), undefined, "another object has its own allowance");
  });

  test("begins a new event when the last one is six minutes ago", () => {
    const series = new EventSeries();
    const first = series.add(about("one"), at);
    assert.equal(series.add(about("one"), at + 5 * minute), first);
    assert.notEqual(series.add(about("one"), at + 11 * minute), first);
  });

  test("is forgotten when it is over and told", () => {
    const series = new EventSeries();
    const told = series.add(about("one"), at);
    assert.ok(told !== undefined);
    assert.deepEqual(series.sweep(at + 7 * minute), [told]);
    told.sentCount = told.count;
    assert.deepEqual([series.sweep(at + 7 * minute).length, series.size], [0, 0]);
  });
});
