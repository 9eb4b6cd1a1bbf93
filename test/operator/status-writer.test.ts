// When a status is written, and when it cannot be: over what nobody has seen.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { KesPolicy } from "../../operator/api/generated.ts";
import { kesPolicies } from "../../operator/api/kinds.ts";
import { StatusWriter } from "../../operator/controllers/status-writer.ts";
import { aPolicy, home } from "./bundle/declared.ts";
import { Cluster } from "./kes-identity/cluster.ts";

const ref = { namespace: home, name: "minio" };
const { signal } = new AbortController();
let cluster: Cluster;
let writer: StatusWriter;

beforeEach(() => {
  cluster = new Cluster();
  writer = new StatusWriter({
    api: cluster.api,
    events: { record: () => undefined },
    resource: kesPolicies,
    instanceId: "",
  });
  cluster.put(kesPolicies, aPolicy("minio"));
  cluster.cache(kesPolicies);
  cluster.catchUp();
});

/** As a visit does it: on top of what the cache has. */
async function write(servers: number): Promise<string> {
  const cached = cluster.cache<KesPolicy>(kesPolicies).get(ref) ?? assert.fail("it is not cached");
  return await writer.write(cached, { servers }, signal);
}

test("what is there already costs no call", async () => {
  assert.equal(await write(1), "written");
  cluster.catchUp();
  assert.equal(await write(1), "unchanged");
  assert.equal(cluster.writes.length, 1);
});

test("a cache that lags behind our own write costs no call, until it has caught up", async () => {
  assert.equal(await write(1), "written");
  for (let visit = 0; visit < 10; visit += 1) assert.equal(await write(2), "stale");
  assert.equal(cluster.writes.length, 1);
  cluster.catchUp();
  assert.equal(await write(2), "written");
});

test("a cache that lags behind somebody else costs one call that is refused", async () => {
  let calls = 0;
  const apply = cluster.api.apply.bind(cluster.api);
  cluster.api.apply = (...call) => ((calls += 1), apply(...call)) as never;
  cluster.put(kesPolicies, aPolicy("minio", { description: "edited" }));
  for (let visit = 0; visit < 10; visit += 1) assert.equal(await write(1), "stale");
  assert.equal(calls, 1);
  cluster.catchUp();
  assert.equal(await write(1), "written");
});

test("a write that changes nothing in the cluster does not wait for a change", async () => {
  const stored = cluster.get<KesPolicy>(kesPolicies, ref);
  cluster.api.apply = async () => stored as never;
  assert.deepEqual([await write(1), await write(1)], ["written", "written"]);
});

test("who was deleted meanwhile need not be told", async () => {
  cluster.remove(kesPolicies, ref);
  assert.equal(await write(1), "unchanged");
});
