import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ApiError, FencedError } from "../../../operator/kube/errors.ts";
import type { Refusal } from "../../../operator/kube/errors.ts";
import { ControllerRun } from "../../../operator/runtime/controller.ts";
import type { ControllerState, Enqueue } from "../../../operator/runtime/controller.ts";
import { TerminalError } from "../../../operator/runtime/outcome.ts";
import type { Reconcile } from "../../../operator/runtime/outcome.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { keptLog } from "../kept-log.ts";
import { until } from "../until.ts";

function refusal(status: number, more: Partial<Refusal> = {}): ApiError {
  const attempt = { verb: "patch", resource: "configmaps", object: "tests/one" };
  return new ApiError(attempt, { status, reason: "", detail: "no", causes: [], retryAfter: undefined, ...more });
}

describe("a controller", () => {
  let clock: FakeClock;
  let run: ControllerRun;
  let enqueue: Enqueue;
  let visits: string[];
  let told: string[];
  let state: (() => ControllerState) | undefined;
  let isWatching: boolean;
  let log: ReturnType<typeof keptLog>;

  function start(reconcile: Reconcile, workers?: number): void {
    const metrics = {
      added: () => undefined,
      retried: () => undefined,
      taken: () => undefined,
      finished: () => undefined,
      visited: (result: string, _seconds: number, terminal: boolean) =>
        void told.push(`${result}${terminal ? " terminal" : ""}`),
      observe: (read: () => ControllerState) => void (state = read),
    };
    const controller = {
      name: "tests",
      reconcile: async (key: string, signal: AbortSignal, isCalm: boolean) => {
        visits.push(key);
        return await reconcile(key, signal, isCalm);
      },
      watch: (add: Enqueue) => {
        enqueue = add;
        isWatching = true;
        return () => void (isWatching = false);
      },
    };
    run = new ControllerRun(controller, { clock, log, metrics, ...(workers === undefined ? {} : { workers }) });
  }

  const logged = () =>
    log.lines.filter(({ level }) => level !== "debug").map(({ level, message }) => `${level} ${message}`);

  beforeEach(() => {
    clock = new FakeClock();
    visits = [];
    told = [];
    log = keptLog();
  });

  afterEach(async () => {
    await run.stop(0);
  });

  test("visits whom its watch names, and waits for a change afterwards", async () => {
    start(async () => ({}));
    enqueue("tests/one");
    await clock.advance(3_600_000);
    assert.deepEqual([visits, told], [["tests/one"], ["success"]]);
  });

  test("comes back when a visit says so", async () => {
    start(async () => ({ after: 60_000 }));
    enqueue("tests/one");
    await clock.advance(59_999);
    assert.equal(visits.length, 1);
    await clock.advance(1);
    assert.deepEqual([visits.length, told], [2, ["requeue_after", "requeue_after"]]);
  });

  test("comes back to whoever can wait when the others have been visited, and says so", async () => {
    const calm: string[] = [];
    start(async (key, _signal, isCalm) => {
      if (isCalm) calm.push(key);
      return { isPatient: key === "tests/one" && !isCalm };
    }, 1);
    for (const key of ["tests/one", "tests/two", "tests/three"]) enqueue(key);
    await clock.advance(10);
    assert.deepEqual(visits, ["tests/one", "tests/two", "tests/three", "tests/one"]);
    assert.deepEqual(calm, ["tests/one"]);
  });

  test("comes back at the time that the watch names", async () => {
    start(async () => ({}));
    enqueue("tests/one", 500);
    await clock.advance(499);
    assert.equal(visits.length, 0);
    await clock.advance(1);
    assert.equal(visits.length, 1);
  });

  test("comes back later and later while visits fail, and says so once each", async () => {
    let failures = 3;
    start(async () => {
      failures -= 1;
      if (failures >= 0) throw new Error("not yet");
      return {};
    });
    enqueue("tests/one");
    await clock.advance(8_000);
    assert.deepEqual(told, ["error", "error", "error", "success"]);
    assert.deepEqual(logged(), Array(3).fill("error visit failed"));
    assert.deepEqual(
      log.lines.filter(({ level }) => level === "error").map(({ fields }) => [fields["key"], fields["failures"]]),
      [
        ["tests/one", 1],
        ["tests/one", 2],
        ["tests/one", 3],
      ],
    );
  });

  test("begins to count anew after a success", async () => {
    const ends = ["fails", "fails", "succeeds", "fails"];
    start(async () => {
      if (ends.shift() === "fails") throw new Error("no");
      return {};
    });
    enqueue("tests/one");
    await clock.advance(3_500);
    assert.deepEqual(told, ["error", "error", "success"]);
    enqueue("tests/one");
    await clock.advance(0);
    assert.equal(log.lines.findLast(({ level }) => level === "error")?.fields["failures"], 1);
  });

  test("a failure that is thrown at once counts like any other", async () => {
    start(() => {
      throw new Error("not even a promise");
    });
    enqueue("tests/one");
    await clock.advance(0);
    assert.deepEqual(told, ["error"]);
  });

  test("does not come back by itself after a TerminalError", async () => {
    start(async () => {
      throw new TerminalError("no retry mends that");
    });
    enqueue("tests/one");
    await clock.advance(3_600_000);
    assert.deepEqual([visits.length, told], [1, ["error terminal"]]);
    enqueue("tests/one");
    await clock.advance(0);
    assert.equal(visits.length, 2);
  });

  test("comes back every few seconds while the API server does not answer", async () => {
    start(async () => {
      throw refusal(0, { status: undefined });
    });
    enqueue("tests/one");
    await clock.advance(600_000);
    const before = visits.length;
    await clock.advance(30_000);
    assert.equal(visits.length - before, 3);
  });

  test("does not come back before the server wants it", async () => {
    start(async () => {
      throw refusal(429, { retryAfter: 20_000 });
    });
    enqueue("tests/one");
    await clock.advance(19_999);
    assert.equal(visits.length, 1);
    await clock.advance(3_000);
    assert.equal(visits.length, 2);
  });

  test("leaves a namespace alone that is being deleted", async () => {
    const causes = [{ reason: "NamespaceTerminating", field: "", message: "" }];
    start(async () => {
      throw refusal(403, { causes });
    });
    enqueue("tests/one");
    await clock.advance(299_000);
    assert.deepEqual([visits.length, logged()], [1, ["info namespace is being deleted"]]);
    await clock.advance(1_000);
    assert.equal(visits.length, 2);
  });

  test("a conflict is no error worth waking somebody", async () => {
    start(async () => {
      throw refusal(409, { reason: "Conflict" });
    });
    enqueue("tests/one");
    await clock.advance(0);
    assert.deepEqual(logged(), ["info visit failed"]);
  });

  test("who may not write any more neither complains nor tries again", async () => {
    start(async () => {
      throw new FencedError("no");
    });
    enqueue("tests/one");
    await clock.advance(3_600_000);
    assert.deepEqual([visits.length, logged()], [1, []]);
  });

  test("four visits run at the same time, of different objects", async () => {
    const ends: (() => void)[] = [];
    start(() => new Promise((resolve) => ends.push(() => resolve({}))));
    for (let at = 0; at < 10; at += 1) for (const _ of [1, 2]) enqueue(`tests/${at}`);
    await settle();
    assert.deepEqual(visits, ["tests/0", "tests/1", "tests/2", "tests/3"]);
    assert.deepEqual([state?.().busy, state?.().depth, state?.().workers], [4, 6, 4]);
    ends.shift()?.();
    await settle();
    assert.deepEqual(visits.at(-1), "tests/4");
    while (ends.length > 0) {
      ends.shift()?.();
      await settle();
    }
    assert.equal(visits.length, 10);
  });

  test("stopping, it hears nothing new, ends the visits under way and begins no other", async () => {
    const ends: (() => void)[] = [];
    start(() => new Promise((resolve) => ends.push(() => resolve({ after: 10 }))), 1);
    enqueue("tests/one");
    enqueue("tests/two");
    await settle();
    const stopped = run.stop(10_000);
    assert.equal(isWatching, false);
    enqueue("tests/three");
    ends.shift()?.();
    await stopped;
    await clock.advance(1_000);
    assert.deepEqual(visits, ["tests/one"]);
  });

  test("stopping, it tells visits that take too long", async () => {
    const heard: string[] = [];
    start(async (_, signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      heard.push(String(signal.reason));
      throw signal.reason;
    });
    enqueue("tests/one");
    await until("the visit", () => visits.length === 1);
    const stopped = run.stop(50);
    await sleep(20);
    assert.equal(heard.length, 0);
    await stopped;
    assert.deepEqual([heard, logged()], [["Error: the operator is stopping"], []]);
  });
});
