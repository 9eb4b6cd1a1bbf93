// KesPolicies and KesKeys on a real API server: it takes the statuses that are written, `kubectl wait` understands them, and
// two writers do not overwrite each other. The servers' part is played by the real compiler; pods say what a test has them say.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import type { KesIdentity, KesKey, KesPolicy, KesServer } from "../../../operator/api/generated.ts";
import { kesIdentities, kesKeys, kesPolicies, kesServers } from "../../../operator/api/kinds.ts";
import { compileBundle } from "../../../operator/bundle/compile.ts";
import { VerdictBoard } from "../../../operator/bundle/verdict-board.ts";
import type { Judgement } from "../../../operator/bundle/verdict.ts";
import { createKesKeyController } from "../../../operator/controllers/kes-key/controller.ts";
import { createKesPolicyController } from "../../../operator/controllers/kes-policy/controller.ts";
import { Client } from "../../../operator/kube/client.ts";
import { systemClock } from "../../../operator/kube/clock.ts";
import { connectByKubeconfig } from "../../../operator/kube/connection.ts";
import { Events } from "../../../operator/kube/events.ts";
import { Informer } from "../../../operator/kube/informer.ts";
import type { KubeObject, Resource } from "../../../operator/kube/object.ts";
import { Metrics } from "../../../operator/metrics.ts";
import { ControllerRun } from "../../../operator/runtime/controller.ts";
import { applyManifest, kubectl, tryKubectl } from "../../env/kubectl/kubectl.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { keptLog } from "../../operator/kept-log.ts";
import { until } from "../../operator/until.ts";

const namespace = "kes-system";
const apiVersion = "kes-operator.io/v1alpha1";
const print = "0123456789abcdef";
const inSync: Judgement = { status: "True", reason: "AllReplicasInSync", message: "2/2 replicas confirmed" };

/** What the pods say of the key `data`, by pod. */
let found: Readonly<Record<string, string>> = {};
const log = keptLog();
const stack = new AsyncDisposableStack();
let cluster: Kubernetes;
let client: Client;

before(async () => {
  cluster = stack.use(await startKubernetes());
  await kubectl(cluster, ["apply", "-f", join(import.meta.dirname, "../../../crds")]);
  await kubectl(cluster, ["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
  await kubectl(cluster, ["create", "namespace", namespace]);
  const connection = await connectByKubeconfig(cluster.kubeconfig, systemClock);
  client = stack.use(new Client({ connection, userAgent: "test" }));
  await runControllers();
});
after(() => stack.disposeAsync());

async function cacheOf<T extends KubeObject>(resource: Resource): Promise<Informer<T>> {
  const informer = stack.use(new Informer<T>({ api: client, resource, namespaces: [], log }));
  informer.start();
  await informer.ready;
  return informer;
}

async function runControllers(): Promise<void> {
  const [servers, policies] = [await cacheOf<KesServer>(kesServers), await cacheOf<KesPolicy>(kesPolicies)];
  const [identities, keys] = [await cacheOf<KesIdentity>(kesIdentities), await cacheOf<KesKey>(kesKeys)];
  const board = new VerdictBoard();
  const events = stack.use(new Events({ api: client, log, controller: "test", instance: "test", now: Date.now }));
  const shared = { api: client, board, events, instanceId: "", now: Date.now, servers };
  const publish = (): void => {
    for (const server of servers.list()) {
      const all = { policies: policies.list(namespace), identities: identities.list(), keys: keys.list(namespace) };
      const verdicts = compileBundle({ server, ...all, namespaceLabels: undefined, now: Date.now() });
      const confirmed = (names: Iterable<string>): ReadonlyMap<string, Judgement> =>
        new Map(Array.from(names, (name) => [name, inSync]));
      board.publish(`${namespace}/${server.metadata.name}`, {
        verdicts,
        programmed: {
          policies: confirmed(verdicts.policies.keys()),
          identities: confirmed(verdicts.identities.keys()),
          keys: confirmed(verdicts.keys.keys()),
        },
        podKeys: new Map(Object.entries(found).map(([pod, text]) => [pod, { data: text }])),
        ready: true,
        endpoint: "",
        caPem: undefined,
        revision: verdicts.encoded.revision,
      });
    }
  };
  for (const cache of [servers, policies, identities, keys]) stack.defer(cache.subscribe(publish));
  const metrics = new Metrics({
    version: "0",
    commit: "",
    process: () => ({ residentBytes: 0, cpuSeconds: 0, startedAt: 0 }),
  });
  for (const controller of [
    createKesPolicyController({ ...shared, policies }),
    createKesKeyController({ ...shared, keys }),
  ]) {
    const run = new ControllerRun(controller, {
      clock: systemClock,
      log,
      metrics: metrics.controller(controller.name),
    });
    stack.defer(() => run.stop(1000));
  }
}

function declared(kind: string, name: string, spec: object): object {
  return { apiVersion, kind, metadata: { name, namespace }, spec };
}

async function wait(what: string, condition: string): Promise<void> {
  await kubectl(cluster, ["wait", "-n", namespace, `--for=condition=${condition}`, what, "--timeout=15s"]);
}

suite("on a real API server", { concurrency: false }, () => {
  test("a policy without a server waits for one, and is Ready once it is selected", async () => {
    await applyManifest(cluster, [declared("KesPolicy", "minio", { preset: "MinIO", keyPrefix: "my-" })]);
    await wait("kespolicy/minio", "Ready=False");
    const unused = await kubectl(cluster, ["get", "-n", namespace, "kespolicy", "minio", "-o", "wide"]);
    assert.match(unused, /Unused/);
    await applyManifest(cluster, [declared("KesServer", "kes", { keystore: { memory: {} }, replicas: 1 })]);
    await wait("kespolicy/minio", "Ready");
    assert.match(await kubectl(cluster, ["get", "-n", namespace, "kespolicy"]), /minio +True +1 +0/);
  });

  test("a mistake in a policy is in its status and its events within seconds", async () => {
    await applyManifest(cluster, [declared("KesPolicy", "typo", { allow: ["/v1/key/decrypt/[a"] })]);
    await wait("kespolicy/typo", "Accepted=False");
    const reason = 'jsonpath={.status.conditions[?(@.type=="Ready")].reason}';
    assert.equal(await kubectl(cluster, ["get", "-n", namespace, "kespolicy", "typo", "-o", reason]), "InvalidPattern");
    await until("the event", async () => {
      return (await kubectl(cluster, ["events", "-n", namespace, "--for", "kespolicy/typo"])).includes(
        "InvalidPattern",
      );
    });
    const fixed = declared("KesPolicy", "typo", { allow: ["/v1/key/decrypt/a*"] });
    await applyManifest(cluster, [fixed]);
    await wait("kespolicy/typo", "Ready");
  });

  test("a key is Ready with its fingerprint, and raises the alarm when a pod misses it", async () => {
    found = { "kes-0": print, "kes-1": print };
    await applyManifest(cluster, [declared("KesKey", "data", { serverRef: { name: "kes" } })]);
    await wait("keskey/data", "Ready");
    const fingerprint = ["get", "-n", namespace, "keskey", "data", "-o", "jsonpath={.status.fingerprint}"];
    assert.equal(await kubectl(cluster, fingerprint), print);
    found = { "kes-0": print, "kes-1": "missing" };
    await kubectl(cluster, ["label", "-n", namespace, "keskey", "data", "look=again"]);
    await wait("keskey/data", "KeyMissing");
    await wait("keskey/data", "Ready=False");
    assert.equal(await kubectl(cluster, fingerprint), print);
  });

  test("another writer's status is seen before it is written over", async () => {
    const removed = { status: { fingerprint: null, observedGeneration: 7 } };
    const patch = ["patch", "-n", namespace, "keskey", "data", "--subresource=status", "--type=merge"];
    await kubectl(cluster, [...patch, "-p", JSON.stringify(removed)]);
    found = { "kes-0": print, "kes-1": print };
    await kubectl(cluster, ["label", "-n", namespace, "keskey", "data", "look=once-more", "--overwrite"]);
    await wait("keskey/data", "Ready");
    await until("the status is whole again", async () => {
      const { status } = (await client.get<KesKey>(kesKeys, { namespace, name: "data" })) ?? assert.fail();
      return status?.fingerprint === print && status.observedGeneration === 1;
    });
  });

  test("nothing failed on the way, and what is deleted is let go", async () => {
    await kubectl(cluster, ["delete", "-n", namespace, "kespolicy,keskey,kesserver", "--all", "--timeout=15s"]);
    assert.equal((await tryKubectl(cluster, ["get", "-n", namespace, "kespolicy", "minio"])).code, 1);
    assert.deepEqual(
      log.lines.filter(({ level }) => level === "error" || level === "warn"),
      [],
    );
  });
});
