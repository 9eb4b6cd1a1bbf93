// The operator is killed in the middle of its work, again and again: after each single write of a first roll-out, once with
// its answer and once without, and in the middle of publishing policies. What the next one finds is never half of anything:
// in the end there is what there is when nobody dies, once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { isWrite, shortly } from "../../support/operator-api-call.ts";
import type { ApiCall } from "../../support/operator-api-call.ts";
import { ApiFront } from "../../support/operator-api-front.ts";
import { timeUntil } from "../../support/operator-propagation.ts";
import { prepareOperator } from "../../support/operator-process.ts";
import type { OperatorProcess } from "../../support/operator-process.ts";
import { loadRules, sharedStore, startService, underLoad } from "../../support/operator-service.ts";
import type { KeyService } from "../../support/operator-service.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { Id, World } from "../../support/operator-world.ts";

const mostLives = 80;
/** Milliseconds: an operator that has found nothing to write for so long has done everything. */
const quiet = 5000;

/** A namespace in which nobody died. */
const calm = "calm";

let world: World;
let front: ApiFront;
let operator: OperatorProcess;

before(async () => {
  world = await startWorld({ chart: { values: { features: { apiKeys: true } } } });
  front = await ApiFront.open(world.cluster);
  operator = await prepareOperator(world.cluster, world.chart, { port: front.port });
  await operator.start();
  await untilReady(await declareAll(calm));
  await operator.kill();
});

after(async () => {
  await operator[Symbol.asyncDispose]();
  await front[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

/** A server with every kind of child that needs no cert-manager, and one of each kind that belongs to it. */
async function declareAll(namespace: string): Promise<readonly Id[]> {
  await world.cluster.createNamespace(namespace);
  const tls = await world.serverTls(namespace, "kes");
  const serverRef = { name: "kes" };
  const policyRef = { name: "all" };
  const objects: readonly (readonly [Id, object])[] = [
    [["kesservers", namespace, "kes"], { replicas: 2, tls, keystore: sharedStore, networkPolicy: { enabled: true } }],
    [["kespolicies", namespace, "all"], { allow: loadRules }],
    [["keskeys", namespace, "load"], { serverRef }],
    [["kesidentities", namespace, "keyed"], { serverRef, policyRef, apiKey: {} }],
    [["kesidentities", namespace, "hashed"], { serverRef, policyRef, hash: "5a".repeat(32) }],
  ];
  for (const [id, spec] of objects) await world.declare(id, spec);
  return objects.map(([id]) => id);
}

/**
 * The operator dies of each of its writes: when the API server has it and the answer is on its way, or with the request on
 * its way, one write after the one that the life before had died of. @returns the writes that were cut
 */
async function dieOfEachWrite(lost: "request" | "answer"): Promise<readonly ApiCall[]> {
  const cut: ApiCall[] = [];
  let spared = 0;
  let dying: Promise<void> | undefined;
  front.meddle = async (call) => {
    // What else is on its way in the moment of death arrives or not, as it happens.
    if (!isWrite(call) || dying !== undefined) return undefined;
    if (spared > 0) {
      spared -= 1;
      return undefined;
    }
    cut.push(call);
    await (dying = operator.kill());
    return { lost };
  };
  for (let lives = 0; lives < mostLives; lives += 1) {
    [spared, dying] = [lost === "request" ? 1 : 0, undefined];
    await operator.start().catch(() => undefined);
    if (await livesFor(quiet)) break;
  }
  front.meddle = () => undefined;
  await operator.kill();
  return cut;
}

/** Whether it still lives after so many milliseconds. */
async function livesFor(ms: number): Promise<boolean> {
  for (const began = Date.now(); operator.running && Date.now() - began < ms;) await sleep(20);
  return operator.running;
}

async function untilReady(ids: readonly Id[]): Promise<void> {
  for (const id of ids) await world.untilCondition(id, "Ready", "True", 90_000);
}

const collections = [
  "/api/v1/namespaces/NS/configmaps",
  "/api/v1/namespaces/NS/services",
  "/api/v1/namespaces/NS/serviceaccounts",
  "/api/v1/namespaces/NS/persistentvolumeclaims",
  "/api/v1/namespaces/NS/secrets",
  "/api/v1/namespaces/NS/pods",
  "/apis/apps/v1/namespaces/NS/deployments",
  "/apis/apps/v1/namespaces/NS/replicasets",
  "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/roles",
  "/apis/rbac.authorization.k8s.io/v1/namespaces/NS/rolebindings",
  "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
  "/apis/networking.k8s.io/v1/namespaces/NS/networkpolicies",
];

/** What is in a namespace, by kind and name; of what the cluster names by itself, the kind. */
async function inventory(namespace: string): Promise<readonly string[]> {
  const found = await Promise.all(
    collections.map(async (path) => {
      const { items } = await world.cluster.api.get(path.replace("NS", namespace));
      const kind = path.slice(path.lastIndexOf("/") + 1);
      const isGenerated = kind === "pods" || kind === "replicasets";
      return (items as readonly Json[]).map(({ metadata }) => (isGenerated ? kind : `${kind} ${metadata.name}`));
    }),
  );
  return found.flat().toSorted();
}

/** Nobody got a second key, and no roll-out was followed by another. */
async function assertOnce(namespace: string): Promise<void> {
  const { status } = await world.read(["kesidentities", namespace, "keyed"]);
  assert.equal(status.identities.length, 1);
  const deployment = await world.cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/kes`);
  assert.equal(deployment.metadata.annotations["deployment.kubernetes.io/revision"], "1");
}

for (const lost of ["answer", "request"] as const) {
  test(`killed at each write of a roll-out, the ${lost} lost: everything comes to be, once`, async (t) => {
    const namespace = `lost-${lost}`;
    const ids = await declareAll(namespace);
    const cut = await dieOfEachWrite(lost);
    assert.ok(cut.length >= 15, `killed ${cut.length} times: ${cut.map(shortly).join(", ")}`);
    await operator.start();
    await untilReady(ids);
    assert.deepEqual(await inventory(namespace), await inventory(calm));
    await assertOnce(namespace);
    await operator.kill();
    t.diagnostic(
      `killed ${cut.length} times: ${[...new Set(cut.map(({ verb, resource }) => `${verb} ${resource}`))].join(", ")}`,
    );
  });
}

test("killed while it publishes policies: no request fails, and the next operator finishes it", async (t) => {
  await operator.start();
  const service = await startService(world, "busy");
  const times: number[] = [];
  await underLoad(world, service, async () => {
    for (const [round, lost] of (["request", "answer", "request", "answer"] as const).entries()) {
      times.push(await timeOfEditWithDeath(service, round % 2 === 0 ? 200 : 403, lost));
    }
  });
  await world.untilCondition(service.server, "Ready", "True");
  t.diagnostic(`edits live after ${times.map(Math.round).join(", ")} ms, the start of the next operator included`);
});

/** Milliseconds until all servers follow an edit whose publication its operator does not survive. */
async function timeOfEditWithDeath(
  service: KeyService,
  status: 200 | 403,
  lost: "request" | "answer",
): Promise<number> {
  let dying: Promise<void> | undefined;
  front.meddle = async ({ verb, resource, name }) => {
    if (dying !== undefined || verb !== "patch" || resource !== "configmaps" || name !== "kes-bundle") return undefined;
    await (dying = operator.kill());
    return { lost };
  };
  const allow = status === 200 ? [...loadRules, "/v1/api"] : loadRules;
  return await timeUntil(service.clients, "GET /v1/api", status, async () => {
    await world.declare(service.policy, { allow });
    await operator.untilEnded(10_000);
    front.meddle = () => undefined;
    await operator.start();
  });
}
