// Two operators that share a cluster: one may see two namespaces only and looks after the objects of its instance there, the
// other sees everything and looks after what names no instance. Neither touches, nor asks for, what is the other's.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { isWrite, shortly } from "../../support/operator-api-call.ts";
import type { ApiCall } from "../../support/operator-api-call.ts";
import { ApiFront } from "../../support/operator-api-front.ts";
import { installChart, renderChart } from "../../support/operator-chart.ts";
import { startOperator } from "../../support/operator-process.ts";
import type { OperatorProcess } from "../../support/operator-process.ts";
import { pathOf, startWorld } from "../../support/operator-world.ts";
import type { Id, World } from "../../support/operator-world.ts";

const namespaces = ["one", "two"];
const blue = { "kes-operator.io/instance": "blue" };
const values = { watchNamespaces: namespaces, instanceId: "blue" };
const narrow = { release: "narrow", namespace: "narrow", values };

let world: World;
let fronts: { readonly wide: ApiFront; readonly narrow: ApiFront };
let operators: readonly OperatorProcess[];

before(async () => {
  world = await startWorld();
  for (const namespace of [...namespaces, "three"]) await world.cluster.createNamespace(namespace);
  const chart = await installChart(world.cluster, { ...narrow, edit: withoutKinds });
  fronts = { wide: await ApiFront.open(world.cluster), narrow: await ApiFront.open(world.cluster) };
  operators = await Promise.all([
    startOperator(world.cluster, world.chart, { port: fronts.wide.port }),
    startOperator(world.cluster, chart, { port: fronts.narrow.port }),
  ]);
});

/** They are there. */
function withoutKinds(objects: readonly Json[]): readonly Json[] {
  return objects.filter(({ kind }) => kind !== "CustomResourceDefinition");
}

after(async () => {
  for (const operator of operators) await operator[Symbol.asyncDispose]();
  for (const front of Object.values(fronts)) await front[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** A server and its policy. */
async function declare(namespace: string, annotations: Readonly<Record<string, string>>): Promise<readonly [Id, Id]> {
  const [server, policy]: readonly [Id, Id] = [
    ["kesservers", namespace, "kes"],
    ["kespolicies", namespace, "all"],
  ];
  const tls = await world.serverTls(namespace, "kes");
  await world.declare(server, { tls, keystore: { memory: {} } }, annotations);
  await world.declare(policy, { allow: ["/v1/status"] }, annotations);
  return [server, policy];
}

async function isLookedAt(id: Id): Promise<boolean> {
  return (await world.read(id)).status !== undefined;
}

test("the chart gives a narrow operator no role of the whole cluster", async () => {
  const rendered = await renderChart(narrow);
  assert.deepEqual(
    rendered.filter(({ kind }) => kind === "ClusterRole" || kind === "ClusterRoleBinding"),
    [],
  );
});

test("each looks after its own, by namespace and by annotation", async () => {
  const ours = await declare("one", blue);
  const theirs = await declare("two", {});
  const beyond = await declare("three", blue);
  for (const id of [...ours, ...theirs]) await world.untilCondition(id, "Ready", "True");
  await sleep(2000);
  for (const id of beyond) assert.equal(await isLookedAt(id), false, id.join("/"));
  assert.deepEqual([fronts.narrow, fronts.wide].map(placesOfWrites), [new Set(["one"]), new Set(["two"])]);
});

function placesOfWrites(front: ApiFront): ReadonlySet<string> {
  return new Set(front.since(0, isWrite).map(({ namespace }) => namespace));
}

test("the narrow one asks only in its namespaces, and is refused nothing but what it may not have", async () => {
  const beyond = fronts.narrow.calls.filter(({ namespace, resource }) => {
    return resource === "leases" ? namespace !== "narrow" : !namespaces.includes(namespace);
  });
  assert.deepEqual(beyond.map(shortly), []);
  const [, operator] = operators;
  const words = JSON.stringify(operator?.lines() ?? []).match(/cannot \w+ resource [^,]+/g) ?? [];
  assert.deepEqual(
    words.filter((word) => !word.includes("servicemonitors")),
    [],
  );
});

test("what it cannot see, labels of namespaces, it says", async () => {
  const policy: Id = ["kespolicies", "one", "by-label"];
  const allowedNamespaces = { from: "Selector", selector: { matchLabels: { team: "a" } } };
  await world.declare(policy, { allow: ["/v1/status"], allowedNamespaces }, blue);
  const client: Id = ["kesidentities", "two", "client"];
  const refs = { serverRef: { name: "kes", namespace: "one" }, policyRef: { name: "by-label" } };
  await world.declare(client, { ...refs, hash: "2e".repeat(32) }, blue);
  // It may hear of the client before it hears of the policy.
  const accepted = await world.untilCondition(client, "Accepted", "NotAllowedByPolicy");
  assert.match(accepted.message, /allowedNamespaces/);
});

test("an object that is handed over has a new master at once, and nothing restarts", async () => {
  const server: Id = ["kesservers", "one", "kes"];
  const pods = (): string =>
    world.node
      .pods("one")
      .map(({ pod }) => pod.metadata?.uid ?? "")
      .join();
  const before = pods();
  await untilQuiet(fronts.narrow);
  const handed = { metadata: { annotations: { "kes-operator.io/instance": null } } };
  for (const id of [server, ["kespolicies", "one", "all"]] as const) await world.cluster.api.merge(pathOf(id), handed);
  const from = fronts.narrow.calls.length;
  await world.cluster.api.merge(pathOf(server), { spec: { networkPolicy: { enabled: true } } });
  const policy = "/apis/networking.k8s.io/v1/namespaces/one/networkpolicies/kes";
  await world.until("the other has made it", async () => (await world.cluster.api.find(policy)) !== undefined);
  await world.untilCondition(server, "Ready", "True");
  const late = fronts.narrow.since(from, (call) => isWrite(call) && call.name.startsWith("kes"));
  // A status says which state of the object it is about: one that was under way is refused.
  const written = late.filter((call) => !fronts.narrow.wasRefused(call));
  assert.deepEqual(written.map(shortly), []);
  assert.equal(pods(), before);
});

/** What the tests before have brought about is done: nothing was written for a second. */
async function untilQuiet(front: ApiFront): Promise<void> {
  await world.until("nothing is under way", () => Promise.resolve(front.since(0, isWrite).every(isOver)));
}

function isOver({ at }: ApiCall): boolean {
  return at < Date.now() - 1000;
}
