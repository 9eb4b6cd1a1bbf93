// Which bundle is in force: by what two sources offer, when they fail, and what time does to it.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { Bundle } from "../../../sidecar/contract/bundle.ts";
import type { SyncSource } from "../../../sidecar/contract/sync-state.ts";
import type { BundleSource, SourceListener } from "../../../sidecar/sync/bundle-source.ts";
import { BundleSync } from "../../../sidecar/sync/bundle-sync.ts";
import type { SyncEvent } from "../../../sidecar/sync/sync-event.ts";
import { bundleText } from "../../support/bundles.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** A source that says what the test says. */
class ToldSource implements BundleSource {
  readonly name: SyncSource;
  #listener: SourceListener | undefined;

  constructor(name: SyncSource) {
    this.name = name;
  }

  start(listener: SourceListener): Promise<void> {
    this.#listener = listener;
    return Promise.resolve();
  }

  offer(server: string): void {
    this.offerText(bundleText({ server }));
  }

  offerText(text: string): void {
    this.#listener?.offered(Buffer.from(text));
  }

  confirm(): void {
    this.#listener?.confirmed();
  }

  fail(reason = "it is down"): void {
    this.#listener?.failed(reason);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#listener = undefined;
    return Promise.resolve();
  }
}

let clock: FakeClock;
let file: ToldSource;
let watch: ToldSource;
let events: SyncEvent[];
/** Names of the servers of the bundles that were put in force; "-" for none. */
let installed: string[];
let refuse: string | undefined;

beforeEach(() => {
  clock = new FakeClock();
  file = new ToldSource("file");
  watch = new ToldSource("watch");
  events = [];
  installed = [];
  refuse = undefined;
});

function install(bundle: Bundle | undefined): void {
  if (bundle !== undefined && bundle.server === refuse) throw new Error("the server refuses it");
  installed.push(bundle?.server ?? "-");
}

async function syncOf(sources: readonly BundleSource[], maxStaleness = 0): Promise<BundleSync> {
  const sync = new BundleSync({ sources, maxStaleness, clock, install, onEvent: (event) => events.push(event) });
  await sync.start();
  return sync;
}

function kinds(): readonly string[] {
  return events.map(({ kind }) => kind);
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const no = Promise.resolve(false);
  return Promise.race([promise.then(() => true), no.then(() => no)]);
}

describe("with one source", () => {
  test("nothing is in force before the first bundle, and the state says why", async () => {
    const sync = await syncOf([file]);
    assert.equal(sync.problem, "no policy bundle was applied yet: file: was not asked yet");
    assert.equal(sync.revisionAge, undefined);
    file.fail("no such file");
    assert.equal(sync.problem, "no policy bundle was applied yet: file: no such file");
    assert.equal(await isSettled(sync.ready), false);
    assert.equal(sync.state().revision, null);
    assert.equal(sync.state().ageSeconds, null);
    file.offer("a");
    assert.equal(sync.problem, undefined);
    assert.equal(await isSettled(sync.ready), true);
    assert.deepEqual(installed, ["a"]);
  });

  test("a bundle is put in force once, and another one replaces it", async () => {
    const sync = await syncOf([file]);
    file.offer("a");
    file.offer("a");
    file.confirm();
    await clock.advance(5_000);
    assert.equal(sync.revisionAge, 5);
    file.offer("b");
    file.offer("a");
    assert.deepEqual(installed, ["a", "b", "a"]);
    assert.deepEqual(kinds(), ["applied", "applied", "applied"]);
    assert.equal(sync.state().server, "a");
    assert.equal(sync.state().appliedAt, "2026-01-02T03:04:10.678Z");
  });

  test("a bad bundle leaves the last good one, is counted once, and named until a good one comes", async () => {
    const sync = await syncOf([file]);
    file.offer("a");
    file.offerText("{");
    file.offerText("{");
    file.confirm();
    assert.deepEqual(installed, ["a"]);
    assert.deepEqual(kinds(), ["applied", "rejected"]);
    const state = sync.state();
    assert.equal(state.server, "a");
    assert.equal(state.rejected, 1);
    assert.match(state.sources.file ?? "", /^holds a bundle that cannot be used: it is not valid JSON/);
    assert.match(state.lastError?.message ?? "", /^it is not valid JSON/);
    const [, rejected] = events;
    assert.ok(rejected?.kind === "rejected");
    assert.equal(rejected.error.code, "BundleInvalid");
    file.offer("a");
    assert.equal(sync.state().sources.file, "ok");
    assert.deepEqual(installed, ["a"]);
  });

  test("a bundle that the server cannot use counts as bad", async () => {
    refuse = "b";
    const sync = await syncOf([file]);
    file.offer("a");
    file.offer("b");
    assert.deepEqual(installed, ["a"]);
    assert.equal(sync.state().rejected, 1);
    assert.equal(sync.state().server, "a");
  });

  test("a source that fails is reported once for each reason, and once when it is back", async () => {
    const sync = await syncOf([watch]);
    watch.offer("a");
    watch.fail("down");
    watch.fail("down");
    watch.fail("still down");
    assert.equal(sync.state().sources.watch, "still down");
    assert.equal(sync.problem, undefined);
    watch.confirm();
    watch.confirm();
    assert.deepEqual(kinds(), ["applied", "lost", "lost", "found"]);
    assert.equal(sync.state().sources.watch, "ok");
    assert.equal(sync.state().lastError?.message, "still down");
  });
});

describe("with a file and a watch", () => {
  test("a start waits for what the watch has to say", async () => {
    const sync = await syncOf([file, watch]);
    file.offer("old");
    assert.equal(sync.problem, undefined);
    assert.equal(await isSettled(sync.ready), false);
    watch.offer("new");
    assert.equal(await isSettled(sync.ready), true);
    assert.deepEqual(installed, ["old", "new"]);
  });

  test("or that it has nothing to say", async () => {
    const sync = await syncOf([file, watch]);
    file.offer("old");
    watch.fail();
    assert.equal(await isSettled(sync.ready), true);
    assert.equal(sync.state().source, "file");
  });

  test("the file says nothing while the watch is there", async () => {
    const sync = await syncOf([file, watch]);
    file.offer("a");
    watch.offer("b");
    await clock.advance(1_000);
    file.offer("other");
    assert.equal(sync.state().server, "b");
    file.offer("b");
    assert.deepEqual(installed, ["a", "b"]);
    assert.equal(sync.state().source, "watch");
  });

  test("the file serves while the watch is lost, but what the watch has replaced does not return", async () => {
    const sync = await syncOf([file, watch]);
    file.offer("a");
    watch.offer("b");
    watch.offer("c");
    await clock.advance(1_000);
    watch.fail();
    assert.equal(sync.state().server, "c");
    await clock.advance(1_000);
    file.offer("b");
    assert.equal(sync.state().server, "c", "the file lags behind");
    file.offer("c");
    file.offer("d");
    assert.equal(sync.state().server, "d");
    assert.equal(sync.state().source, "file");
  });

  test("after minutes an edit that was taken back is news again", async () => {
    const sync = await syncOf([file, watch]);
    file.offer("a");
    watch.offer("b");
    await clock.advance(1_000);
    watch.fail();
    await clock.advance(301_000);
    file.offer("a");
    // The same bytes as before are no change of the file.
    assert.equal(sync.state().server, "b");
    file.offer("b");
    await clock.advance(1_000);
    file.offer("a");
    assert.equal(sync.state().server, "a");
  });

  test("what the file was given while nobody knew that the watch was dead counts once that is known", async () => {
    const sync = await syncOf([file, watch]);
    file.offer("a");
    watch.offer("a");
    await clock.advance(100_000);
    file.offer("b");
    assert.equal(sync.state().server, "a");
    await clock.advance(20_000);
    watch.fail();
    assert.equal(sync.state().server, "b");
  });

  test("the watch decides again when it is back, also for what it said before", async () => {
    const sync = await syncOf([file, watch]);
    watch.offer("a");
    await clock.advance(1_000);
    watch.fail();
    await clock.advance(1_000);
    file.offer("b");
    assert.equal(sync.state().server, "b");
    watch.offer("a");
    assert.equal(sync.state().server, "a");
    assert.equal(sync.state().source, "watch");
  });

  test("a bad bundle on the watch is no reason to believe the file", async () => {
    const sync = await syncOf([file, watch]);
    watch.offer("a");
    await clock.advance(1_000);
    watch.offerText("bad");
    file.offer("b");
    assert.equal(sync.state().server, "a");
  });
});

describe("with maxStaleness", () => {
  const limit = 60_000;

  test("a watch that is not heard of for so long leaves nobody in, until it confirms", async () => {
    const sync = await syncOf([watch], limit);
    watch.offer("a");
    await clock.advance(50_000);
    watch.confirm();
    await clock.advance(59_000);
    assert.deepEqual(installed, ["a"]);
    assert.equal(sync.state().ageSeconds, 59);
    watch.fail();
    await clock.advance(1_000);
    assert.deepEqual(installed, ["a", "-"]);
    assert.equal(sync.state().stale, true);
    assert.equal(sync.problem, "the policy bundle is stale: it is down");
    await clock.advance(600_000);
    watch.confirm();
    assert.deepEqual(installed, ["a", "-", "a"]);
    assert.equal(sync.problem, undefined);
    assert.deepEqual(kinds(), ["applied", "lost", "stale", "found", "applied", "fresh"]);
    await clock.advance(60_000);
    assert.deepEqual(installed, ["a", "-", "a", "-"]);
  });

  test("another bundle ends that too", async () => {
    const sync = await syncOf([watch], limit);
    watch.offer("a");
    await clock.advance(limit);
    watch.offer("b");
    assert.deepEqual(installed, ["a", "-", "b"]);
    assert.equal(sync.state().stale, false);
  });

  test("a file that can be read and holds the bundle never grows stale", async () => {
    const sync = await syncOf([file], limit);
    file.offer("a");
    await clock.advance(100 * limit);
    assert.deepEqual(installed, ["a"]);
    assert.equal(sync.state().ageSeconds, 0);
  });

  for (const [what, break_] of [
    ["cannot be read", () => file.fail("no such file")],
    ["holds something that cannot be used", () => file.offerText("bad")],
  ] as const) {
    test(`a file that ${what} for so long leaves nobody in`, async () => {
      const sync = await syncOf([file], limit);
      file.offer("a");
      await clock.advance(2.5 * limit);
      break_();
      await clock.advance(limit - 1);
      assert.deepEqual(installed, ["a"]);
      await clock.advance(1);
      assert.deepEqual(installed, ["a", "-"]);
      assert.equal(sync.state().server, "a");
      file.offer("a");
      assert.deepEqual(installed, ["a", "-", "a"]);
    });
  }

  test("with both, only the watch confirms, and a change of the file", async () => {
    const sync = await syncOf([file, watch], limit);
    file.offer("a");
    watch.offer("a");
    await clock.advance(30_000);
    watch.fail();
    file.confirm();
    await clock.advance(20_000);
    file.offer("b");
    await clock.advance(59_000);
    assert.equal(sync.state().stale, false);
    file.confirm();
    await clock.advance(1_000);
    assert.equal(sync.state().stale, true);
  });

  test("nothing happens after the end", async () => {
    const sync = await syncOf([watch], limit);
    watch.offer("a");
    await sync[Symbol.asyncDispose]();
    await clock.advance(2 * limit);
    assert.deepEqual(installed, ["a"]);
    assert.equal(clock.timers, 0);
  });
});
