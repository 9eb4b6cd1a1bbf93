// What people see of a KesKey: above all, that a key is gone or another one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCondition } from "../../../operator/api/conditions.ts";
import type { Condition, KesKey } from "../../../operator/api/generated.ts";
import { kesKeys, kesServers } from "../../../operator/api/kinds.ts";
import { createKesKeyController } from "../../../operator/controllers/kes-key/controller.ts";
import { aKey, aServer, home, minutesAgo } from "../bundle/declared.ts";
import { Reporting } from "../bundle/reporting.ts";
import type { Pods } from "../bundle/reporting.ts";

const server = aServer();
const print = "0123456789abcdef";
const other = "fedcba9876543210";

function start(): Reporting {
  return new Reporting((shared, cluster) => {
    return createKesKeyController({ ...shared, keys: cluster.cache(kesKeys), servers: cluster.cache(kesServers) });
  });
}

type Found = Readonly<Record<string, string>>;

/** What each pod says of the key. */
function pods(found: Found): Pods["keys"] {
  return Object.fromEntries(Object.entries(found).map(([pod, text]) => [pod, text === "" ? {} : { data: text }]));
}

/** After a visit for each state of the pods, one after the other. */
async function seen(key: KesKey, ...states: readonly (Pods & { readonly found: Found })[]): Promise<Reporting> {
  const reporting = start();
  reporting.declare(server, key);
  await reporting.settle();
  for (const { found, ...rest } of states) {
    reporting.serve(server, { ...rest, keys: pods(found) ?? {} });
    await reporting.settle();
    reporting.clock += 60;
  }
  return reporting;
}

function condition(reporting: Reporting, type: "Ready" | "KeyMissing" | "KeyChanged", name = "data"): Condition {
  return findCondition(reporting.key(name).status?.conditions, type) ?? assert.fail(`no condition ${type}`);
}

function short(reporting: Reporting, name = "data"): readonly string[] {
  const conditions = reporting.key(name).status?.conditions ?? [];
  return conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`);
}

const fine = ["Ready=True/Ready", "KeyMissing=False/Found", "KeyChanged=False/Same"];
const all: Found = { "kes-0": print, "kes-1": print };
const partly = { status: "False", reason: "Propagating", message: "1/2 replicas confirmed" } as const;

describe("a new key", () => {
  test("is Ready when all pods have found the same, and its fingerprint is recorded", async () => {
    using reporting = await seen(aKey("data"), { found: all });
    assert.deepEqual(short(reporting), fine);
    const { fingerprint, foundFingerprint, reportingReplicas, name } = reporting.key("data").status ?? {};
    assert.deepEqual([fingerprint, foundFingerprint, reportingReplicas, name], [print, undefined, 2, "data"]);
    assert.deepEqual(
      reporting.told.map(({ reason }) => reason),
      ["FingerprintRecorded"],
    );
  });

  test("is being created as long as no pod has it", async () => {
    using reporting = await seen(aKey("data"), { found: { "kes-0": "", "kes-1": "" } });
    assert.equal(condition(reporting, "Ready").reason, "Creating");
    assert.equal(reporting.key("data").status?.reportingReplicas, 0);
  });

  test("has no fingerprint before every pod has looked", async () => {
    using reporting = await seen(aKey("data"), { found: { "kes-0": print, "kes-1": "" } });
    assert.equal(reporting.key("data").status?.fingerprint, undefined);
    assert.deepEqual(
      [condition(reporting, "Ready").status, condition(reporting, "Ready").reason],
      ["Unknown", "NotReported"],
    );
    assert.match(condition(reporting, "Ready").message, /kes-1/);
  });

  test("has no fingerprint before every ready pod has the bundle that lists it", async () => {
    using reporting = await seen(aKey("data"), { found: { "kes-0": print }, programmed: partly });
    assert.equal(reporting.key("data").status?.fingerprint, undefined);
    assert.equal(condition(reporting, "Ready").status, "Unknown");
  });

  test("of which pods find different ones has no fingerprint and raises the alarm", async () => {
    using reporting = await seen(aKey("data"), { found: { "kes-0": print, "kes-1": other } });
    assert.equal(reporting.key("data").status?.fingerprint, undefined);
    const { status, message } = condition(reporting, "KeyChanged");
    assert.equal(status, "True");
    assert.match(message, new RegExp(`kes-0 finds ${print}, pod kes-1 finds ${other}.*one key store`));
  });

  test("that cannot be looked at says with which error", async () => {
    using reporting = await seen(aKey("data"), { found: { "kes-0": "CreateNotAtomic" } });
    const { status, reason, message } = condition(reporting, "Ready");
    assert.deepEqual([status, reason], ["False", "CheckFailed"]);
    assert.match(message, /pod kes-0.*CreateNotAtomic/);
  });

  test("without pods is neither there nor missing", async () => {
    const nobody = { status: "Unknown", reason: "NoReadyReplicas", message: "no replica is ready" } as const;
    using reporting = await seen(aKey("data"), { found: {}, programmed: nobody });
    assert.deepEqual(short(reporting), [
      "Ready=Unknown/NoReadyReplicas",
      "KeyMissing=Unknown/NotReported",
      "KeyChanged=Unknown/NotReported",
    ]);
  });
});

describe("a key that is gone", () => {
  const gone: Found = { "kes-0": print, "kes-1": "missing" };

  test("raises the alarm when one pod misses it, and says which pod, which fingerprint and what to do", async () => {
    using reporting = await seen(aKey("data"), { found: all }, { found: gone });
    const { status, message } = condition(reporting, "KeyMissing");
    assert.equal(status, "True");
    assert.match(
      message,
      new RegExp(`pod kes-1 cannot find the key data, whose fingerprint is ${print}.*restore the key`),
    );
    assert.deepEqual(
      [condition(reporting, "Ready").status, condition(reporting, "Ready").reason],
      ["False", "Missing"],
    );
    assert.deepEqual(
      reporting.told.map(({ type, reason }) => `${type} ${reason}`),
      ["Normal FingerprintRecorded", "Warning KeyMissing"],
    );
  });

  test("keeps its fingerprint, so that the bundle never lets a pod create it anew", async () => {
    using reporting = await seen(aKey("data"), { found: all }, { found: { "kes-0": "missing" } });
    assert.equal(reporting.key("data").status?.fingerprint, print);
  });

  test("is not forgotten because pods fall silent or an operator starts", async () => {
    const silent = { status: "Unknown", reason: "PodsUnreachable", message: "no answer" } as const;
    using reporting = await seen(aKey("data"), { found: all }, { found: gone }, { found: {}, programmed: silent });
    assert.equal(condition(reporting, "KeyMissing").status, "True");
    assert.equal(condition(reporting, "Ready").status, "False");
    using next = await seen(reporting.key("data"));
    assert.equal(condition(next, "KeyMissing").status, "True");
    assert.deepEqual(next.cluster.writes, []);
  });

  test("is there again when a pod finds it and none misses it", async () => {
    using reporting = await seen(aKey("data"), { found: all }, { found: gone }, { found: all });
    assert.deepEqual(short(reporting), fine);
    assert.equal(reporting.told.at(-1)?.reason, "KeyRestored");
  });
});

describe("a key that is another one", () => {
  const changed: Found = { "kes-0": print, "kes-1": other };

  test("raises the alarm, names pod and both fingerprints, and the recorded one stays", async () => {
    using reporting = await seen(aKey("data"), { found: all }, { found: changed });
    const { status, reason, message } = condition(reporting, "KeyChanged");
    assert.deepEqual([status, reason], ["True", "FingerprintMismatch"]);
    assert.match(
      message,
      new RegExp(`pod kes-1 .*fingerprint is ${other}, expected is ${print}.*Restore the right key`),
    );
    const { fingerprint, foundFingerprint } = reporting.key("data").status ?? {};
    assert.deepEqual([fingerprint, foundFingerprint], [print, other]);
    assert.equal(condition(reporting, "Ready").status, "False");
  });

  test("is not taken for the right one because all pods agree on it", async () => {
    using reporting = await seen(aKey("data"), { found: all }, { found: { "kes-0": other, "kes-1": other } });
    assert.equal(reporting.key("data").status?.fingerprint, print);
    assert.equal(condition(reporting, "KeyChanged").status, "True");
  });

  test("is judged by the pin where there is one", async () => {
    const pinned = aKey("data", { expectedFingerprint: other });
    using reporting = await seen(pinned, { found: all });
    assert.equal(condition(reporting, "KeyChanged").status, "True");
    assert.equal(reporting.key("data").status?.fingerprint, undefined, "the wrong key is not recorded");
    using right = await seen(pinned, { found: { "kes-0": other } });
    assert.deepEqual(short(right), fine);
    assert.equal(right.key("data").status?.fingerprint, other);
  });

  test("becomes the right one by an edit of the pin alone", async () => {
    using reporting = await seen(aKey("data"), { found: all }, { found: { "kes-0": other } });
    const stored = reporting.key("data");
    const metadata = { ...stored.metadata, generation: 2 };
    reporting.declare({ ...stored, metadata, spec: { ...stored.spec, expectedFingerprint: other } });
    reporting.serve(server, { keys: pods({ "kes-0": other }) ?? {} });
    await reporting.settle();
    assert.deepEqual(short(reporting), fine);
    assert.equal(condition(reporting, "Ready").observedGeneration, 2);
  });
});

describe("a known key", () => {
  test("stays Ready while a new pod has not looked yet", async () => {
    using reporting = await seen(aKey("data"), { found: all }, { found: { ...all, "kes-2": "" }, programmed: partly });
    assert.deepEqual(short(reporting), fine);
  });

  test("is not Ready while a pod cannot look at it, and that is no alarm", async () => {
    const failing = { "kes-0": print, "kes-1": "StoreUnreachable" };
    using reporting = await seen(aKey("data"), { found: all }, { found: failing });
    assert.deepEqual(short(reporting), ["Ready=False/CheckFailed", "KeyMissing=False/Found", "KeyChanged=False/Same"]);
  });

  test("writes nothing when nothing has changed", async () => {
    using reporting = await seen(aKey("data"), { found: all });
    const before = reporting.cluster.writes.length;
    reporting.serve(server, { keys: pods(all) ?? {} });
    reporting.declare(server);
    await reporting.settle();
    assert.equal(reporting.cluster.writes.length, before);
  });
});

describe("a key object", () => {
  test("whose server is not there says so within one visit, and recovers when it comes", async () => {
    using reporting = start();
    reporting.declare(aKey("data"));
    await reporting.settle();
    assert.equal(condition(reporting, "Ready").reason, "ServerNotFound");
    assert.match(condition(reporting, "Ready").message, /no KesServer kes in this namespace/);
    reporting.declare(server);
    await reporting.settle();
    assert.equal(condition(reporting, "Ready").reason, "Pending");
    reporting.serve(server, { keys: pods(all) ?? {} });
    await reporting.settle();
    assert.deepEqual(short(reporting), fine);
    reporting.cluster.remove(kesServers, { namespace: home, name: "kes" });
    reporting.cluster.catchUp();
    await reporting.settle();
    assert.equal(condition(reporting, "Ready").reason, "ServerNotFound");
    assert.equal(reporting.key("data").status?.fingerprint, print);
  });

  test("that declares another one's key says whose, and never answers for it", async () => {
    using reporting = start();
    const older = aKey("older", { name: "data" }, { metadata: { name: "older", creationTimestamp: minutesAgo(99) } });
    reporting.declare(server, older, aKey("data"));
    reporting.serve(server, { keys: pods(all) ?? {} });
    await reporting.settle();
    assert.deepEqual(short(reporting), [
      "Ready=False/DuplicateName",
      "KeyMissing=Unknown/DuplicateName",
      "KeyChanged=Unknown/DuplicateName",
    ]);
    assert.equal(reporting.key("data").status?.fingerprint, undefined);
    assert.deepEqual(short(reporting, "older"), fine);
    assert.ok(reporting.told.some(({ type, reason }) => type === "Warning" && reason === "DuplicateName"));
  });

  test("of another operator is left alone, and so is one that is paused", async () => {
    using reporting = start();
    const metadata = { name: "data", annotations: { "kes-operator.io/instance": "blue" } };
    reporting.declare(server, aKey("data", {}, { metadata }));
    reporting.declare(
      aKey("held", {}, { metadata: { name: "held", annotations: { "kes-operator.io/paused": "true" } } }),
    );
    await reporting.settle();
    assert.deepEqual(reporting.cluster.writes, []);
    assert.deepEqual(
      reporting.told.map(({ reason }) => reason),
      ["Paused"],
    );
  });
});
