// The operator's Kubernetes mechanics on a real API server: what a stand-in (test/operator/kube) can only claim.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import type { WatchEvent } from "../../../operator/kube/api.ts";
import { Client } from "../../../operator/kube/client.ts";
import type { ClientOptions } from "../../../operator/kube/client.ts";
import { systemClock } from "../../../operator/kube/clock.ts";
import { connectByKubeconfig, connectInCluster } from "../../../operator/kube/connection.ts";
import { Events } from "../../../operator/kube/events.ts";
import { Informer } from "../../../operator/kube/informer.ts";
import { Lease } from "../../../operator/kube/lease.ts";
import type { KubeObject, Resource } from "../../../operator/kube/object.ts";
import { Component } from "../../env/component.ts";
import { fixedPort } from "../../env/fixed-port.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { keptLog } from "../../operator/kept-log.ts";
import { until } from "../../operator/until.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { refused } from "../../support/refused.ts";

const configMaps: Resource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" };
const widgets: Resource = { group: "tests.example", version: "v1", plural: "widgets", kind: "Widget" };
const root = join(import.meta.dirname, "..", "..", "..");

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

function configMap(namespace: string, name: string, data: Record<string, string>, labels = {}): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, labels }, data };
}

let cluster: Kubernetes;
let folder: string;
let auditLog: string;
let client: Client;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "kes-operator-kube-"));
  auditLog = join(folder, "audit.log");
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata", verbs: ["create", "update", "patch", "delete"] }, { level: "None" }],
  };
  writeFileSync(join(folder, "audit-policy.yaml"), JSON.stringify(policy));
  cluster = await startKubernetes({
    apiServerFlags: [
      `--audit-policy-file=${join(folder, "audit-policy.yaml")}`,
      `--audit-log-path=${auditLog}`,
      "--audit-log-mode=blocking",
    ],
  });
  client = await connect();
});

after(async () => {
  client?.[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function connect(options: Partial<ClientOptions> = {}, port = cluster.port): Promise<Client> {
  const connection = await connectInCluster({ host: "127.0.0.1", port: String(port), folder: account() }, systemClock);
  return new Client({ connection, userAgent: "tests", ...options });
}

/** A folder as the kubelet mounts it. */
function account(token = cluster.adminToken): string {
  const made = mkdtempSync(join(folder, "account-"));
  for (const [name, text] of Object.entries({ token, namespace: "default", "ca.crt": cluster.caPem })) {
    writeFileSync(join(made, name), text);
  }
  return made;
}

describe("server-side apply", () => {
  test("leaves what others own, takes back what is no longer in the intent, and forces", async () => {
    await cluster.createNamespace("applied");
    const ref = { namespace: "applied", name: "one" };
    await client.apply(configMaps, configMap("applied", "one", { ours: "1", gone: "1", shared: "1" }), {
      fieldManager: "a",
    });
    await client.apply(configMaps, configMap("applied", "one", { theirs: "1", shared: "2" }), { fieldManager: "b" });
    const stored = await client.apply<ConfigMap>(configMaps, configMap("applied", "one", { ours: "2" }), {
      fieldManager: "a",
    });
    assert.deepEqual(stored.data, { ours: "2", theirs: "1", shared: "2" });
    assert.deepEqual((await client.get<ConfigMap>(configMaps, ref))?.data, stored.data);
  });

  test("without a change changes no version", async () => {
    const intent = configMap("applied", "same", { a: "1" });
    const first = await client.apply(configMaps, intent, { fieldManager: "a" });
    const again = await client.apply(configMaps, intent, { fieldManager: "a" });
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  test("says what is wrong with an object", async () => {
    const wrong = { ...configMap("applied", "Not A Name", {}) };
    const error = await refused(client.apply(configMaps, wrong, { fieldManager: "a" }));
    assert.ok(error.isInvalid && error.causes.length > 0, error.message);
  });

  test("into a namespace that is not there, or is going away, is told from a missing right", async () => {
    const nowhere = await refused(client.apply(configMaps, configMap("nowhere", "one", {}), { fieldManager: "a" }));
    assert.deepEqual([nowhere.isNotFound, nowhere.isTerminatingNamespace], [true, false]);
    // No controller runs that would end it, so it stays as it is.
    await cluster.createNamespace("ending");
    await cluster.api.delete("/api/v1/namespaces/ending");
    const ending = await refused(client.apply(configMaps, configMap("ending", "one", {}), { fieldManager: "a" }));
    assert.ok(ending.isTerminatingNamespace, ending.message);
    await cluster.api.create("/api/v1/namespaces/applied/serviceaccounts", { metadata: { name: "nobody" } });
    const token = await cluster.tokenFor("applied", "nobody");
    const at = { host: "127.0.0.1", port: String(cluster.port), folder: account(token) };
    using nobody = new Client({ connection: await connectInCluster(at, systemClock), userAgent: "tests" });
    const forbidden = await refused(nobody.apply(configMaps, configMap("applied", "one", {}), { fieldManager: "a" }));
    assert.deepEqual([forbidden.isForbidden, forbidden.isTerminatingNamespace], [true, false]);
    assert.match(forbidden.message, /allow the operator's ServiceAccount the verb patch on configmaps$/);
  });
});

describe("the other verbs", () => {
  test("create, update and delete as the API does", async () => {
    const created = await client.create<ConfigMap>(configMaps, configMap("applied", "made", { a: "1" }));
    assert.ok((await refused(client.create(configMaps, configMap("applied", "made", {})))).isAlreadyExists);
    const updated = await client.update<ConfigMap>(configMaps, { ...created, data: { a: "2" } } as ConfigMap);
    assert.ok((await refused(client.update(configMaps, created))).isConflict);
    await client.delete(
      configMaps,
      { namespace: "applied", name: "made" },
      { uid: "4f4b1c3e-0000-4000-8000-000000000000" },
    );
    assert.notEqual(await client.get(configMaps, { namespace: "applied", name: "made" }), undefined);
    await client.delete(configMaps, { namespace: "applied", name: "made" }, { uid: updated.metadata.uid ?? "" });
    await client.delete(configMaps, { namespace: "applied", name: "made" });
    assert.equal(await client.get(configMaps, { namespace: "applied", name: "made" }), undefined);
  });

  test("discover says what is served", async () => {
    assert.ok((await client.discover("apps/v1"))?.has("deployments"));
    assert.ok((await client.discover("v1"))?.has("configmaps"));
    assert.equal(await client.discover("nobody.example/v1"), undefined);
  });
});

describe("a watch", () => {
  test("ends with a bookmark, from which the next one goes on without a gap", async () => {
    await cluster.createNamespace("watched");
    const { resourceVersion } = await client.list(configMaps, { namespace: "watched" });
    const heard: WatchEvent<ConfigMap>[] = [];
    const options = { namespace: "watched", labelSelector: "seen=yes", resourceVersion, timeoutSeconds: 5 };
    const watching = (async () => {
      for await (const event of client.watch<ConfigMap>(configMaps, options)) heard.push(event);
    })();
    await sleep(500);
    await client.apply(configMaps, configMap("watched", "one", { a: "1" }, { seen: "yes" }), { fieldManager: "a" });
    // The watch does not tell of this one, and yet the bookmark stands behind it.
    const unseen = await client.apply(configMaps, configMap("watched", "two", {}), { fieldManager: "a" });
    await watching;
    const bookmark = heard.pop();
    assert.equal(bookmark?.type, "BOOKMARK");
    const objects = heard.filter(({ type }) => type !== "BOOKMARK");
    assert.deepEqual(
      objects.map(({ type, object }) => `${type} ${object.metadata.name}`),
      ["ADDED one"],
    );
    assert.ok(Number(bookmark?.object.metadata.resourceVersion) >= Number(unseen.metadata.resourceVersion));
    await client.apply(configMaps, configMap("watched", "one", { a: "2" }, { seen: "yes" }), { fieldManager: "a" });
    const next = { ...options, resourceVersion: bookmark?.object.metadata.resourceVersion ?? "", timeoutSeconds: 2 };
    for await (const { type, object } of client.watch<ConfigMap>(configMaps, next)) {
      if (type === "BOOKMARK") continue;
      assert.equal(`${type} ${object.data?.["a"]}`, "MODIFIED 2");
      return;
    }
    assert.fail("the change was not told");
  });
});

describe("an informer", () => {
  test("has more than a page, and follows through a server that is killed and through cut and held connections", async () => {
    await cluster.createNamespace("followed");
    const make = (name: string, value: string) =>
      client.apply(configMaps, configMap("followed", name, { value }), { fieldManager: "a" });
    for (let from = 0; from < 1_100; from += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, at) => make(`map-${from + at}`, "1")));
    }
    await using proxy = await TcpProxy.open(cluster.port);
    using through = await connect({ patience: { call: 2_000, silence: 3_000 } }, proxy.port);
    const log = keptLog();
    await using informer = new Informer<ConfigMap>({
      api: through,
      resource: configMaps,
      namespaces: ["followed"],
      log,
    });
    const heard: string[] = [];
    informer.subscribe(({ ref, now, before, inferred }) => {
      const what =
        now === undefined ? `gone${inferred === true ? " inferred" : ""}` : before === undefined ? "new" : "changed";
      heard.push(`${what} ${ref.name}`);
    });
    informer.start();
    await informer.ready;
    assert.equal(informer.size, 1_100);
    assert.ok(informer.list().every(({ metadata }) => !("managedFields" in metadata)));
    const value = (name: string) => informer.get({ namespace: "followed", name })?.data?.["value"];
    const told = async (what: string, change: () => Promise<unknown>) => {
      heard.length = 0;
      await change();
      await until(what, () => heard.includes(what), 30);
      assert.deepEqual(heard, [what]);
    };

    await told("changed map-0", () => make("map-0", "2"));
    assert.equal(value("map-0"), "2");

    await told("changed map-1", async () => {
      proxy.cut();
      await make("map-1", "2");
    });

    await told("gone map-2", async () => {
      proxy.cut();
      await client.delete(configMaps, { namespace: "followed", name: "map-2" });
    });

    await told("changed map-3", async () => {
      // Nothing ends the connection: only its silence tells.
      proxy.fault = "hold";
      await make("map-3", "2");
      await sleep(3_500);
      proxy.fault = "pass";
    });

    const lists = () => log.lines.filter(({ message }) => message === "listed").length;
    assert.equal(lists(), 1, "the list was not repeated");
    await told("changed map-4", async () => {
      await cluster.apiServer.kill();
      await sleep(2_000);
      await cluster.apiServer.start();
      assert.deepEqual([informer.synced, informer.size], [true, 1_099]);
      await make("map-4", "2");
    });

    // A server that starts anew knows no history from before.
    heard.length = 0;
    const listed = lists();
    proxy.fault = "refuse";
    proxy.cut();
    await make("map-5", "2");
    await client.delete(configMaps, { namespace: "followed", name: "map-6" });
    await cluster.apiServer.kill();
    await cluster.apiServer.start();
    const from = informer.list()[0]?.metadata.resourceVersion ?? "";
    const watch = client.watch(configMaps, { namespace: "followed", resourceVersion: from })[Symbol.asyncIterator]();
    assert.ok((await refused(watch.next())).isExpired);
    proxy.fault = "pass";
    await until("the differences", () => heard.length >= 2, 40);
    assert.deepEqual([heard.toSorted(), lists()], [["changed map-5", "gone inferred map-6"], listed + 1]);
  });

  test("finds a kind when it is installed, and empties itself when it is removed", async () => {
    const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    const timing = { first: 100, longest: 500, jitter: 1, unanswered: 500, healthy: 5_000, missing: 500, look: 500 };
    await using informer = new Informer({
      api: client,
      resource: widgets,
      namespaces: [],
      log: keptLog(),
      isOptional: true,
      timing,
    });
    informer.start();
    await informer.ready;
    assert.equal(informer.installed, false);
    await cluster.api.create(definitions, {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.tests.example" },
      spec: {
        group: "tests.example",
        names: { kind: "Widget", plural: "widgets" },
        scope: "Namespaced",
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
      },
    });
    await until("the kind", () => informer.installed);
    const metadata = { name: "one", namespace: "default" };
    await client.apply(widgets, { apiVersion: "tests.example/v1", kind: "Widget", metadata }, { fieldManager: "a" });
    await until("the object", () => informer.size === 1);
    await cluster.api.delete(`${definitions}/widgets.tests.example`);
    await until("its end", () => !informer.installed && informer.size === 0, 30);
  });
});

describe("events", () => {
  test("are accepted, and repetitions become a series", async () => {
    const regarding = await client.apply(configMaps, configMap("default", "subject", {}), { fieldManager: "a" });
    const reporter = { controller: "kes-operator.io/operator", instance: "tests" };
    const log = keptLog();
    const events = new Events({ api: client, log, ...reporter, now: () => Date.now() });
    const event = { regarding, type: "Warning", reason: "Tested", action: "Test", message: "ü".repeat(700) } as const;
    for (let times = 0; times < 3; times += 1) {
      events.record(event);
      await sleep(300);
    }
    await events[Symbol.asyncDispose]();
    assert.deepEqual(log.lines, []);
    const { items } = await cluster.api.get("/apis/events.k8s.io/v1/namespaces/default/events");
    assert.equal(items.length, 1);
    const [{ reason, regarding: about, series, note }] = items;
    assert.deepEqual([reason, about.uid, series.count], ["Tested", regarding.metadata.uid, 3]);
    assert.match(note, /^ü+…$/);
  });
});

const kubeconfigWith = (user: object): string => {
  const path = join(mkdtempSync(join(folder, "kubeconfig-")), "config");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: cluster.url, "certificate-authority": cluster.caFile } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "followed" } }],
    "current-context": "x",
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
};

describe("a kubeconfig", () => {
  test("with a token, and its namespace", async () => {
    const connection = await connectByKubeconfig(kubeconfigWith({ token: cluster.adminToken }), systemClock);
    assert.equal(connection.namespace, "followed");
    using own = new Client({ connection, userAgent: "tests" });
    assert.ok((await own.list(configMaps, { namespace: "default" })).items.length > 0);
  });

  test("with a plugin, which is asked again when its token is refused", async () => {
    const token = join(folder, "plugin-token");
    const status = '{ token: require("node:fs").readFileSync(process.argv[1], "utf8") }';
    const credential = `{ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status: ${status} }`;
    const script = `process.stdout.write(JSON.stringify(${credential}))`;
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: process.execPath,
      args: ["-e", script, token],
    };
    writeFileSync(token, cluster.adminToken);
    const connection = await connectByKubeconfig(kubeconfigWith({ exec }), systemClock);
    using own = new Client({ connection, userAgent: "tests" });
    assert.ok((await own.list(configMaps, { namespace: "default" })).items.length > 0);
    writeFileSync(token, "revoked");
    using later = new Client({
      connection: await connectByKubeconfig(kubeconfigWith({ exec }), systemClock),
      userAgent: "tests",
    });
    assert.equal((await refused(later.list(configMaps))).status, 401);
    writeFileSync(token, cluster.adminToken);
    assert.ok((await later.list(configMaps, { namespace: "default" })).items.length > 0);
  });

  test("that names no context says so", async () => {
    const path = join(mkdtempSync(join(folder, "kubeconfig-")), "config");
    writeFileSync(path, JSON.stringify({ apiVersion: "v1", kind: "Config", clusters: [], users: [], contexts: [] }));
    await assert.rejects(connectByKubeconfig(path, systemClock), /has no current context/);
  });
});

describe("a lease", () => {
  test("is held by one at a time and handed on", async () => {
    const ref = { namespace: "default", name: "tests" };
    const hold = (identity: string) => new Lease({ api: client, ref, identity, clock: systemClock, log: keptLog() });
    const [one, two] = [hold("one"), hold("two")];
    const stop = new AbortController();
    assert.equal(await one.acquire(stop.signal), true);
    const second = two.acquire(stop.signal);
    await sleep(5_000);
    assert.deepEqual([one.isHeld, two.isHeld, two.holder], [true, false, "one"]);
    await one.release();
    assert.equal(await second, true);
    const { spec } = await cluster.api.get("/apis/coordination.k8s.io/v1/namespaces/default/leases/tests");
    assert.deepEqual([spec.holderIdentity, spec.leaseDurationSeconds, spec.leaseTransitions], ["two", 15, 1]);
    await two.release();
  });
});

const kinds = ["kesservers", "kespolicies", "kesidentities", "keskeys"];

/** An operator with an account of its own, so that the audit log tells them apart. */
async function operator(name: string): Promise<Component> {
  await cluster.api.create("/api/v1/namespaces/operators/serviceaccounts", { metadata: { name } });
  const subjects = [{ kind: "ServiceAccount", name, namespace: "operators" }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" };
  const binding = { metadata: { name }, roleRef, subjects };
  await cluster.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding);
  const port = await fixedPort();
  const flags = ["--server-image=kes:test", "--namespace=operators", `--ops-address=127.0.0.1:${port}`];
  return await Component.start({
    command: [process.execPath, join(root, "operator", "main.ts"), ...flags],
    logFile: join(folder, `${name}.log`),
    env: {
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: String(cluster.port),
      KES_OPERATOR_SERVICE_ACCOUNT: account(await cluster.tokenFor("operators", name)),
    },
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok,
  });
}

const writesOf = (name: string, since: number): readonly string[] =>
  readFileSync(auditLog, "utf8")
    .split("\n")
    // The last one may be half written.
    .slice(0, -1)
    .map((line) => JSON.parse(line))
    .filter(({ user }) => user.username === `system:serviceaccount:operators:${name}`)
    .filter(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp) >= since)
    .map(({ verb, requestURI }) => `${verb} ${requestURI}`);

const isLeading = (component: Component): boolean => component.log().includes('"message":"controllers run"');

const areOursServed = async () => {
  const answers = await client.discover("kes-operator.io/v1alpha1");
  return kinds.every((kind) => answers?.has(kind));
};

describe("of two operators", () => {
  test("a leader that is stopped and continued writes nothing more: the other has taken over", async () => {
    for (const file of readdirSync(join(root, "crds")).filter((file) => file.endsWith(".yaml"))) {
      const definition = parse(readFileSync(join(root, "crds", file), "utf8"));
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition.metadata.name}`;
      await cluster.api.apply(path, definition);
    }
    await until("our kinds", areOursServed);
    await cluster.createNamespace("operators");
    await cluster.createNamespace("team");
    mkdirSync(join(folder, "logs"), { recursive: true });
    await using one = await operator("one");
    await until("the first leader", () => isLeading(one));
    await using two = await operator("two");
    await one.pause();
    const stoppedAt = Date.now();
    const servers = "/apis/kes-operator.io/v1alpha1/namespaces/team/kesservers";
    const declare = (name: string) =>
      cluster.api.create(servers, {
        apiVersion: "kes-operator.io/v1alpha1",
        kind: "KesServer",
        metadata: { name },
        spec: { keystore: { memory: {} } },
      });
    // These wait in the connections of the one that sleeps.
    for (const name of ["a", "b", "c"]) await declare(name);
    await until("the second leader", () => isLeading(two), 60);
    const tookOver = Date.now() - stoppedAt;
    assert.ok(tookOver > 10_000 && tookOver < 30_000, `taken over after ${tookOver} ms`);
    const isObserved = async (name: string) =>
      (await cluster.api.get(`${servers}/${name}`)).status?.observedGeneration === 1;
    await until("its work", async () => (await Promise.all(["a", "b", "c"].map(isObserved))).every(Boolean));
    const continuedAt = Date.now();
    one.resume();
    await until("the first one's end", () => !one.running);
    assert.ok(Date.now() - continuedAt < 5_000);
    assert.deepEqual(writesOf("one", continuedAt - 1_000), []);
    assert.notEqual(writesOf("two", stoppedAt).length, 0, "the audit log tells of writes");
    assert.match(one.log(), /"message":"lease lost, ending at once"/);
  });
});
