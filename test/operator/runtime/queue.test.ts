import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import * as fc from "fast-check";
import { Queue } from "../../../operator/runtime/queue.ts";
import type { QueueOptions } from "../../../operator/runtime/queue.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";

describe("the queue", () => {
  let clock: FakeClock;
  let queue: Queue;

  function make(options: Partial<QueueOptions> = {}): void {
    queue = new Queue({ clock, random: () => 0, ...options });
  }

  /** What a worker would get now; undefined: it would wait. */
  async function next(): Promise<string | undefined> {
    return queue.depth === 0 ? undefined : await queue.take();
  }

  beforeEach(() => {
    clock = new FakeClock();
    make();
  });

  test("gives keys in order, each once however often it was added", async () => {
    for (const key of ["a", "b", "a", "c", "b"]) queue.add(key);
    assert.deepEqual([await next(), await next(), await next(), await next()], ["a", "b", "c", undefined]);
  });

  test("gives a key to one worker at a time, and again when it was added meanwhile", async () => {
    queue.add("a");
    assert.equal(await next(), "a");
    for (const _ of [1, 2]) queue.add("a");
    assert.equal(await next(), undefined);
    queue.done("a");
    assert.equal(await next(), "a");
    queue.done("a");
    assert.equal(await next(), undefined);
  });

  test("wakes a worker that waits", async () => {
    const [first, second] = [queue.take(), queue.take()];
    queue.add("a");
    queue.add("b");
    assert.deepEqual(await Promise.all([first, second]), ["a", "b"]);
  });

  test("what is added while a worker wakes is the same visit", async () => {
    const worker = queue.take();
    await settle();
    for (const _ of [1, 2, 3]) queue.add("a");
    assert.equal(await worker, "a");
    queue.done("a");
    assert.equal(await next(), undefined);
  });

  describe("patient keys", () => {
    test("let all others go first", async () => {
      queue.addPatient("patient");
      for (const key of ["a", "b"]) queue.add(key);
      assert.equal(queue.depth, 3);
      const order = [await next(), await next(), await next(), await next()];
      assert.deepEqual(order, ["a", "b", "patient", undefined]);
      assert.deepEqual([queue.wasPatient("a"), queue.wasPatient("patient")], [false, true]);
    });

    test("have their turn after two minutes, whoever waits", async () => {
      queue.addPatient("patient");
      await clock.advance(119_999);
      queue.add("a");
      assert.equal(await next(), "a");
      queue.add("b");
      await clock.advance(1);
      assert.deepEqual([await next(), queue.wasPatient("patient")], ["patient", true]);
    });

    test("are visited once, with the others, when a change comes before", async () => {
      queue.addPatient("a");
      queue.add("a");
      queue.addPatient("a");
      assert.deepEqual([await next(), queue.wasPatient("a"), await next()], ["a", false, undefined]);
    });

    test("added during their visit wait for its end, and a change takes their place", async () => {
      for (const change of [false, true]) {
        queue.add("a");
        await next();
        queue.addPatient("a");
        if (change) queue.add("a");
        assert.equal(await next(), undefined);
        queue.done("a");
        assert.deepEqual([await next(), queue.wasPatient("a")], ["a", !change]);
        queue.done("a");
        assert.equal(await next(), undefined);
      }
    });

    test("wake a worker", async () => {
      const worker = queue.take();
      queue.addPatient("a");
      assert.equal(await worker, "a");
    });
  });

  describe("with a set time", () => {
    test("gives a key when it has come", async () => {
      queue.addAfter("a", 1_000);
      await clock.advance(999);
      assert.equal(queue.depth, 0);
      await clock.advance(1);
      assert.equal(await next(), "a");
    });

    test("keeps the earliest of several", async () => {
      queue.addAfter("a", 1_000);
      queue.addAfter("a", 5_000);
      queue.addAfter("b", 5_000);
      queue.addAfter("b", 1_000);
      await clock.advance(1_000);
      assert.deepEqual([await next(), await next()], ["a", "b"]);
      for (const key of ["a", "b"]) queue.done(key);
      await clock.advance(10_000);
      assert.deepEqual([queue.depth, clock.timers], [0, 0]);
    });

    test("a change comes first and the set time stays", async () => {
      queue.addAfter("a", 1_000);
      queue.add("a");
      assert.equal(await next(), "a");
      queue.done("a");
      await clock.advance(1_000);
      assert.equal(await next(), "a");
    });

    test("no time at all is now", () => {
      queue.addAfter("a", 0);
      queue.addAfter("b", -5);
      assert.equal(queue.depth, 2);
    });
  });

  describe("after failures", () => {
    test("waits 1 s, then twice as long each time, up to 5 minutes, each key for itself", () => {
      const waits = Array.from({ length: 11 }, () => queue.retry("a") / 1_000);
      assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
      assert.equal(queue.retry("b"), 1_000);
      assert.equal(queue.failuresOf("a"), 11);
    });

    test("begins anew after a success", () => {
      for (const _ of [1, 2, 3]) queue.retry("a");
      queue.forget("a");
      assert.deepEqual([queue.failuresOf("a"), queue.retry("a")], [0, 1_000]);
    });

    test("adds up to a tenth at random", () => {
      make({ random: () => 1 });
      assert.equal(Math.round(queue.retry("a")), 1_100);
    });

    test("never comes back before the server wants it to", () => {
      assert.equal(queue.retry("a", 30_000), 30_000);
      assert.equal(queue.retry("a", 1_000), 2_000);
    });

    test("after the first hundred at once, ten a second come back", () => {
      const waits = Array.from({ length: 200 }, (_, at) => queue.retry(`key-${at}`));
      assert.deepEqual([waits[0], waits[99], waits[109], waits[199]], [1_000, 1_000, 1_000, 10_000]);
    });

    test("changes do not wait for that", () => {
      for (let at = 0; at < 500; at += 1) queue.retry(`failed-${at}`);
      for (let at = 0; at < 500; at += 1) queue.add(`changed-${at}`);
      assert.equal(queue.depth, 500);
    });

    test("the hundred are there again after a while", async () => {
      for (let at = 0; at < 100; at += 1) queue.retry(`key-${at}`);
      await clock.advance(10_000);
      assert.equal(queue.retry("another"), 1_000);
    });
  });

  test("closed, it gives out nothing, wakes who waits and forgets the rest", async () => {
    const waiting = queue.take();
    queue.close();
    queue.add("a");
    queue.addAfter("b", 10);
    await clock.advance(100);
    assert.deepEqual([await waiting, await queue.take(), queue.depth, clock.timers], [undefined, undefined, 0, 0]);
  });

  test("closed during a visit, what was added meanwhile is not visited", async () => {
    queue.add("a");
    await next();
    queue.add("a");
    queue.addAfter("a", 50);
    queue.close();
    queue.done("a");
    await clock.advance(100);
    assert.deepEqual([queue.depth, clock.timers], [0, 0]);
  });

  test("tells how long keys waited and visits took", async () => {
    const told: string[] = [];
    make({
      metrics: {
        added: () => told.push("added"),
        retried: () => told.push("retried"),
        taken: (waited) => told.push(`taken after ${waited}`),
        finished: (worked) => told.push(`finished after ${worked}`),
      },
    });
    queue.add("a");
    queue.add("a");
    await clock.advance(2_000);
    await next();
    queue.add("a");
    await clock.advance(3_000);
    assert.deepEqual(queue.unfinished, { total: 3, longest: 3 });
    queue.done("a");
    queue.retry("b");
    await next();
    assert.deepEqual(told, ["added", "taken after 2", "added", "finished after 3", "retried", "taken after 3"]);
  });

  test("whatever happens, no key is visited twice at a time and none is forgotten", async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant("add" as const), key: fc.nat(4) }),
      fc.record({ type: fc.constant("after" as const), key: fc.nat(4), ms: fc.nat(500) }),
      fc.record({ type: fc.constant("retry" as const), key: fc.nat(4) }),
      fc.record({ type: fc.constant("done" as const), key: fc.nat(4) }),
      fc.record({ type: fc.constant("pass" as const), ms: fc.nat(800) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        clock = new FakeClock();
        make();
        const visited = new Set<string>();
        const owed = new Set<string>();
        const work = async (): Promise<void> => {
          for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
            assert.equal(visited.has(key), false, "two workers on one key");
            visited.add(key);
            owed.delete(key);
          }
        };
        const working = work();
        for (const each of steps) {
          const key = "key" in each ? String(each.key) : "";
          if (each.type === "pass") await clock.advance(each.ms);
          else if (each.type === "done") {
            visited.delete(key);
            queue.done(key);
          } else {
            owed.add(key);
            if (each.type === "add") queue.add(key);
            else if (each.type === "after") queue.addAfter(key, each.ms);
            else queue.retry(key);
          }
          await settle();
        }
        // All visits end, and all times come.
        for (let round = 0; round < 20; round += 1) {
          for (const key of visited) {
            visited.delete(key);
            queue.done(key);
          }
          await clock.advance(300_000);
        }
        assert.deepEqual([...owed], []);
        queue.close();
        await working;
      }),
      { numRuns: 200 },
    );
  });
});
