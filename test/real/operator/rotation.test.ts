// A client's certificate is issued anew with a new key, over and over, while the client works: every key is known to every
// server before the client first shows it, and no request fails. The client reads its files from a mounted volume, which
// follows the Secret two seconds late, as a kubelet's does; the overlap of old and new key is half a minute.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startCertManager } from "../../env/cert-manager/cert-manager.ts";
import { applyManifest, kubectl } from "../../env/kubectl/kubectl.ts";
import { clientPod } from "../../support/minio-like-pod.ts";
import { startNameService } from "../../support/name-service.ts";
import { startOperator } from "../../support/operator-process.ts";
import { startService } from "../../support/operator-service.ts";
import type { KeyService } from "../../support/operator-service.ts";
import { startWorld } from "../../support/operator-world.ts";
import type { Id, World } from "../../support/operator-world.ts";
import { knownSince, logsOf, PublishedBundles, usesIn } from "../../support/rotation-record.ts";
import type { ClientLine } from "../../support/rotating-client.ts";

const rotations = 21;
const overlap = "30s";
const namespace = "rotation";
const client: Id = ["kesidentities", namespace, "client"];
const program = join(import.meta.dirname, "..", "..", "support", "rotating-client.ts");

const running = new AsyncDisposableStack();
let world: World;
let service: KeyService;
let bundles: PublishedBundles;

before(async () => {
  world = running.use(await startWorld({ refresh: { every: 250, delay: 2000 } }));
  running.use(await startCertManager(world.cluster));
  running.use(await startOperator(world.cluster, world.chart));
  service = await startService(world, namespace);
  bundles = running.use(new PublishedBundles(world.cluster.api, namespace, "kes"));
  await world.declare(client, {
    serverRef: { name: "kes" },
    policyRef: { name: "load" },
    certificate: { privateKey: { rotationPolicy: "Always" }, rotationOverlap: overlap },
  });
  await world.untilCondition(client, "Ready", "True");
});

after(async () => {
  for (const each of service.clients) each[Symbol.dispose]();
  await running.disposeAsync();
});

test(`${rotations} new keys in a row, and no request fails`, async (t) => {
  const { url: nameService } = running.use(await startNameService(world.cluster));
  const command = [process.execPath, program, "load"];
  await applyManifest(world.cluster, [
    clientPod({ namespace, name: "client", identity: "client", nameService, command }),
  ]);
  await world.until("the client works", async () => seen().length === 1);
  for (let round = 1; round <= rotations; round += 1) {
    const before = (await world.read(client)).status.identity;
    const patch = { metadata: { annotations: { "kes-operator.io/renew": `round ${round}` } } };
    await world.cluster.api.merge(`/apis/kes-operator.io/v1alpha1/namespaces/${namespace}/kesidentities/client`, patch);
    await world.until("cert-manager has issued a new key", async () => {
      return (await world.read(client)).status.identity !== before;
    });
    const { identity } = (await world.read(client)).status;
    await world.until("the client uses it", async () => seen().at(-1) === identity);
  }
  await kubectl(world.cluster, ["delete", "pod", "client", "-n", namespace, "--timeout=30s"]);
  const lines = linesOfClient();
  assert.deepEqual(
    lines.filter((line) => "failure" in line),
    [],
  );
  const requests = lines.flatMap((line) => ("requests" in line ? [line.requests] : []));
  assert.ok((requests[0] ?? 0) > 300, `there was a load: ${requests.join()}`);
  t.diagnostic(`${requests.join()} requests under ${new Set(seen()).size} identities`);
  assert.equal(new Set(seen()).size, rotations + 1, "each time another key");
});

test("every server knew every key before it was first shown", (t) => {
  const logs = logsOf(world.node, namespace, "kes");
  assert.equal(logs.size, 3);
  const uses = [...logs.values()].flatMap((log) => usesIn(log)).filter(({ identity }) => seen().includes(identity));
  assert.deepEqual(
    uses.filter(({ status }) => status !== 200),
    [],
  );
  const firstUse = new Map<string, number>();
  for (const { identity, at } of uses) firstUse.set(identity, Math.min(at, firstUse.get(identity) ?? Infinity));
  assert.ok(firstUse.size >= 20, `${firstUse.size} different hashes in the audit logs`);
  const leads = [...logs].flatMap(([pod, log]) => {
    const known = knownSince(log, bundles);
    return [...firstUse].map(([identity, at]) => {
      const since = known.get(identity) ?? assert.fail(`${pod} never knew ${identity}`);
      assert.ok(since <= at, `${pod} knew ${identity} ${since - at} ms after its first use`);
      return at - since;
    });
  });
  t.diagnostic(`shortest time from known to used: ${Math.min(...leads)} ms; ${firstUse.size} hashes on 3 servers`);
});

test("old keys end with their overlap", async () => {
  const first = seen()[0] ?? "";
  assert.ok(!bundles.latest.has(first), "the first key is forgotten");
  await world.until(
    "only the last key is left",
    async () =>
      seen()
        .slice(0, -1)
        .every((hash) => !bundles.latest.has(hash)),
    45_000,
  );
  assert.ok(bundles.latest.has(seen().at(-1) ?? ""));
});

/** The client's identities in the order in which it found them. */
function seen(): readonly string[] {
  return linesOfClient().flatMap((line) => ("identity" in line ? [line.identity] : []));
}

function linesOfClient(): readonly ClientLine[] {
  const log = world.node.logs(namespace, "client");
  return log
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line): ClientLine => JSON.parse(line));
}
