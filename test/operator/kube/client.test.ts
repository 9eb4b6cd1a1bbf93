// The client against a stand-in that misbehaves on purpose (kube-stand-in.ts); test/real/operator/kube.test.ts has the real one.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "../../../operator/kube/client.ts";
import type { ClientOptions } from "../../../operator/kube/client.ts";
import { FencedError } from "../../../operator/kube/errors.ts";
import type { KubeObject, Resource } from "../../../operator/kube/object.ts";
import { KubeStandIn, fail } from "./kube-stand-in.ts";
import { until } from "../until.ts";
import { refused } from "../../support/refused.ts";

const configMaps: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
const servers: Resource = { group: "kes-operator.io", version: "v1alpha1", plural: "kesservers", kind: "KesServer" };

function configMap(name: string, data: Record<string, string> = {}): KubeObject & { data: Record<string, string> } {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "tests" }, data };
}

const ref = (name: string) => ({ namespace: "tests", name });

const busy = (seconds: number) => ({ headers: { "retry-after": String(seconds) }, reason: "TooManyRequests" });

describe("the client", () => {
  let api: KubeStandIn;
  let client: Client;

  async function connect(options: Partial<ClientOptions> = {}): Promise<Client> {
    client = new Client({ connection: await api.connection(), userAgent: "tests", ...options });
    return client;
  }

  beforeEach(async () => {
    api = await KubeStandIn.start();
    await connect();
  });

  afterEach(async () => {
    client[Symbol.dispose]();
    await api[Symbol.asyncDispose]();
  });

  describe("speaks the API's grammar", () => {
    test("get gives the object, and undefined when there is none", async () => {
      api.put("configmaps", configMap("one"));
      assert.equal((await client.get(configMaps, ref("one")))?.metadata.name, "one");
      assert.equal(await client.get(configMaps, ref("none")), undefined);
    });

    test("list gives pages, and says of items what they are", async () => {
      for (const name of ["a", "b", "c"]) api.put("configmaps", configMap(name));
      const first = await client.list(configMaps, { namespace: "tests", limit: 2 });
      assert.deepEqual(
        first.items.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.name]),
        [
          ["v1", "ConfigMap", "a"],
          ["v1", "ConfigMap", "b"],
        ],
      );
      const second = await client.list(configMaps, { namespace: "tests", limit: 2, continue: first.continue ?? "" });
      assert.deepEqual([second.items.length, second.continue], [1, undefined]);
    });

    test("an empty list may be null", async () => {
      api.script = (_, response) => {
        response.end(JSON.stringify({ metadata: { resourceVersion: "7" }, items: null }));
        return true;
      };
      assert.deepEqual(await client.list(configMaps), { items: [], resourceVersion: "7" });
    });

    test("apply forces, names its manager, and may mean the status", async () => {
      await client.apply(configMaps, configMap("one"), { fieldManager: "me" });
      const intent = { ...configMap("s"), kind: "KesServer" };
      await client.apply(servers, intent, { fieldManager: "me too", subresource: "status" });
      assert.deepEqual(
        api.seen.map(({ method, url }) => `${method} ${url.pathname}${url.search}`),
        [
          "PATCH /api/v1/namespaces/tests/configmaps/one?fieldManager=me&force=true",
          "PATCH /apis/kes-operator.io/v1alpha1/namespaces/tests/kesservers/s/status?fieldManager=me%20too&force=true&fieldValidation=Ignore",
        ],
      );
      const wanted = api.seen.map(({ accept }) => accept.includes("PartialObjectMetadata"));
      assert.deepEqual(wanted, [false, true], "of a status only the version is needed");
    });

    test("create of what exists is refused as such, update needs the newest version", async () => {
      const created = await client.create(configMaps, configMap("one"));
      assert.ok((await refused(client.create(configMaps, configMap("one")))).isAlreadyExists);
      await client.update(configMaps, created);
      const conflict = await refused(client.update(configMaps, created));
      assert.deepEqual([conflict.isConflict, conflict.isAlreadyExists], [true, false]);
    });

    test("delete of what is not there, or is another by now, is no error", async () => {
      api.put("configmaps", configMap("one"));
      await client.delete(configMaps, ref("none"));
      await client.delete(configMaps, ref("one"), { uid: "of another" });
      assert.notEqual(api.object("configmaps", "tests", "one"), undefined);
      await client.delete(configMaps, ref("one"), { uid: api.object("configmaps", "tests", "one").metadata.uid });
      assert.equal(api.object("configmaps", "tests", "one"), undefined);
    });

    test("the body of a delete is not taken for the next request", async () => {
      api.put("configmaps", configMap("one"));
      const { uid } = api.object("configmaps", "tests", "one").metadata;
      await connect({ sockets: 1 });
      await client.delete(configMaps, ref("one"), { uid });
      assert.equal(await client.get(configMaps, ref("one")), undefined);
      assert.deepEqual(JSON.parse(api.seen[0]?.body ?? ""), { preconditions: { uid } });
    });

    test("discover says what a group serves, and undefined when it is not there", async () => {
      assert.deepEqual(await client.discover("v1"), new Set(["configmaps"]));
      api.script = (_, response) => response.writeHead(404).end("404 page not found\n") !== undefined;
      assert.equal(await client.discover("nobody.example/v1"), undefined);
    });

    test("a name cannot lead to another object", async () => {
      await client.get(configMaps, { namespace: "tests", name: "a/../../secrets?x=1#" });
      assert.equal(api.seen[0]?.url.pathname, "/api/v1/namespaces/tests/configmaps/a%2F..%2F..%2Fsecrets%3Fx%3D1%23");
      for (const name of ["", ".", ".."]) {
        await assert.rejects(client.get(configMaps, { namespace: "tests", name }), /is no name/);
      }
      assert.equal(api.seen.length, 1);
    });
  });

  describe("says what failed, why, and what to do", () => {
    test("a missing right names the verb and the resource", async () => {
      const details = { message: "kesservers is forbidden: User x cannot patch resource" };
      api.script = (_, response) => fail(response, 403, details.message, { reason: "Forbidden" });
      const error = await refused(client.apply(servers, configMap("s"), { fieldManager: "m", subresource: "status" }));
      assert.ok(error.isForbidden && !error.isTerminatingNamespace);
      assert.equal(
        error.message,
        "cannot patch kesservers.kes-operator.io/status tests/s: kesservers is forbidden: User x cannot patch resource; " +
          "if RBAC refused, allow the operator's ServiceAccount the verb patch on kesservers.kes-operator.io/status",
      );
    });

    test("a namespace that is going away is told from a missing right", async () => {
      const details = { causes: [{ reason: "NamespaceTerminating", field: "metadata.namespace", message: "…" }] };
      api.script = (_, response) => fail(response, 403, "is being terminated", { reason: "Forbidden", details });
      assert.ok((await refused(client.create(configMaps, configMap("one")))).isTerminatingNamespace);
    });

    test("an answer that is no Status still has its code", async () => {
      api.script = (_, response) => response.writeHead(502).end("<h1>Bad Gateway</h1>") !== undefined;
      const error = await refused(client.get(configMaps, ref("one")));
      assert.deepEqual([error.status, error.reason], [502, ""]);
    });

    test("a server that is away, with its address", async () => {
      await api.stop();
      const error = await refused(client.get(configMaps, ref("one")));
      assert.equal(error.status, undefined);
      assert.match(
        error.message,
        new RegExp(`no usable answer from the API server at 127.0.0.1:${api.port}: .*ECONNREFUSED`),
      );
    });

    test("an answer that breaks off, and one that is no JSON", async () => {
      api.script = (_, response) => {
        response.writeHead(200, { "content-length": 100 }).write("{");
        setTimeout(() => response.destroy(), 20);
        return true;
      };
      assert.equal((await refused(client.get(configMaps, ref("one")))).status, undefined);
      api.script = (_, response) => response.end("{") !== undefined;
      assert.equal((await refused(client.get(configMaps, ref("one")))).status, undefined);
    });

    test("the signal's own reason, when the caller ends a call", async () => {
      api.script = () => true;
      const reason = new Error("enough");
      const stop = new AbortController();
      const call = client.get(configMaps, ref("one"), { signal: stop.signal });
      await until("the call", () => api.seen.length === 1);
      stop.abort(reason);
      await assert.rejects(call, reason);
      await assert.rejects(client.get(configMaps, ref("one"), { signal: stop.signal }), reason);
    });
  });

  describe("waits for nobody for ever", () => {
    test("a call ends at its deadline, also in the middle of the body", async () => {
      await connect({ patience: { call: 100, silence: 1_000 } });
      api.script = () => true;
      assert.match((await refused(client.get(configMaps, ref("one")))).message, /no answer within 0.1 s/);
      api.script = (_, response) => response.writeHead(200).write("{");
      assert.match((await refused(client.get(configMaps, ref("one")))).message, /no answer within 0.1 s/);
    });

    test("more calls than connections all end", async () => {
      await connect({ sockets: 2 });
      api.delay = 5;
      const names = Array.from({ length: 30 }, (_, at) => `map-${at}`);
      await Promise.all(names.map((name) => client.apply(configMaps, configMap(name), { fieldManager: "m" })));
      assert.equal((await client.list(configMaps)).items.length, 30);
      assert.equal(api.connections, 2);
    });

    test("watches do not use up the connections of calls", async () => {
      await connect({ sockets: 1 });
      const stop = new AbortController();
      const watches = [1, 2, 3].map(async () => {
        const events = client.watch(configMaps, { resourceVersion: "100", signal: stop.signal });
        await assert.rejects(async () => {
          for await (const _ of events);
        });
      });
      await until("the watches", () => api.watching === 3);
      assert.equal((await client.list(configMaps)).items.length, 0);
      stop.abort();
      await Promise.all(watches);
    });

    test("a kept connection that the server has closed is replaced without a word", async () => {
      api.put("configmaps", configMap("one"));
      for (const call of ["get", "patch"]) {
        await client.get(configMaps, ref("one"));
        // The server closes it in the moment in which the client uses it.
        let isFirst = true;
        api.script = (_, response) => {
          if (isFirst) response.socket?.destroy();
          const wasFirst = isFirst;
          isFirst = false;
          return wasFirst;
        };
        if (call === "get") await client.get(configMaps, ref("one"));
        else await client.apply(configMaps, configMap("one"), { fieldManager: "m" });
        api.script = undefined;
      }
    });

    test("but a create is not sent twice", async () => {
      await client.get(configMaps, ref("one"));
      api.script = (_, response) => response.socket?.destroy() !== undefined;
      await refused(client.create(configMaps, configMap("one")));
      assert.equal(api.count("create"), 1);
    });
  });

  describe("with a server that asks for quiet", () => {
    test("repeats the call when the time is over, and sends no other before", async () => {
      let told = 0;
      const codes: string[] = [];
      await connect({ onCall: ({ code }) => codes.push(code) });
      api.script = (_, response) => {
        if (told !== 0) return undefined;
        told = performance.now();
        return fail(response, 429, "slow down", busy(1));
      };
      const first = client.list(configMaps);
      await until("the refusal", () => codes.includes("429"));
      // What it says is read by then, too.
      await sleep(20);
      await Promise.all([first, client.list(configMaps), client.list(configMaps)]);
      assert.equal(api.seen.length, 4);
      for (const { at } of api.seen.slice(1)) assert.ok(at - told >= 995, `the next call came after ${at - told} ms`);
    });

    test("gives up when that is longer than a call may take, and says for how long", async () => {
      await connect({ patience: { call: 5_000, silence: 1_000 } });
      api.script = (_, response) => fail(response, 429, "slow down", busy(60));
      const error = await refused(client.list(configMaps));
      assert.deepEqual([error.status, error.retryAfter], [429, 60_000]);
      const next = await refused(client.list(configMaps));
      assert.ok((next.retryAfter ?? 0) > 50_000);
      assert.equal(api.seen.length, 1);
    });

    test("a 503 with Retry-After closes the gate too, but the call is not repeated", async () => {
      api.script = (_, response) => fail(response, 503, "starting", busy(1));
      assert.equal((await refused(client.apply(configMaps, configMap("a"), { fieldManager: "m" }))).status, 503);
      const before = performance.now();
      api.script = undefined;
      await client.list(configMaps);
      assert.ok(performance.now() - before > 900);
    });

    test("a server that never relents is not asked for ever", async () => {
      api.script = (_, response) => fail(response, 429, "slow down", { headers: { "retry-after": "0" } });
      await refused(client.list(configMaps));
      assert.ok(api.seen.length <= 4);
    });
  });

  describe("as whom", () => {
    test("rereads the token when the server refuses it, once", async () => {
      await client.list(configMaps);
      api.token = "token-2";
      api.writeToken("token-2");
      await client.list(configMaps);
      assert.deepEqual(api.tokens, ["token-1", "token-1", "token-2"]);
      api.token = "nobody's";
      assert.equal((await refused(client.list(configMaps))).status, 401);
      assert.equal(api.tokens.length, 5);
    });
  });

  describe("with a fence", () => {
    test("writes nothing once it is down, and reads on", async () => {
      let isOpen = true;
      const fence = (): void => {
        if (!isOpen) throw new FencedError("no");
      };
      await connect({ fence });
      await client.apply(configMaps, configMap("one"), { fieldManager: "m" });
      isOpen = false;
      const calls = [
        () => client.apply(configMaps, configMap("two"), { fieldManager: "m" }),
        () => client.create(configMaps, configMap("two")),
        () => client.update(configMaps, configMap("one")),
        () => client.delete(configMaps, ref("one")),
      ];
      for (const call of calls) await assert.rejects(call, FencedError);
      assert.equal((await client.list(configMaps)).items.length, 1);
      assert.deepEqual(
        api.seen.map(({ verb }) => verb),
        ["patch", "list"],
      );
    });

    test("asks at the last moment: a write that waits for a connection is kept back", async () => {
      let isOpen = true;
      const fence = (): void => {
        if (!isOpen) throw new FencedError("no");
      };
      await connect({ fence, sockets: 1 });
      api.delay = 100;
      const first = client.apply(configMaps, configMap("one"), { fieldManager: "m" });
      const waiting = client.apply(configMaps, configMap("two"), { fieldManager: "m" });
      await until("the first", () => api.seen.length === 1);
      isOpen = false;
      await first;
      await assert.rejects(waiting, FencedError);
      assert.equal(api.seen.length, 1);
    });

    test("and one that waits until the server wants to be asked again", async () => {
      let isOpen = true;
      const fence = (): void => {
        if (!isOpen) throw new FencedError("no");
      };
      await connect({ fence });
      api.script = (_, response) => fail(response, 429, "slow down", { headers: { "retry-after": "1" } });
      const waiting = client.apply(configMaps, configMap("one"), { fieldManager: "m" });
      await until("the refusal", () => api.seen.length === 1);
      isOpen = false;
      await assert.rejects(waiting, FencedError);
      assert.equal(api.seen.length, 1);
    });
  });

  describe("watches", () => {
    test("give events, and end when the server ends them", async () => {
      const heard: string[] = [];
      const done = (async () => {
        for await (const { type, object } of client.watch(configMaps, { resourceVersion: "100" })) {
          heard.push(`${type} ${object.metadata.resourceVersion}`);
        }
      })();
      await until("the watch", () => api.watching === 1);
      api.put("configmaps", configMap("one"));
      api.put("configmaps", configMap("one", { a: "ü".repeat(100_000) }));
      api.remove("configmaps", "tests", "one");
      api.bookmark();
      api.endWatches();
      await done;
      assert.deepEqual(heard, ["ADDED 101", "MODIFIED 102", "DELETED 103", "BOOKMARK 104"]);
    });

    test("an ERROR is an ApiError with its code", async () => {
      const watch = client.watch(configMaps, { resourceVersion: "100" })[Symbol.asyncIterator]();
      const next = watch.next();
      await until("the watch", () => api.watching === 1);
      api.compact();
      const error = await refused(next);
      assert.ok(error.isExpired && error.message.startsWith("cannot watch configmaps: too old"));
    });

    test("silence ends them; a bookmark is no silence", async () => {
      await connect({ patience: { call: 5_000, silence: 1_000 } });
      const began = performance.now();
      const timer = setInterval(() => api.bookmark(), 100);
      setTimeout(() => clearInterval(timer), 1_950);
      const error = await refused(
        (async () => {
          for await (const _ of client.watch(configMaps, { resourceVersion: "100" }));
        })(),
      );
      assert.match(error.message, /sent nothing for 1 s/);
      assert.ok(performance.now() - began >= 2_500);
    });

    test("what the reader throws is the reader's, and closes the connection", async () => {
      const reason = new Error("my fault");
      const reading = (async () => {
        for await (const _ of client.watch(configMaps, { resourceVersion: "100" })) throw reason;
      })();
      reading.catch(() => undefined);
      await until("the watch", () => api.watching === 1);
      api.put("configmaps", configMap("one"));
      await assert.rejects(reading, reason);
      await until("its end", () => api.watching === 0);
    });

    test("lines that are no events are errors", async () => {
      for (const line of [
        "{",
        "[]",
        '{"type":"ODD","object":{"metadata":{"resourceVersion":"1"}}}',
        '{"type":"ADDED","object":1}',
      ]) {
        const watch = client.watch(configMaps, { resourceVersion: "100" })[Symbol.asyncIterator]();
        const next = watch.next();
        next.catch(() => undefined);
        await until("the watch", () => api.watching === 1);
        api.send(line);
        assert.equal((await refused(next)).status, undefined, line);
        await until("its end", () => api.watching === 0);
      }
    });
  });

  test("tells of every request, and what the server warns of", async () => {
    const calls: string[] = [];
    const warnings: string[] = [];
    await connect({
      onCall: ({ code, method, host, seconds }) => calls.push(`${code} ${method} ${host} ${seconds < 5}`),
      onWarning: (warning) => warnings.push(warning),
    });
    api.script = (_, response) => {
      response.setHeader("warning", '299 - "v1 is old"');
      return undefined;
    };
    await client.get(configMaps, ref("none"));
    await client.apply(configMaps, configMap("one"), { fieldManager: "m" });
    await api.stop();
    await client.get(configMaps, ref("none")).catch(() => undefined);
    const host = `127.0.0.1:${api.port}`;
    assert.deepEqual(calls, [`404 GET ${host} true`, `201 PATCH ${host} true`, `<error> GET ${host} true`]);
    assert.deepEqual(warnings, ['299 - "v1 is old"', '299 - "v1 is old"']);
  });
});
