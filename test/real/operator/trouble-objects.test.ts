// Objects in trouble on a real API server: a policy bundle that somebody edits or deletes, with the operator there and away; a
// namespace that is deleted with everything in it; objects that are paused; kinds that are installed late. Three servers
// answer throughout.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchSyncState } from "../../../operator/controllers/kes-server/fetch-sync-state.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { installCertManagerCrds } from "../../env/cert-manager/cert-manager.ts";
import { applyManifest } from "../../env/kubectl/kubectl.ts";
import { makeLeaf } from "../../support/certificates.ts";
import { isWrite, shortly } from "../../support/operator-api-call.ts";
import type { ApiCall } from "../../support/operator-api-call.ts";
import { serviceMonitors } from "../../support/operator-duties.ts";
import { ApiFront } from "../../support/operator-api-front.ts";
import { timeUntil, untilAnswers } from "../../support/operator-propagation.ts";
import { startOperator } from "../../support/operator-process.ts";
import type { OperatorProcess } from "../../support/operator-process.ts";
import { loadRules, startService, underLoad } from "../../support/operator-service.ts";
import type { KeyService } from "../../support/operator-service.ts";
import { pathOf, startWorld } from "../../support/operator-world.ts";
import type { Id, World } from "../../support/operator-world.ts";

const bundle = "/api/v1/namespaces/keys/configmaps/kes-bundle";
const bundleEntry = "bundle.json";

let world: World;
let front: ApiFront;
let operator: OperatorProcess;
let service: KeyService;

before(async () => {
  world = await startWorld({ chart: { values: { rbac: { serviceMonitors: true } } } });
  front = await ApiFront.open(world.cluster);
  operator = await startOperator(world.cluster, world.chart, { port: front.port });
  service = await startService(world, "keys");
});

after(async () => {
  await operator[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

async function bundleText(): Promise<string | undefined> {
  return (await world.cluster.api.find(bundle))?.data?.[bundleEntry];
}

async function damage(text: string | null): Promise<void> {
  await world.cluster.api.merge(bundle, { data: { [bundleEntry]: text } });
}

/** What somebody may do to it, the API server's administrator for instance. */
const damages: Readonly<Record<string, (text: string) => Promise<unknown>>> = {
  "is overwritten": () => damage("no JSON"),
  "lets somebody in by hand": (text) => damage(text.replace("/v1/key/generate/load", "/v1/*")),
  "is cut short": (text) => damage(text.slice(0, text.length / 2)),
  "is emptied": () => damage(null),
  "is deleted": () => world.cluster.api.delete(bundle),
};

for (const [what, spoil] of Object.entries(damages)) {
  test(`a bundle that ${what} is put right at once, and no server obeys it`, async (t) => {
    const good = await bundleText();
    assert.ok(good !== undefined);
    const repairs = await operator.metric("kes_operator_repairs_total", { namespace: "keys", name: "kes" });
    await underLoad(world, service, async () => {
      const began = Date.now();
      await spoil(good);
      await world.until("it is as it was", async () => (await bundleText()) === good, 5000);
      const took = Date.now() - began;
      await sleep(500);
      for (const client of service.clients) assert.equal(await client.status("GET", "/v1/api"), 403);
      const told = operator.lines(began).filter(({ message }) => message === "child put right");
      assert.deepEqual(
        told.map(({ server, kind, name }) => [server, kind, name]),
        [["keys/kes", "ConfigMap", "kes-bundle"]],
      );
      assert.equal(
        await operator.metric("kes_operator_repairs_total", { namespace: "keys", name: "kes" }),
        repairs + 1,
      );
      t.diagnostic(`put right within ${took} ms`);
    });
    // Events are written beside the work.
    await world.until("it is told", async () => {
      const events: readonly Json[] = (await world.cluster.api.get("/apis/events.k8s.io/v1/namespaces/keys/events"))
        .items;
      return events.some(({ reason, regarding }) => reason === "Repaired" && regarding.name === "kes");
    });
  });
}

test("while the operator is away, servers keep the last good bundle, and one that starts anew admits nobody", async (t) => {
  const good = await bundleText();
  await operator.kill();
  const [restarted, ...others] = service.clients;
  assert.ok(good !== undefined && restarted !== undefined);
  await underLoad(world, { ...service, clients: others }, async () => {
    await damage(good.replace("/v1/key/generate/load", "/v1/*"));
    const damagedAt = Date.now();
    await world.until("every server has refused it", async () => {
      const states = await Promise.all(service.clients.map(({ name }) => syncStateOf(name).catch(() => undefined)));
      return states.every((state) => state !== undefined && state.rejected > 0 && state.lastError !== null);
    });
    t.diagnostic(`refused by all within ${Date.now() - damagedAt} ms`);
    assert.match(world.node.logs("keys"), /"msg":"[^"]*bundle[^"]*"/);
    // The volume follows within a second here.
    await sleep(2000);
    for (const client of others) assert.equal(await client.status("GET", "/v1/api"), 403);
    world.node.pod("keys", restarted.name).container().process?.kill();
    for (const until = Date.now() + 4000; Date.now() < until; await sleep(50)) {
      for (const path of ["/v1/api", "/v1/status"]) {
        assert.notEqual(await restarted.status("GET", path).catch(String), 200, path);
      }
    }
    const began = Date.now();
    await operator.start();
    await operator.untilLogged("controllers run");
    await world.until("it is as it was", async () => (await bundleText()) === good, 10_000);
    const repaired = Date.now() - began;
    await untilAnswers(restarted, "PUT /v1/key/generate/load", 200);
    t.diagnostic(`put right ${repaired} ms after the start, obeyed after ${Date.now() - began} ms`);
  });
});

async function syncStateOf(pod: string): ReturnType<typeof fetchSyncState> {
  const { address } = world.node.pod("keys", pod);
  return await fetchSyncState(`http://${address}:8081/syncz`);
}

test("a namespace is deleted with a server and clients in it: nothing is retried there, and its clients are out elsewhere", async (t) => {
  const certificate = await makeLeaf({ cn: "tenant" });
  await world.cluster.createNamespace("tenant");
  const tls = await world.serverTls("tenant", "own");
  const refs = { serverRef: { name: "kes", namespace: "keys" }, policyRef: { name: "load" } };
  const client: Id = ["kesidentities", "tenant", "client"];
  const follower: Id = ["kesidentities", "keys", "follower"];
  await world.declare(["kesservers", "tenant", "own"], {
    tls,
    keystore: { memory: {} },
    networkPolicy: { enabled: true },
  });
  await world.declare(["kespolicies", "tenant", "all"], { allow: ["/v1/status"] });
  await world.declare(client, { ...refs, hash: certificate.identity });
  await world.declare(follower, { serverRef: { name: "kes" }, hash: "1f".repeat(32) });
  await world.declare(service.policy, { allow: loadRules, allowedNamespaces: { from: "Names", names: ["tenant"] } });
  await world.untilCondition(client, "Ready", "True");
  await world.untilCondition(["kesservers", "tenant", "own"], "Ready", "True");
  const clients = await world.clientsOf("keys", "kes", certificate);
  await underLoad(world, service, async () => {
    const began = Date.now();
    const from = front.calls.length;
    const took = await timeUntil(clients, "PUT /v1/key/generate/load", 403, () => {
      return world.cluster.api.delete("/api/v1/namespaces/tenant");
    });
    await world.until("the namespace is gone", async () => {
      return (await world.cluster.api.find("/api/v1/namespaces/tenant")) === undefined;
    });
    const gone = Date.now() - began;
    await sleep(10_000);
    const written = front.since(from, (call) => isWrite(call) && call.namespace === "tenant").map(shortly);
    assert.ok(written.length <= 30, `${written.length} writes: ${written.join(", ")}`);
    const errors = operator.lines(began).filter(({ level }) => level === "error");
    assert.deepEqual(errors, []);
    assert.equal(await operator.metric("kes_operator_bundle_writes_total", { namespace: "tenant" }), 0);
    t.diagnostic(`out after ${Math.round(took)} ms, gone after ${gone} ms, ${written.length} writes in it meanwhile`);
  });
  for (const each of clients) each[Symbol.dispose]();
});

test("consent that is withdrawn counts at once, in whatever way, and comes back as it was given", async (t) => {
  const certificate = await makeLeaf({ cn: "guest" });
  const namespace = "/api/v1/namespaces/guests";
  const client: Id = ["kesidentities", "guests", "guest"];
  const policy: Id = ["kespolicies", "keys", "guests"];
  await world.cluster.createNamespace("guests");
  const team = (name: string | null): Promise<unknown> =>
    world.cluster.api.merge(namespace, { metadata: { labels: { team: name } } });
  const offer = (allowedNamespaces: object): Promise<unknown> =>
    world.declare(policy, { allow: loadRules, allowedNamespaces });
  const byLabel = { from: "Selector", selector: { matchLabels: { team: "a" } } };
  const byName = { from: "Names", names: ["guests"] };
  await team("a");
  await offer(byLabel);
  const refs = { serverRef: { name: "kes", namespace: "keys" }, policyRef: { name: "guests" } };
  await world.declare(client, { ...refs, hash: certificate.identity });
  await world.untilCondition(client, "Ready", "True");
  const clients = await world.clientsOf("keys", "kes", certificate);
  const ways: Readonly<
    Record<string, readonly [take: () => Promise<unknown>, give: () => Promise<unknown>, reason: string]>
  > = {
    "a label goes": [() => team(null), () => team("a"), "NotAllowedByPolicy"],
    "the offer goes": [() => offer({ from: "Same" }), () => offer(byName), "NotAllowedByPolicy"],
    "the policy goes": [() => world.remove(policy), () => offer(byName), "PolicyNotFound"],
  };
  await underLoad(world, service, async () => {
    for (const [way, [take, give, reason]] of Object.entries(ways)) {
      const taken = await timeUntil(clients, "PUT /v1/key/generate/load", 403, take);
      await world.untilCondition(client, "Accepted", reason, 10_000);
      const given = await timeUntil(clients, "PUT /v1/key/generate/load", 200, give);
      assert.ok(taken < 5000 && given < 5000, `${way}: ${taken} and ${given} ms`);
      t.diagnostic(`${way}: out after ${Math.round(taken)} ms, in again after ${Math.round(given)} ms`);
    }
  });
  for (const each of clients) each[Symbol.dispose]();
});

/** What a user has made, under names that a KesServer `shop` has for its children; the API's path to each. */
const usersOwn: Readonly<Record<string, object>> = {
  "/api/v1/namespaces/shops/serviceaccounts/legacy": {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "legacy", annotations: { "eks.amazonaws.com/role-arn": "arn:shop" } },
  },
  "/api/v1/namespaces/shops/persistentvolumeclaims/shop-keys": {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "shop-keys" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
  },
  "/api/v1/namespaces/shops/configmaps/shop-config": {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "shop-config" },
    data: { "config.yaml": "of the shop" },
  },
  "/api/v1/namespaces/shops/services/shop": {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "shop" },
    spec: { selector: { app: "shop" }, ports: [{ name: "web", port: 80 }] },
  },
  "/apis/apps/v1/namespaces/shops/deployments/shop": {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop" },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: "shop" } },
      template: { metadata: { labels: { app: "shop" } }, spec: { containers: [{ name: "shop", image: "shop:1" }] } },
    },
  },
};

/** Without what the cluster's controllers write. */
async function declaredAt(path: string): Promise<Json> {
  const { metadata, status: _status, ...rest } = await world.cluster.api.get(path);
  const { uid, labels, ownerReferences, annotations = {} } = metadata;
  const { "deployment.kubernetes.io/revision": _revision, ...given } = annotations;
  return { ...rest, uid, labels, ownerReferences, annotations: given };
}

test("objects that somebody has made are never taken for a server's own, and stay when it goes", async (t) => {
  const shop: Id = ["kesservers", "shops", "shop"];
  await world.cluster.createNamespace("shops");
  const tls = await world.serverTls("shops", "shop");
  const keystore = { fs: { volumeClaim: { size: "1Mi", reclaimPolicy: "Delete" } } };
  const spec = { tls, keystore, replicas: 0, serviceAccount: { name: "legacy" } };
  for (const [path, object] of Object.entries(usersOwn)) await world.cluster.api.apply(path, object);
  const paths = Object.keys(usersOwn);
  const before = await Promise.all(paths.map(declaredAt));
  await world.declare(shop, spec);
  const { message } = await world.untilCondition(shop, "Accepted", "ApplyFailed");
  assert.match(message, /^ServiceAccount legacy is there already .* spec.serviceAccount.create: false/);
  const from = front.calls.length;
  // Each name that the user gives up shows the next one.
  const free: string[] = [];
  for (const path of paths) {
    await world.until(`${path} is named`, async () => {
      await world.cluster.api.merge(pathOf(shop), { metadata: { annotations: { nudge: `${Date.now()}` } } });
      await sleep(500);
      const said = (await world.condition(shop, "Accepted"))?.message ?? "";
      return said.includes(` ${path.split("/").at(-1)} is there already and was not made for this KesServer`);
    });
    assert.deepEqual(
      await Promise.all(paths.slice(free.length).map(declaredAt)),
      before.slice(free.length),
      "what is not given up is as it was",
    );
    free.push(path);
    if (free.length < paths.length) await world.cluster.api.delete(path);
  }
  const met = front.since(from, (call) => isWrite(call) && call.namespace === "shops").map(shortly);
  t.diagnostic(`met ${paths.length} objects with ${met.length} writes`);
  const [last] = paths.slice(-1);
  assert.ok(last !== undefined);
  await world.remove(shop);
  await world.until("its own objects are gone with it", async () => {
    const rest = await Promise.all(paths.slice(0, -1).map((path) => world.cluster.api.find(path)));
    return rest.every((object) => object === undefined);
  });
  assert.deepEqual(await declaredAt(last), before.at(-1));
});

function tellsOfPause({ resource, body }: ApiCall): boolean {
  return resource === "events" && body.includes('"reason":"Paused"');
}

const ofTheServer: ReadonlySet<string> = new Set([
  "kesservers/status",
  "configmaps",
  "networkpolicies",
  "poddisruptionbudgets",
  "deployments",
]);

test("nothing is written for what is paused, and everything once it is not", async () => {
  const paused = { "kes-operator.io/paused": "true" };
  const spec = (await world.read(service.server)).spec;
  await underLoad(world, service, async () => {
    const began = front.calls.length;
    await world.cluster.api.merge(pathOf(service.server), { metadata: { annotations: paused } });
    // The visit that was under way is over: the next one tells that it writes nothing.
    await world.until("the operator has seen it", () => Promise.resolve(front.since(began, tellsOfPause).length > 0));
    const from = front.calls.length;
    await world.declare(service.policy, { allow: [...loadRules, "/v1/api"] });
    await world.cluster.api.merge(pathOf(service.server), { spec: { networkPolicy: { enabled: true } } });
    await world.cluster.api.delete("/apis/policy/v1/namespaces/keys/poddisruptionbudgets/kes");
    await sleep(3000);
    const written = front.since(from, (call) => isWrite(call) && ofTheServer.has(call.resource)).map(shortly);
    assert.deepEqual(written, []);
    for (const client of service.clients) assert.equal(await client.status("GET", "/v1/api"), 403);
    const took = await timeUntil(service.clients, "GET /v1/api", 200, () => {
      return world.cluster.api.merge(pathOf(service.server), {
        metadata: { annotations: { "kes-operator.io/paused": null } },
      });
    });
    assert.ok(took < 5000, `${took} ms`);
    for (const path of [
      "policy/v1/namespaces/keys/poddisruptionbudgets",
      "networking.k8s.io/v1/namespaces/keys/networkpolicies",
    ]) {
      await world.until(path, async () => (await world.cluster.api.find(`/apis/${path}/kes`)) !== undefined);
    }
  });
  await world.declare(service.server, spec);
  await world.untilCondition(service.server, "Ready", "True");
});

test("kinds that are installed later are used within seconds, without a word to the operator", async (t) => {
  const late: Id = ["kesservers", "later", "late"];
  await world.cluster.createNamespace("later");
  await world.declare(late, { keystore: { memory: {} }, monitoring: { serviceMonitor: { enabled: true } } });
  await world.untilCondition(late, "Accepted", "CertManagerNotInstalled");
  await underLoad(world, service, async () => {
    await installCertManagerCrds(world.cluster);
    await applyManifest(world.cluster, [serviceMonitors]);
    const began = Date.now();
    for (const path of [
      "cert-manager.io/v1/namespaces/later/certificates/late-server",
      "monitoring.coreos.com/v1/namespaces/later/servicemonitors/late",
    ]) {
      await world.until(path, async () => (await world.cluster.api.find(`/apis/${path}`)) !== undefined, 20_000);
    }
    await world.untilCondition(late, "Accepted", "True");
    t.diagnostic(`used ${Date.now() - began} ms after they were there`);
  });
});
