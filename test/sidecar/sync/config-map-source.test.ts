// Following one ConfigMap, against a stand-in for the API server (test/support/api-server-stub.ts) that misbehaves on
// purpose.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ConfigMapSource } from "../../../sidecar/sync/config-map-source.ts";
import type { WatchTiming } from "../../../sidecar/sync/config-map-source.ts";
import { ApiServerStub, fail } from "../../support/api-server-stub.ts";
import { bundleText } from "../../support/bundles.ts";

const name = "kes-bundle";
const hurried: WatchTiming = { answer: 2_000, silence: 20_000, firstPause: 5, longestPause: 100 };
const one = bundleText({ server: "tests/one" });
const two = bundleText({ server: "tests/two" });
const three = bundleText({ server: "tests/three" });

/** Says what was offered, and keeps the rest. */
class Heard {
  readonly offers: string[] = [];
  readonly failures: string[] = [];
  confirmations = 0;

  offered(bytes: Uint8Array): void {
    this.offers.push(Buffer.from(bytes).toString());
  }

  confirmed(): void {
    this.confirmations += 1;
  }

  failed(reason: string): void {
    this.failures.push(reason);
  }

  get last(): string | undefined {
    return this.offers.at(-1);
  }
}

async function until(what: string, test: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!test()) {
    assert.ok(performance.now() < deadline, `waited in vain for ${what}`);
    await sleep(5);
  }
}

describe("following a ConfigMap", () => {
  let api: ApiServerStub;
  let heard: Heard;
  let source: ConfigMapSource;

  function follow(timing: Partial<WatchTiming> = {}, namespace?: string): Promise<void> {
    source = new ConfigMapSource({ cluster: api.cluster, name, namespace, timing: { ...hurried, ...timing } });
    return source.start(heard);
  }

  async function following(timing: Partial<WatchTiming> = {}): Promise<void> {
    await follow(timing);
    await until("the watch", () => api.watching === 1);
  }

  beforeEach(async () => {
    api = await ApiServerStub.start();
    heard = new Heard();
    api.put(name, one);
  });

  afterEach(async () => {
    await source[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });

  test("offers what is there, then every change", async () => {
    await follow();
    assert.deepEqual(heard.offers, [one]);
    await until("the watch", () => api.watching === 1);
    api.put("another", three);
    api.put(name, two);
    await until("the change", () => heard.last === two);
    assert.deepEqual(heard.offers, [one, two]);
    assert.deepEqual(heard.failures, []);
    const { searchParams } = api.seen.at(-1)?.url ?? new URL("x:");
    assert.equal(searchParams.get("allowWatchBookmarks"), "true");
    assert.equal(searchParams.get("resourceVersion"), "101");
    assert.ok(Number(searchParams.get("timeoutSeconds")) >= 240);
  });

  test("asks in the namespace that it is told to, which the API may refuse", async () => {
    await follow({}, "elsewhere");
    assert.match(api.seen[0]?.url.pathname ?? "", /\/namespaces\/elsewhere\/configmaps$/);
    assert.deepEqual(heard.failures, ["the Kubernetes API answers 404: not found"]);
  });

  test("takes a bundle that stands as gzip", async () => {
    api.put(name, { binaryData: { "bundle.json": Buffer.from("packed").toString("base64") } });
    await follow();
    assert.deepEqual(heard.offers, ["packed"]);
  });

  test("takes a bookmark for a sign of life and goes on from it", async () => {
    await following();
    api.bookmark(name);
    await until("the bookmark", () => heard.confirmations === 1);
    api.endWatches();
    await until("the next watch", () => api.count("watch") === 2);
    assert.equal(api.seen.at(-1)?.url.searchParams.get("resourceVersion"), "102");
    assert.equal(api.count("list"), 1);
    assert.deepEqual(heard.failures, []);
  });

  test("says that the ConfigMap is missing, is gone, or holds no bundle, and takes no bookmark for its return", async () => {
    api.delete(name);
    await following();
    assert.deepEqual(heard.failures, ["there is no ConfigMap kes-bundle"]);
    api.put(name, two);
    await until("the bundle", () => heard.last === two);
    api.delete(name);
    await until("the deletion", () => heard.failures.length === 2);
    assert.equal(heard.failures[1], "the ConfigMap kes-bundle was deleted");
    api.bookmark(name);
    api.put(name, { data: { other: "x" } });
    await until("the empty one", () => heard.failures.length === 3);
    assert.equal(heard.failures[2], "the ConfigMap kes-bundle has no bundle.json");
    assert.equal(heard.confirmations, 0);
  });

  test("goes on after a cut connection without losing what changed meanwhile, and without a new list", async () => {
    await following();
    api.cut();
    api.put(name, two);
    await until("the change", () => heard.last === two);
    assert.equal(api.count("list"), 1);
    assert.deepEqual(heard.failures, []);
  });

  test("after a minute without the API has what changed then", async () => {
    await following();
    await api.stop();
    await until("a failure", () => heard.failures.length > 1);
    assert.match(heard.failures[0] ?? "", /^the Kubernetes API at 127\.0\.0\.1:\d+ cannot be reached: /);
    api.put(name, two);
    await api.resume();
    await until("the change", () => heard.last === two);
  });

  test("lists once for each watch whose version is forgotten, and offers nothing twice that a watch brings", async () => {
    await following();
    api.put(name, two);
    await until("the change", () => heard.last === two);
    for (let round = 1; round <= 3; round += 1) {
      api.compact();
      api.endWatches();
      await until("the relist", () => api.count("list") === 1 + round);
      await until("the next watch", () => api.watching === 1);
    }
    assert.equal(api.count("list"), 4);
    assert.deepEqual(new Set(heard.offers), new Set([one, two]));
    assert.equal(heard.offers.length, 2 + 3);
    assert.deepEqual(heard.failures, []);
  });

  test("waits longer and longer in a storm of 410, and sees changes all the same", async () => {
    let storm = true;
    api.script = ({ kind }, response) => storm && kind === "watch" && fail(response, 410, "Gone");
    await follow({ firstPause: 20, longestPause: 400 });
    await sleep(1_000);
    const asked = api.seen.length;
    assert.ok(asked < 30, `${asked} requests in a second`);
    api.put(name, two);
    await until("the change", () => heard.last === two);
    storm = false;
    api.put(name, three);
    await until("the end of the storm", () => heard.last === three && api.watching === 1);
    assert.deepEqual(heard.failures, []);
  });

  test("does not ask again before Retry-After", async () => {
    await following();
    let busy = true;
    api.script = (_, response) => busy && fail(response, 429, "too many requests", { "retry-after": "1" });
    api.endWatches();
    await until("the refusal", () => heard.failures.length === 1);
    assert.equal(heard.failures[0], "the Kubernetes API answers 429: too many requests");
    const refused = api.seen.at(-1)?.at ?? 0;
    const asked = api.seen.length;
    busy = false;
    await until("the next request", () => api.seen.length > asked);
    const waited = (api.seen[asked]?.at ?? 0) - refused;
    assert.ok(waited >= 1_000, `asked after ${waited} ms`);
  });

  test("lists again when a watch falls silent, and does not call that a failure", async () => {
    await following({ silence: 100 });
    await until("three silences", () => api.count("list") >= 3);
    assert.deepEqual(heard.failures, []);
    assert.equal(new Set(heard.offers).size, 1);
  });

  test("is not fooled by an API that accepts and never answers", async () => {
    let mute = true;
    api.script = () => mute;
    await follow({ answer: 1_000 });
    assert.match(heard.failures[0] ?? "", /cannot be reached: no answer in 1000 ms/);
    mute = false;
    await until("the bundle", () => heard.last === one);
  });

  test("is not fooled by an API that begins a list and never ends it", async () => {
    let half = true;
    api.script = ({ kind }, response) => {
      if (!half || kind === "watch") return false;
      response.write('{"kind":"ConfigMapList",');
      return true;
    };
    await follow({ answer: 500 });
    assert.equal(heard.failures[0], "the Kubernetes API began a list and did not end it in 1000 ms");
    half = false;
    await until("the bundle", () => heard.last === one);
  });

  test("sees an edit soon where every call takes two seconds", async () => {
    api.delay = 2_000;
    await following({ answer: 15_000 });
    api.endWatches();
    await until("the end of the watch", () => api.watching === 0);
    const edited = performance.now();
    api.put(name, two);
    await until("the change", () => heard.last === two);
    assert.ok(performance.now() - edited < 15_000);
    assert.deepEqual(heard.failures, []);
  });

  test("reads its token again for each request, since tokens are replaced every hour", async () => {
    await following();
    api.token = "token-2";
    api.endWatches();
    await until("the refusal", () => heard.failures.length > 0);
    assert.equal(heard.failures[0], "the Kubernetes API answers 401 (the token is not accepted): Unauthorized");
    api.writeToken("token-2");
    api.put(name, two);
    await until("the change", () => heard.last === two);
    assert.deepEqual(new Set(api.tokens), new Set(["token-1", "token-2"]));
    assert.ok(!heard.failures.join().includes("token-1"));
  });

  test("says which right is missing", async () => {
    api.script = (_, response) => fail(response, 403, 'configmaps "kes-bundle" is forbidden');
    await follow();
    assert.match(heard.failures[0] ?? "", /answers 403 \(a Role must allow get, list and watch of this ConfigMap\): /);
  });

  test("says that there is no service account, and comes back when there is one", async () => {
    source = new ConfigMapSource({
      cluster: { ...api.cluster, serviceAccount: "/nowhere" },
      name,
      namespace: undefined,
      timing: hurried,
    });
    await source.start(heard);
    assert.match(heard.failures[0] ?? "", /^the service account's namespace cannot be read: .*mount its token/);
  });

  test("trusts nobody but the cluster's own CA", async () => {
    const stranger = await ApiServerStub.start();
    source = new ConfigMapSource({
      cluster: { ...api.cluster, serviceAccount: stranger.serviceAccount },
      name,
      namespace: undefined,
      timing: hurried,
    });
    await source.start(heard);
    await stranger[Symbol.asyncDispose]();
    assert.match(heard.failures[0] ?? "", /cannot be reached: .*certificate/);
    assert.deepEqual(api.tokens, []);
  });

  const nonsense: readonly (readonly [what: string, event: object | string])[] = [
    ["text that is no JSON", "<html>"],
    ["JSON that is no event", "[1]"],
    ["an object of another name", { type: "MODIFIED", object: { metadata: { name: "x", resourceVersion: "1" } } }],
    ["an object without a version", { type: "MODIFIED", object: { metadata: { name } } }],
    ["an event without an object", { type: "MODIFIED", object: null }],
    ["another error than 410", { type: "ERROR", object: { code: 500, message: "etcdserver: no leader" } }],
    ["a line without an end", "x".repeat(9 * 1024 * 1024)],
  ];
  for (const [what, event] of nonsense) {
    test(`starts anew with a list after ${what}`, async () => {
      await following();
      api.send(name, event);
      await until("the failure", () => heard.failures.length === 1);
      api.put(name, two);
      await until("the change", () => heard.last === two);
      assert.ok(api.count("list") >= 2);
    });
  }

  test("takes nothing but a list for a list", async () => {
    let odd = true;
    api.script = ({ kind }, response) => {
      if (kind === "watch" || !odd) return undefined;
      response.end("{}");
      return true;
    };
    await follow();
    assert.match(heard.failures[0] ?? "", /sent no object/);
    odd = false;
    await until("the bundle", () => heard.last === one);
  });

  test("stops at once, whatever it waits for", async () => {
    await following();
    const began = performance.now();
    await source[Symbol.asyncDispose]();
    await until("the end of the watch", () => api.watching === 0);
    await api.stop();
    source = new ConfigMapSource({ cluster: api.cluster, name, namespace: undefined, timing: { firstPause: 60_000 } });
    await source.start(heard);
    await source[Symbol.asyncDispose]();
    assert.ok(performance.now() - began < 5_000);
  });
});
