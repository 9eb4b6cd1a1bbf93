// Two operators, and the one that leads gets into trouble: it is stopped and continued, it is killed,
// it is told to end. Three servers answer throughout, and there is always one who writes, and never two.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isWrite, shortly } from "../../support/operator-api-call.ts";
import { ApiFront } from "../../support/operator-api-front.ts";
import { timeOfEdit } from "../../support/operator-propagation.ts";
import { prepareOperator } from "../../support/operator-process.ts";
import type { OperatorProcess } from "../../support/operator-process.ts";
import { startService, underLoad } from "../../support/operator-service.ts";
import type { KeyService } from "../../support/operator-service.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { World } from "../../support/operator-world.ts";

interface Replica {
  readonly front: ApiFront;
  readonly operator: OperatorProcess;
}

let world: World;
let service: KeyService;
/** The one that leads comes first. */
let replicas: readonly [Replica, Replica];

async function replica(): Promise<Replica> {
  const front = await ApiFront.open(world.cluster);
  return { front, operator: await prepareOperator(world.cluster, world.chart, { port: front.port }) };
}

before(async () => {
  world = await startWorld();
  replicas = [await replica(), await replica()];
  await replicas[0].operator.start();
  await replicas[0].operator.untilLogged("controllers run");
  await replicas[1].operator.start();
  await replicas[1].operator.untilLogged("caches complete, waiting for the lease");
  service = await startService(world, "keys");
});

after(async () => {
  for (const { operator, front } of replicas) {
    await operator[Symbol.asyncDispose]();
    await front[Symbol.asyncDispose]();
  }
  await world[Symbol.asyncDispose]();
});

test("the leader is stopped: the other takes over, and the first writes nothing when it goes on, and ends", async (t) => {
  const [first, second] = replicas;
  await underLoad(world, service, async () => {
    await first.operator.pause();
    const took = await timeOfEdit(world, service, 200);
    assert.ok(took > 10_000 && took < 30_000, `${took} ms`);
    // What the first one had in mind when it was stopped is something else by now.
    await timeOfEdit(world, service, 403);
    const from = first.front.calls.length;
    const continued = Date.now();
    first.operator.resume();
    await first.operator.untilEnded(5000);
    assert.match(first.operator.lines(continued).at(-1)?.message ?? "", /^lease lost/);
    await sleep(1000);
    assert.deepEqual(first.front.since(from, isWrite).map(shortly), []);
    for (const client of service.clients) assert.equal(await client.status("GET", "/v1/api"), 403);
    t.diagnostic(`an edit right after the stop was live after ${Math.round(took)} ms`);
  });
  replicas = [second, first];
});

test("the leader is killed and its container comes back: it leads again at once, before the lease has run out", async (t) => {
  const [leader, standby] = replicas;
  await standby.operator.start();
  await standby.operator.untilLogged("caches complete, waiting for the lease");
  await underLoad(world, service, async () => {
    await leader.operator.kill();
    const killed = Date.now();
    await leader.operator.start();
    await leader.operator.untilLogged("controllers run");
    const back = Date.now() - killed;
    assert.ok(back < 10_000, `${back} ms`);
    t.diagnostic(
      `leads ${back} ms after it was killed; an edit then took ${Math.round(await timeOfEdit(world, service, 200))} ms`,
    );
  });
});

test("the leader is told to end, as by an upgrade: the other leads in a moment", async (t) => {
  const [leader, standby] = replicas;
  await underLoad(world, service, async () => {
    await leader.operator.stop();
    const took = await timeOfEdit(world, service, 403);
    assert.ok(took < 6000, `${took} ms`);
    assert.equal(await standby.operator.metric("leader_election_master_status"), 1);
    t.diagnostic(`an edit right after its end was live after ${Math.round(took)} ms`);
  });
});
