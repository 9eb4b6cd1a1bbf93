// How a bundle goes out and how it becomes known who has it: the pure parts and the poll of /syncz.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { fetchSyncState } from "../../../operator/controllers/kes-server/fetch-sync-state.ts";
import { gather, takesAway } from "../../../operator/controllers/kes-server/gathering.ts";
import { ObservedDrops } from "../../../operator/controllers/kes-server/observed-drops.ts";
import { PodReports } from "../../../operator/controllers/kes-server/pod-reports.ts";
import type { PodReport } from "../../../operator/controllers/kes-server/pod-reports.ts";
import { countPods, judgePods, Publications } from "../../../operator/controllers/kes-server/programmed.ts";
import type { KesIdentity, KesPolicy } from "../../../operator/api/generated.ts";
import type { Change } from "../../../operator/kube/cache.ts";
import { refOfObject } from "../../../operator/kube/object.ts";
import type { KubeObject } from "../../../operator/kube/object.ts";
import type { Bundle } from "../../../sidecar/contract/bundle.ts";
import type { SyncState } from "../../../sidecar/contract/sync-state.ts";
import { aPolicy, anIdentity } from "../bundle/declared.ts";

const [alice, bob] = ["a".repeat(64), "b".repeat(64)];

const bundle: Bundle = {
  server: "ns/kes",
  admin: "",
  policies: new Map([["minio", { allow: ["/v1/key/generate/*"], deny: ["/v1/key/generate/x"] }]]),
  identities: new Map([[alice, "minio"]]),
  keys: [],
};

const state: SyncState = {
  revision: "1",
  server: "ns/kes",
  source: "watch",
  appliedAt: "2026-11-22T00:00:00Z",
  ageSeconds: 0,
  stale: false,
  policies: 1,
  identities: 1,
  sources: { watch: "ok" },
  rejected: 0,
  lastError: null,
  keys: {},
  tlsNotAfter: "2027-11-22T00:00:00Z",
  keystore: { state: "Reachable", latencyMs: 1, problem: null },
};

/** @param asked number of the last bundle that was published when the pod was asked */
function report(name: string, revision: string | undefined, ready = true, asked = 9): PodReport {
  const target = { uid: name, name, url: `http://${name}/syncz`, ready };
  if (revision === undefined) return { target, asked, state: undefined, problem: "refused" };
  return { target, asked, state: { ...state, revision }, problem: undefined };
}

describe("gathering removals", () => {
  test("publishes 200 ms after the last change", () => {
    const first = gather(undefined, "r1", 1000);
    assert.equal(first?.wait, 200);
    assert.equal(gather(first?.gathering, "r1", 1150)?.wait, 50);
    assert.equal(gather(first?.gathering, "r1", 1200), undefined);
  });

  test("waits for what follows, but never longer than 500 ms", () => {
    let waiting = gather(undefined, "r0", 0);
    for (let at = 150; at < 500; at += 150) waiting = gather(waiting?.gathering, `r${at}`, at);
    assert.equal(waiting?.wait, 50);
    assert.equal(gather(waiting?.gathering, "r500", 500), undefined);
  });

  test("knows what takes something away", () => {
    const policies = (allow: string[], deny: string[]) => ({
      ...bundle,
      policies: new Map([["minio", { allow, deny }]]),
    });
    assert.equal(takesAway(bundle, bundle), false);
    assert.equal(takesAway(bundle, { ...bundle, identities: new Map([...bundle.identities, [bob, "minio"]]) }), false);
    assert.equal(takesAway(bundle, policies(["/v1/key/generate/*", "/v1/status"], ["/v1/key/generate/x"])), false);
    assert.equal(takesAway(bundle, policies([], ["/v1/key/generate/x"])), true);
    assert.equal(takesAway(bundle, { ...bundle, identities: new Map() }), true);
    assert.equal(takesAway(bundle, { ...bundle, identities: new Map([[alice, "other"]]) }), true);
    assert.equal(takesAway({ ...bundle, admin: bob }, bundle), true);
    assert.equal(takesAway(bundle, { ...bundle, policies: new Map() }), true);
  });

  test("counts one more prohibition as taking away, one less as adding", () => {
    const policies = (deny: string[]) => ({
      ...bundle,
      policies: new Map([["minio", { allow: ["/v1/key/generate/*"], deny }]]),
    });
    assert.equal(takesAway(bundle, policies(["/v1/key/generate/x", "/v1/key/generate/y"])), true);
    assert.equal(takesAway(bundle, policies([])), false);
  });
});

function edited<T extends KubeObject>(object: T, metadata: object): T {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}

function changed<T extends KubeObject>(before: T, now: T | undefined, inferred = false): Change<T> {
  return { ref: refOfObject(before), before, now, inferred };
}

describe("removals that somebody asked for", () => {
  const policy = aPolicy("minio", {}, { namespace: "ns" });
  const identity = anIdentity("alice", { policy: "minio", hashes: [alice] });
  const ofPolicy = (now: KesPolicy | undefined, inferred?: boolean): readonly string[] => {
    const drops = new ObservedDrops();
    drops.sawPolicy(changed(policy, now, inferred));
    return [...drops.in(bundle)];
  };
  const ofIdentity = (now: KesIdentity | undefined, inferred?: boolean): readonly string[] => {
    const drops = new ObservedDrops();
    drops.sawIdentity(changed(identity, now, inferred));
    return [...drops.in(bundle)];
  };

  test("are those of objects that were edited or deleted before our eyes", () => {
    assert.deepEqual(ofPolicy(undefined), [alice]);
    assert.deepEqual(ofPolicy(edited(policy, { generation: 2 })), [alice]);
    assert.deepEqual(ofPolicy(edited(policy, { labels: { team: "blue" } })), [alice]);
    assert.deepEqual(ofIdentity(undefined), [alice]);
    assert.deepEqual(ofIdentity(edited(identity, { generation: 2 })), [alice]);
    assert.deepEqual(ofIdentity(edited(identity, { annotations: { "kes-operator.io/instance": "other" } })), [alice]);
  });

  test("are not those of objects that a list no longer has, or whose status changes", () => {
    assert.deepEqual(ofPolicy(undefined, true), []);
    assert.deepEqual(ofIdentity(undefined, true), []);
    assert.deepEqual(ofPolicy({ ...policy, status: { identities: 3 } }), []);
    assert.deepEqual(ofIdentity({ ...identity, status: { ...identity.status, source: "Hash" } }), []);
    assert.deepEqual(ofIdentity({ ...identity, status: { ...identity.status, identities: [] } }), []);
  });

  test("are those of an object that goes before it has a status, and not those of its first status", () => {
    const { status, ...declared } = identity;
    const fresh: KesIdentity = { ...declared, spec: { ...declared.spec, hash: alice } };
    const seen = (now: KesIdentity | undefined): readonly string[] => {
      const drops = new ObservedDrops();
      drops.sawIdentity(changed(fresh, now));
      return [...drops.in(bundle)];
    };
    assert.deepEqual(seen(undefined), [alice]);
    assert.deepEqual(seen({ ...fresh, status: { ...status, observedGeneration: 1 } }), []);
  });

  test("are those of a status that follows an edit", () => {
    const status = { ...identity.status, identities: [], observedGeneration: 2 };
    assert.deepEqual(ofIdentity({ ...identity, status }), [alice]);
  });

  test("count until a bundle is out that was compiled after them", () => {
    const drops = new ObservedDrops();
    drops.sawIdentity(changed(identity, undefined));
    const mark = drops.mark();
    assert.deepEqual([...drops.in(bundle)], [alice]);
    drops.sawServerEdit();
    drops.clear(mark);
    assert.deepEqual([...drops.in(bundle)], [alice], "the server was edited while that bundle was written");
    drops.clear(drops.mark());
    assert.deepEqual([...drops.in(bundle)], []);
  });
});

describe("who has which bundle", () => {
  test("a pod with a later bundle has what an earlier one said", () => {
    const publications = new Publications();
    publications.published("r1");
    const since = publications.sinceOf("policy minio", "says a", true);
    publications.published("r2");
    publications.published("r2");
    assert.equal(publications.sinceOf("policy minio", "says a", true), since);
    const count = countPods([report("p1", "r1"), report("p2", "r2")], publications, since);
    assert.deepEqual(judgePods(count, false), {
      status: "True",
      reason: "AllReplicasInSync",
      message: "2/2 replicas confirmed",
    });
    const changed = publications.sinceOf("policy minio", "says b", true);
    const later = countPods([report("p1", "r1"), report("p2", "r2")], publications, changed);
    assert.deepEqual(judgePods(later, false), {
      status: "False",
      reason: "Propagating",
      message: "1/2 replicas confirmed; waiting for p1",
    });
    assert.equal(judgePods(later, true).reason, "PropagationTimeout");
  });

  test("nobody has what is not published yet", () => {
    const publications = new Publications();
    publications.published("r1");
    const since = publications.sinceOf("policy minio", "says a", false);
    assert.equal(countPods([report("p1", "r1")], publications, since).confirmed, 0);
    publications.published("r2");
    assert.equal(publications.sinceOf("policy minio", "says a", true), since);
    assert.equal(countPods([report("p1", "r2")], publications, since).confirmed, 1);
  });

  test("a bundle that comes back is a new one", () => {
    const publications = new Publications();
    for (const revision of ["r1", "r2"]) publications.published(revision);
    const since = publications.sinceOf("policy minio", "says a", true);
    publications.published("r1");
    assert.equal(countPods([report("p1", "r1")], publications, since).confirmed, 1);
  });

  test("what a pod said before a bundle came back confirms nothing", () => {
    const publications = new Publications();
    for (const revision of ["r1", "r2", "r1"]) publications.published(revision);
    const confirmed = (asked: number): number =>
      countPods([report("p1", "r1", true, asked)], publications, publications.numberOf("r1")).confirmed;
    assert.deepEqual([1, 2, 3].map(confirmed), [0, 0, 1]);
  });

  test("is unknown without ready pods, and when they do not answer; never False for that", () => {
    const publications = new Publications();
    publications.published("r1");
    const judge = (reports: readonly PodReport[]) => judgePods(countPods(reports, publications, 1), true);
    assert.equal(judge([]).reason, "NoReadyReplicas");
    assert.equal(judge([report("p1", "r1", false)]).reason, "NoReadyReplicas");
    const { status, reason, message } = judge([report("p1", "r1"), report("p2", undefined)]);
    assert.deepEqual([status, reason], ["Unknown", "PodsUnreachable"]);
    assert.match(message, /1\/2 .* p2/);
  });

  test("is not so of a pod that has failed closed", () => {
    const publications = new Publications();
    publications.published("r1");
    const fresh = report("p1", "r1");
    assert.ok(fresh.state);
    const stale = { ...fresh, state: { ...fresh.state, stale: true } };
    assert.equal(countPods([stale], publications, 1).confirmed, 0);
  });
});

describe("asking pods", () => {
  const target = { uid: "u1", name: "p1", url: "http://p1/syncz", ready: true };

  test("asks again until the pod has the revision, and tells only what is new", async () => {
    const answers = [
      { ...state, revision: "old" },
      { ...state, revision: "old", ageSeconds: 7 },
      { ...state, revision: "new" },
    ];
    let told = 0;
    let asked = 0;
    using reports = new PodReports({
      fetch: () => Promise.resolve(answers[Math.min(asked++, 2)] ?? state),
      onChange: () => (told += 1),
      chance: () => 0.5,
    });
    reports.follow("ns/kes", [target], { revision: "new", number: 1 });
    while (reports.of("ns/kes")[0]?.state?.revision !== "new") await sleep(20, undefined, { ref: true });
    assert.deepEqual([asked, told], [3, 2]);
    await sleep(300);
    assert.equal(asked, 3);
    reports.follow("ns/kes", [target], { revision: "newer", number: 2 });
    await sleep(50);
    assert.equal(asked, 4);
  });

  test("asks anew when a bundle comes back, and tells when the answer is there", async () => {
    let told = 0;
    let answer = Promise.resolve({ ...state, revision: "a" });
    using reports = new PodReports({ fetch: () => answer, onChange: () => (told += 1), chance: () => 0 });
    reports.follow("ns/kes", [target], { revision: "a", number: 1 });
    await sleep(30);
    const slow = Promise.withResolvers<SyncState & { readonly revision: string }>();
    answer = slow.promise;
    reports.follow("ns/kes", [target], { revision: "b", number: 2 });
    reports.follow("ns/kes", [target], { revision: "a", number: 3 });
    await sleep(30);
    const seen = (): readonly unknown[] => [
      told,
      reports.of("ns/kes")[0]?.asked,
      reports.of("ns/kes")[0]?.state?.revision,
    ];
    assert.deepEqual(seen(), [1, 1, "a"]);
    slow.resolve({ ...state, revision: "a" });
    await sleep(10);
    assert.deepEqual(seen(), [2, 3, "a"]);
  });

  test("keeps nothing of pods that are gone", async () => {
    using reports = new PodReports({ fetch: () => Promise.resolve(state), onChange: () => undefined, chance: () => 0 });
    reports.follow("ns/kes", [target], { revision: "1", number: 1 });
    reports.follow("ns/kes", [{ ...target, uid: "u2", name: "p2" }], { revision: "1", number: 1 });
    assert.deepEqual(
      reports.of("ns/kes").map((found) => found.target.name),
      ["p2"],
    );
    reports.forget("ns/kes");
    await sleep(30);
    assert.deepEqual(reports.of("ns/kes"), []);
  });

  test("reads no more of an answer than a sync state may be, however it is sent", async () => {
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024, 32);
    const socketClosed = Promise.withResolvers<void>();
    await using server = createServer((_, response) => {
      response.once("close", socketClosed.resolve);
      const send = (): void => {
        while (sent < 512 * chunk.length && !response.destroyed) {
          sent += chunk.length;
          if (!response.write(chunk)) return void response.once("drain", send);
        }
        response.end();
      };
      send();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await assert.rejects(fetchSyncState(`http://127.0.0.1:${port}/syncz`), /has more than 1048576 bytes/);
    await socketClosed.promise;
    assert.ok(sent < 512 * chunk.length, `${sent} bytes were sent`);
  });

  test("reads a sync state and nothing else", async () => {
    await using server = createServer((request, response) => {
      if (request.url === "/syncz") response.end(JSON.stringify(state));
      else if (request.url === "/404") response.writeHead(404).end();
      else response.end("{}");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.deepEqual(await fetchSyncState(`${base}/syncz`), state);
    await assert.rejects(fetchSyncState(`${base}/404`), /its \/syncz answers 404/);
    await assert.rejects(fetchSyncState(`${base}/other`), /something else than a sync state/);
    await assert.rejects(fetchSyncState("http://127.0.0.1:1/syncz"), /ECONNREFUSED/);
  });
});
