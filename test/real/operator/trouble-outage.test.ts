// The API server is gone, for moments and for a minute (KES_OUTAGE_SECONDS says how many seconds instead). Servers answer
// throughout with the policies they have, and a container that starts meanwhile finds them on its volume; the operator lets
// go of its lease, comes back as the kubelet brings it back, and goes on.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { timeOfEdit, untilAnswers } from "../../support/operator-propagation.ts";
import { startOperator } from "../../support/operator-process.ts";
import type { OperatorProcess } from "../../support/operator-process.ts";
import { startService, underLoad } from "../../support/operator-service.ts";
import type { KeyService } from "../../support/operator-service.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { World } from "../../support/operator-world.ts";

const outage = Number(process.env["KES_OUTAGE_SECONDS"] ?? 60) * 1000;

let world: World;
let operator: OperatorProcess;
let service: KeyService;

before(async () => {
  world = await startWorld();
  operator = await startOperator(world.cluster, world.chart);
  service = await startService(world, "keys");
});

after(async () => {
  await operator[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

test("an API server that hangs for moments costs moments: the operator keeps its lease", async (t) => {
  await underLoad(world, service, async () => {
    const began = Date.now();
    await world.cluster.apiServer.pause();
    await sleep(5000);
    const probes = await Promise.all(["/livez", "/readyz"].map((path) => operator.ops(path).then(statusOf)));
    assert.deepEqual(probes, [200, 200]);
    world.cluster.apiServer.resume();
    const took = await timeOfEdit(world, service, 200);
    const again = operator
      .lines(began)
      .filter(({ message }) => message === "started" || message.startsWith("lease lost"));
    assert.deepEqual(again, []);
    assert.ok(took < 10_000, `${took} ms`);
    t.diagnostic(`an edit right after it was live within ${Math.round(took)} ms`);
  });
});

test("a minute without an API server", async (t) => {
  const [restarted, ...others] = service.clients;
  assert.ok(restarted !== undefined);
  await underLoad(world, { ...service, clients: others }, async () => {
    const began = Date.now();
    await world.cluster.apiServer.kill();
    await operator.untilEnded(25_000);
    const left = Date.now() - began;
    assert.match(operator.lines(began).at(-1)?.message ?? "", /^lease lost/);
    await operator.start();
    assert.deepEqual(
      await Promise.all(["/livez", "/readyz"].map((path) => operator.ops(path).then(statusOf))),
      [200, 503],
    );

    world.node.pod("keys", restarted.name).container().process?.kill();
    await sleep(200);
    await untilAnswers(restarted, "PUT /v1/key/generate/load", 200);
    const back = Date.now() - began;
    assert.ok(back < outage, `the container came back after ${back} ms, which is after the outage`);

    await sleep(Math.max(0, began + outage - Date.now()));
    assert.ok(operator.running, "it waits");
    await world.cluster.apiServer.start();
    const returned = Date.now();
    await operator.untilLogged("controllers run");
    const leads = Date.now() - returned;
    const took = await timeOfEdit(world, service, 403);
    assert.ok(leads < 10_000 && took < 15_000, `leads after ${leads} ms, an edit took ${took} ms`);
    await world.untilCondition(service.server, "Ready", "True");
    t.diagnostic(`the leader left after ${left} ms; a killed container answered again ${back} ms into the outage`);
    t.diagnostic(`after ${outage} ms without API: leads again after ${leads} ms, an edit took ${Math.round(took)} ms`);
  });
});

function statusOf({ status }: { readonly status: number }): number {
  return status;
}
