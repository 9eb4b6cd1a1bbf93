// Following kinds, against a stand-in for the API server that misbehaves on purpose (kube-stand-in.ts).
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Change } from "../../../operator/kube/cache.ts";
import { Client } from "../../../operator/kube/client.ts";
import { Informer } from "../../../operator/kube/informer.ts";
import type { InformerOptions } from "../../../operator/kube/informer.ts";
import type { KubeObject, Resource } from "../../../operator/kube/object.ts";
import { keptLog } from "../kept-log.ts";
import { until } from "../until.ts";
import { KubeStandIn, fail } from "./kube-stand-in.ts";

const configMaps: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
const hurried = { first: 10, longest: 100, jitter: 1, unanswered: 50, healthy: 150, missing: 100, look: 100 };

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

function configMap(name: string, value = "", metadata: object = {}): ConfigMap {
  const data = { value };
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "tests", ...metadata }, data };
}

describe("an informer", () => {
  let api: KubeStandIn;
  let client: Client;
  let informer: Informer<ConfigMap>;
  let heard: string[];
  let log: ReturnType<typeof keptLog>;

  function told({ ref, now, before, inferred }: Change<ConfigMap>): void {
    const what = before === undefined ? "new" : now === undefined ? "gone" : "changed";
    heard.push(`${what} ${ref.name}${inferred === true ? " inferred" : ""}`);
  }

  async function connect(silence = 20_000): Promise<void> {
    client = new Client({ connection: await api.connection(), userAgent: "tests", patience: { call: 2_000, silence } });
  }

  function follow(options: Partial<InformerOptions<ConfigMap>> = {}): Informer<ConfigMap> {
    informer = new Informer({ api: client, resource: configMaps, namespaces: [], log, timing: hurried, ...options });
    informer.subscribe(told);
    informer.start();
    return informer;
  }

  async function following(options: Partial<InformerOptions<ConfigMap>> = {}): Promise<void> {
    const watches = Math.max(1, options.namespaces?.length ?? 0);
    await follow(options).ready;
    await until("the watch", () => api.watching === watches);
    heard.length = 0;
  }

  const value = (name: string): string | undefined => informer.get({ namespace: "tests", name })?.data?.["value"];

  beforeEach(async () => {
    api = await KubeStandIn.start();
    heard = [];
    log = keptLog();
    await connect();
  });

  afterEach(async () => {
    await informer[Symbol.asyncDispose]();
    client[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });

  describe("when all is well", () => {
    test("lists in pages of 500, then watches from there", async () => {
      for (let at = 0; at < 1_201; at += 1) api.put("configmaps", configMap(`map-${at}`));
      await following();
      assert.deepEqual([informer.size, api.count("list"), api.count("watch")], [1_201, 3, 1]);
      const [, , , watch] = api.seen;
      assert.equal(watch?.url.searchParams.get("resourceVersion"), String(100 + 1_201));
      assert.equal(watch?.url.searchParams.get("allowWatchBookmarks"), "true");
      const seconds = Number(watch?.url.searchParams.get("timeoutSeconds"));
      assert.ok(seconds >= 300 && seconds <= 600);
    });

    test("is not synced before the last page", async () => {
      for (let at = 0; at < 501; at += 1) api.put("configmaps", configMap(`map-${at}`));
      let release: (() => void) | undefined;
      api.script = async ({ url }) => {
        if (url.searchParams.has("continue")) await new Promise<void>((resolve) => (release = resolve));
        return undefined;
      };
      follow();
      await until("the second page", () => release !== undefined);
      assert.deepEqual([informer.synced, informer.size], [false, 500]);
      assert.equal(informer.problem, "configmaps: the first list is not complete");
      release?.();
      await informer.ready;
      assert.deepEqual([informer.synced, informer.size, informer.problem], [true, 501, undefined]);
    });

    test("follows what is made, changed and deleted", async () => {
      await following();
      api.put("configmaps", configMap("one", "1"));
      api.put("configmaps", configMap("one", "2"));
      api.put("configmaps", configMap("two"));
      api.remove("configmaps", "tests", "two");
      await until("the end", () => heard.length === 4);
      assert.deepEqual(heard, ["new one", "changed one", "new two", "gone two"]);
      assert.equal(value("one"), "2");
    });

    test("keeps neither managedFields nor kubectl's copy, and what else is trimmed", async () => {
      const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "{…}", mine: "1" };
      api.put("configmaps", configMap("one", "secret", { annotations, managedFields: [{}] }));
      await following({ trim: ({ data: _data, ...rest }) => rest });
      const kept = informer.get({ namespace: "tests", name: "one" });
      assert.deepEqual(kept, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: {
          name: "one",
          namespace: "tests",
          uid: "uid-101",
          resourceVersion: "101",
          annotations: { mine: "1" },
        },
      });
    });

    test("goes on from the last bookmark when the server ends the watch", async () => {
      await following();
      api.bookmark();
      api.put("pods", configMap("other"));
      await sleep(50);
      api.endWatches();
      await until("the next watch", () => api.count("watch") === 2 && api.watching === 1);
      assert.equal(api.seen.at(-1)?.url.searchParams.get("resourceVersion"), "101");
      assert.equal(api.count("list"), 1);
    });

    test("with several namespaces sees these and no other, and is synced when all are", async () => {
      const unblocked = Promise.withResolvers<undefined>();
      api.script = async ({ url }) => (url.pathname.includes("/b/") ? await unblocked.promise : undefined);
      for (const namespace of ["a", "b", "c"]) api.put("configmaps", configMap("one", "", { namespace }));
      follow({ namespaces: ["a", "b"] });
      await until("the first", () => informer.size === 1);
      assert.equal(informer.problem, "configmaps of namespace b: the first list is not complete");
      unblocked.resolve(undefined);
      await informer.ready;
      assert.deepEqual(
        informer.list().map(({ metadata }) => metadata.namespace),
        ["a", "b"],
      );
      assert.equal(informer.list("b").length, 1);
      assert.equal(informer.list("c").length, 0);
    });

    test("a relist of one namespace leaves the others alone", async () => {
      for (const namespace of ["a", "b"]) api.put("configmaps", configMap("one", "", { namespace }));
      await following({ namespaces: ["a", "b"] });
      api.compact();
      await until("both lists", () => api.count("list") === 4);
      await until("both watches", () => api.watching === 2);
      assert.deepEqual([informer.size, heard], [2, []]);
    });
  });

  describe("when the history is lost", () => {
    test("an ERROR leads to one list, and to events for differences alone", async () => {
      for (const name of ["same", "changed", "gone"]) api.put("configmaps", configMap(name));
      await following();
      // Nothing of this is told to the watch.
      api.script = ({ verb }) => (verb === "watch" ? true : undefined);
      api.endWatches();
      await until("a deaf watch", () => api.count("watch") === 2);
      api.put("configmaps", configMap("changed", "2"));
      api.put("configmaps", configMap("new"));
      api.remove("configmaps", "tests", "gone");
      api.script = undefined;
      api.compact();
      api.cut();
      await until("the list", () => api.count("list") === 2);
      await until("the watch", () => api.watching === 1);
      assert.deepEqual(heard.toSorted(), ["changed changed", "gone gone inferred", "new new"]);
      assert.equal(api.count("list"), 2);
    });

    test("an HTTP 410 likewise", async () => {
      await following();
      let answered = 0;
      api.script = ({ verb }, response) =>
        verb === "watch" && (answered += 1) === 1 ? fail(response, 410, "gone", { reason: "Expired" }) : undefined;
      api.endWatches();
      await until("the list", () => api.count("list") === 2 && api.watching === 1);
      assert.deepEqual(heard, []);
    });

    test("the first time it lists at once", async () => {
      await following({ timing: { ...hurried, first: 5_000, longest: 5_000 } });
      const began = performance.now();
      api.compact();
      await until("the list", () => api.count("list") === 2);
      assert.ok(performance.now() - began < 4_000);
    });

    test("in a storm of 410 it slows down", async () => {
      await following({ timing: { ...hurried, healthy: 1_000 } });
      api.script = ({ verb }, response) => (verb === "watch" ? fail(response, 410, "gone") : undefined);
      api.compact();
      await until("a dozen lists", () => api.count("list") === 13);
      const lists = api.seen.filter(({ verb }) => verb === "list");
      // Waits of 10, 20, 40, 80, then 100 ms at the soonest.
      const took = (lists.at(12)?.at ?? 0) - (lists.at(1)?.at ?? 0);
      assert.ok(took >= 840, `a dozen lists in ${took} ms`);
      api.script = undefined;
      await until("its end", () => api.watching === 1);
      assert.deepEqual(heard, []);
    });

    test("while it is listed in pages, the rest comes in one piece", async () => {
      for (let at = 0; at < 600; at += 1) api.put("configmaps", configMap(`map-${at}`));
      api.script = ({ url }, response) => (url.searchParams.has("continue") ? fail(response, 410, "gone") : undefined);
      await following();
      assert.deepEqual([informer.size, api.count("list")], [600, 3]);
      assert.equal(api.seen[2]?.url.searchParams.has("limit"), false);
    });
  });

  describe("when the server is not there", () => {
    test("it goes on from where it was: no list, nothing twice, nothing lost", async () => {
      api.put("configmaps", configMap("one", "1"));
      await following();
      await api.stop();
      await sleep(300);
      api.put("configmaps", configMap("one", "2"));
      api.put("configmaps", configMap("two"));
      assert.equal(value("one"), "1");
      assert.equal(informer.synced, true);
      await api.resume();
      await until("what was missed", () => heard.length === 2);
      assert.deepEqual([heard, api.count("list")], [["changed one", "new two"], 1]);
    });

    test("an outage is two lines in the log, however long it is", async () => {
      await following();
      await api.stop();
      await sleep(500);
      await api.resume();
      await until("the watch", () => api.watching === 1);
      api.put("configmaps", configMap("one"));
      await until("an event", () => heard.length === 1);
      const lines = log.lines
        .filter(({ level }) => level !== "debug")
        .map(({ level, message }) => `${level} ${message}`);
      assert.deepEqual(lines, ["warn watch failed", "info watch works again"]);
    });

    test("however long it was away, it is found soon", async () => {
      await following({ timing: { ...hurried, first: 8_000, longest: 60_000, unanswered: 40 } });
      await api.stop();
      await sleep(1_000);
      const back = performance.now();
      await api.resume();
      await until("the watch", () => api.watching === 1);
      assert.ok(performance.now() - back < 5_000);
    });

    test("what it refuses while it starts does not count as more of the same", async () => {
      await following({ timing: { ...hurried, longest: 60_000 } });
      await api.stop();
      await sleep(1_000);
      let refused = 0;
      api.script = (_, response) => ((refused += 1) <= 2 ? fail(response, 503, "not yet") : undefined);
      const back = performance.now();
      await api.resume();
      await until("the watch", () => api.watching === 1);
      // After the failures before, another of the same would be some ten seconds later.
      assert.ok(refused > 2 && performance.now() - back < 5_000);
    });

    test("from the first moment on, it waits for it", async () => {
      await api.stop();
      follow();
      await until("a failure", () => informer.problem?.includes("ECONNREFUSED") === true);
      api.put("configmaps", configMap("one"));
      await api.resume();
      await informer.ready;
      assert.equal(informer.size, 1);
    });

    test("a watch that falls silent is replaced, from the same place", async () => {
      client[Symbol.dispose]();
      await connect(100);
      await following();
      await until("the second watch", () => api.count("watch") >= 2 && api.watching === 1);
      assert.equal(api.count("list"), 1);
      api.put("configmaps", configMap("one"));
      await until("the event", () => heard.length === 1);
    });

    test("a server that asks for quiet is left alone", async () => {
      await following();
      api.script = (_, response) =>
        fail(response, 429, "slow down", { headers: { "retry-after": "1" }, reason: "TooManyRequests" });
      const before = api.seen.length;
      api.endWatches();
      await until("the next call", () => api.seen.length >= before + 2);
      const [refusal, next] = api.seen.slice(before);
      assert.ok((next?.at ?? 0) - (refusal?.at ?? 0) >= 995);
      api.script = undefined;
      await until("the watch", () => api.watching === 1);
    });

    test("a server that refuses to go on from there is listed anew in the end", async () => {
      await following();
      api.script = ({ url }, response) =>
        url.searchParams.get("resourceVersion") === "100" ? fail(response, 500, "etcd has a headache") : undefined;
      api.endWatches();
      await until("a refusal", () => api.count("watch") === 2);
      api.put("configmaps", configMap("one"));
      await until("the list", () => api.count("list") === 2);
      await until("the watch", () => api.watching === 1);
      assert.equal(informer.size, 1);
      assert.ok(api.count("watch") >= 5, "it was tried more than once");
    });
  });

  describe("when the kind is not there", () => {
    test("an optional one is empty and synced, and is found when it comes", async () => {
      api.missing.add("configmaps");
      follow({ isOptional: true });
      const found: boolean[] = [];
      informer.onInstalled((installed) => found.push(installed));
      await informer.ready;
      assert.deepEqual([informer.installed, informer.size], [false, 0]);
      const looks = api.seen.length;
      await sleep(250);
      // After 10, 20, 40, 80 and 100 ms at the soonest; every 10 ms there would be a dozen.
      assert.ok(api.seen.length - looks <= 5, "it is looked for once in a while");
      api.put("configmaps", configMap("one"));
      api.missing.clear();
      await until("its coming", () => informer.installed);
      assert.deepEqual([found, informer.size], [[true], 1]);
      assert.ok(log.lines.every(({ level }) => level === "debug"));
    });

    test("an optional one without the right to see it counts as not there", async () => {
      api.script = (_, response) => fail(response, 403, "forbidden", { reason: "Forbidden" });
      await follow({ isOptional: true }).ready;
      assert.equal(informer.installed, false);
    });

    test("one that is needed keeps it from being ready, and says what to do", async () => {
      api.missing.add("configmaps");
      follow();
      await until("the look", () => log.lines.some(({ message }) => message === "kind not installed"));
      assert.equal(informer.synced, false);
      assert.match(informer.problem ?? "", /^configmaps: cannot list configmaps: .*apply the CRDs of this release$/);
      api.missing.clear();
      await informer.ready;
    });

    test("a missing right keeps it from being ready, and says which", async () => {
      api.script = (_, response) => fail(response, 403, "configmaps is forbidden", { reason: "Forbidden" });
      follow();
      await until("the problem", () => /the verb list on configmaps/.test(informer.problem ?? ""));
    });

    test("a server that has only just started and does not know it yet costs no object", async () => {
      api.put("configmaps", configMap("one"));
      await following({ timing: { ...hurried, missing: 5_000 } });
      api.missing.add("configmaps");
      api.endWatches();
      await until("a look", () => api.count("list") === 2);
      api.missing.clear();
      await until("the watch", () => api.watching === 1);
      assert.deepEqual([informer.size, heard, informer.installed], [1, [], true]);
    });

    test("one that is taken away for good takes its objects with it", async () => {
      api.put("configmaps", configMap("one"));
      await following({ isOptional: true });
      const found: boolean[] = [];
      informer.onInstalled((installed) => found.push(installed));
      api.missing.add("configmaps");
      api.endWatches();
      await until("its end", () => !informer.installed);
      assert.deepEqual([heard, found, informer.synced], [["gone one inferred"], [false], true]);
      api.put("configmaps", configMap("two"));
      api.missing.clear();
      await until("its return", () => informer.size === 2);
      assert.deepEqual(found, [false, true]);
    });
  });

  test("a listener that fails keeps nobody else from hearing", async () => {
    informer = new Informer({ api: client, resource: configMaps, namespaces: [], log, timing: hurried });
    informer.subscribe(() => {
      throw new TypeError("cannot cope");
    });
    informer.subscribe(told);
    informer.start();
    await informer.ready;
    api.put("configmaps", configMap("one"));
    await until("the event", () => heard.length === 1);
    const line = log.lines.find(({ level }) => level === "error");
    assert.equal(line?.message, "a change was not handled");
    assert.ok(line.fields["error"] instanceof TypeError);
  });

  test("who has stopped listening hears nothing more", async () => {
    await following();
    const own: string[] = [];
    const stop = informer.subscribe(({ ref }) => own.push(ref.name));
    api.put("configmaps", configMap("one"));
    await until("the event", () => own.length === 1);
    stop();
    api.put("configmaps", configMap("two"));
    await until("the other", () => heard.length === 2);
    assert.deepEqual(own, ["one"]);
  });
});
