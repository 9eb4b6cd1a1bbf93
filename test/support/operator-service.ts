// A key service of three pods in a namespace of its own, with a client that may do everything with one key: what the tests of
// trouble keep under load.
import { makeLeaf } from "./certificates.ts";
import type { TestCertificate } from "./certificates.ts";
import { Load } from "./operator-clients.ts";
import type { PodClient } from "./operator-clients.ts";
import type { Id, World } from "./operator-world.ts";

/** Three pods can share this store: all mount the same folder. */
export const sharedStore = { fs: { volumeClaim: { size: "1Gi", accessModes: ["ReadWriteMany"] } } };

export interface KeyService {
  readonly namespace: string;
  readonly server: Id;
  /** Gives the load what it needs; `allow` is `loadRules`. */
  readonly policy: Id;
  readonly identity: Id;
  readonly certificate: TestCertificate;
  /** Of that certificate, one for each pod. */
  readonly clients: readonly PodClient[];
  /** Milliseconds from the first object to all of them ready. */
  readonly readyAfter: number;
}

export const loadRules: readonly string[] = ["/v1/key/generate/load", "/v1/key/decrypt/load"];

/** Declares it and waits until it is ready. @param spec more of the server's */
export async function startService(world: World, namespace: string, spec: object = {}): Promise<KeyService> {
  await world.cluster.createNamespace(namespace);
  const [server, policy, identity] = idsIn(namespace);
  const tls = await world.serverTls(namespace, "kes");
  const certificate = await makeLeaf({ cn: "load" });
  const began = Date.now();
  await world.declare(server, { replicas: 3, tls, keystore: sharedStore, keys: [{ name: "load" }], ...spec });
  await world.declare(policy, { allow: loadRules });
  const refs = { serverRef: { name: "kes" }, policyRef: { name: "load" } };
  await world.declare(identity, { ...refs, hash: certificate.identity });
  for (const id of [server, policy, identity]) await world.untilCondition(id, "Ready", "True");
  await untilAllReady(world, server);
  const readyAfter = Date.now() - began;
  const clients = await world.clientsOf(namespace, "kes", certificate);
  return { namespace, server, policy, identity, certificate, clients, readyAfter };
}

function idsIn(namespace: string): readonly [Id, Id, Id] {
  return [
    ["kesservers", namespace, "kes"],
    ["kespolicies", namespace, "load"],
    ["kesidentities", namespace, "load"],
  ];
}

/** A server is ready with one pod; the tests want to see all of them. */
async function untilAllReady(world: World, server: Id): Promise<void> {
  await world.until("all pods are ready", async () => {
    const { spec, status } = await world.read(server);
    return status.readyReplicas === spec.replicas && status.updatedReplicas === spec.replicas;
  });
}

/** Runs `work` under load on every pod. @throws Error when a request failed meanwhile, or a pod was replaced */
export async function underLoad<T>(world: World, service: KeyService, work: (load: Load) => Promise<T>): Promise<T> {
  const load = new Load(service.clients, "load");
  const before = podsOf(world, service);
  const result = await stoppingAfter(load, work);
  const { requests, failures } = load.result;
  if (requests === 0) throw new Error("there was no load");
  if (failures.length > 0) throw new Error(`${failures.length} of ${requests} requests failed:\n${firstOf(failures)}`);
  const after = podsOf(world, service);
  if (before !== after) throw new Error(`pods were replaced: ${before} became ${after}`);
  return result;
}

async function stoppingAfter<T>(load: Load, work: (load: Load) => Promise<T>): Promise<T> {
  try {
    return await work(load);
  } finally {
    await load.stop();
  }
}

function firstOf(failures: readonly string[]): string {
  return failures.slice(0, 5).join("\n");
}

function podsOf({ node }: World, { namespace }: KeyService): string {
  return node
    .pods(namespace)
    .map(({ pod }) => pod.metadata?.name ?? "")
    .toSorted()
    .join(" ");
}
