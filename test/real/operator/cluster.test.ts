// The cluster of the other tests, tried for itself: real controllers make pods of a Deployment, these run our server from
// ConfigMap and Secret, clients reach it by its Service's name, and a changed Secret reaches the process that runs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { once } from "node:events";
import { request } from "node:https";
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { kubectl, applyManifest } from "../../env/kubectl/kubectl.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { makeCa, makeLeaf } from "../../support/certificates.ts";
import type { TestCertificate } from "../../support/certificates.ts";
import { lookupFor } from "../../support/pods/service-lookup.ts";
import { serverCommand, startPodNode } from "../../support/pods/pod-node.ts";
import type { PodNode } from "../../support/pods/pod-node.ts";

const namespace = "keys";
const host = `kes.${namespace}.svc`;
let cluster: Kubernetes;
let node: PodNode;
let ca: TestCertificate;
let client: TestCertificate;
let lookup: ReturnType<typeof lookupFor>;

before(async () => {
  cluster = await startKubernetes({ controllers: true });
  node = await startPodNode(cluster, { images: { "test/kes": serverCommand }, refresh: { every: 500, delay: 0 } });
  [ca, client] = [await makeCa(), await makeLeaf({ cn: "client" })];
  lookup = lookupFor(cluster);
  await cluster.createNamespace(namespace);
  await applyManifest(cluster, [config(), await tlsSecret(), service(), deployment()]);
  await kubectl(cluster, ["-n", namespace, "rollout", "status", "deployment/kes", "--timeout=60s"]);
});

after(async () => {
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

test("two pods of the server become ready and answer a client at the Service's name", async () => {
  assert.equal(node.pods(namespace).length, 2);
  // The Deployment's controller has seen them; the one that writes the Service's addresses sees them on its own.
  await until(async () => (await addressesOfService()).length === 2);
  const addresses = new Set<string>();
  for (let turn = 0; turn < 4; turn += 1) {
    const { status, address } = await ask("/v1/status");
    assert.equal(status, 200);
    addresses.add(address);
  }
  assert.deepEqual(addresses, new Set(node.pods(namespace).map(({ address }) => address)));
});

test("a changed Secret reaches the servers that run", async () => {
  const before = await servedSerials();
  const pids = node.pods(namespace).map((pod) => pod.container().process?.pid);
  await applyManifest(cluster, [await tlsSecret()]);
  await until(async () => (await servedSerials()).every((serial) => !before.includes(serial)));
  assert.deepEqual(
    node.pods(namespace).map((pod) => pod.container().process?.pid),
    pids,
  );
});

test("a deleted Deployment ends its servers, and its Service has no address any more", async () => {
  const ended = Promise.all(node.pods(namespace).map(async (pod) => pod.container().process?.ended));
  await kubectl(cluster, ["-n", namespace, "delete", "deployment/kes", "--cascade=foreground", "--timeout=60s"]);
  assert.deepEqual(await ended, [0, 0]);
  await until(async () => (await cluster.api.get(`/api/v1/namespaces/${namespace}/pods`)).items.length === 0);
  await until(async () => {
    const outcome: unknown = await ask("/v1/status").catch((error: unknown) => error);
    return outcome instanceof Error && "code" in outcome && outcome.code === "ENOTFOUND";
  });
});

async function until(isTrue: () => Promise<boolean>, milliseconds = 30_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await isTrue())) {
    assert.ok(Date.now() < deadline, `waited in vain for ${isTrue.toString()}\n${node.logs(namespace)}`);
    await sleep(100);
  }
}

/** None while it has none. */
function addressesOfService(): Promise<readonly string[]> {
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  lookup(host, { all: true }, (error, found) => {
    resolve(error === null && Array.isArray(found) ? found.map(({ address }) => address) : []);
  });
  return promise;
}

async function ask(path: string): Promise<{ status: number; address: string }> {
  const tls = { ca: ca.certPem, cert: client.certPem, key: client.keyPem };
  const outgoing = request({ host, port: 7373, path, lookup, agent: false, ...tls });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  response.resume();
  return { status: response.statusCode ?? 0, address: response.socket.remoteAddress ?? "" };
}

/** The serial number of the certificate that each pod shows. */
function servedSerials(): Promise<readonly string[]> {
  return Promise.all(
    node.pods(namespace).map(async ({ address }) => {
      const socket = connect({ host: address, port: 7373, servername: host, ca: ca.certPem, ...credentials() });
      await once(socket, "secureConnect");
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    }),
  );
}

function credentials(): { cert: string; key: string } {
  return { cert: client.certPem, key: client.keyPem };
}

function config(): object {
  const text = `version: v1
address: 0.0.0.0:7373
admin: { identity: ${client.identity} }
tls: { key: /etc/kes/tls/tls.key, cert: /etc/kes/tls/tls.crt }
ops: { address: "0.0.0.0:8081" }
keystore: { memory: {} }
`;
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "kes-config", namespace },
    data: { "config.yaml": text },
  };
}

async function tlsSecret(): Promise<object> {
  const server = await makeLeaf({ issuer: ca, keyType: "p256", cn: "kes", dns: [host], eku: ["server"] });
  const stringData = { "tls.crt": server.certPem, "tls.key": server.keyPem };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "kes-tls", namespace },
    type: "kubernetes.io/tls",
    stringData,
  };
}

function service(): object {
  const spec = { selector: { app: "kes" }, ports: [{ name: "https", port: 7373, targetPort: "kes" }] };
  return { apiVersion: "v1", kind: "Service", metadata: { name: "kes", namespace }, spec };
}

function probe(path: string): object {
  return { httpGet: { path, port: "ops" }, periodSeconds: 1 };
}

function deployment(): object {
  const container = {
    name: "kes",
    image: "test/kes:1",
    args: ["server", "--config=/etc/kes/config/config.yaml"],
    ports: [
      { name: "kes", containerPort: 7373 },
      { name: "ops", containerPort: 8081 },
    ],
    startupProbe: { ...probe("/startupz"), failureThreshold: 60 },
    readinessProbe: probe("/readyz"),
    livenessProbe: probe("/livez"),
    volumeMounts: [
      { name: "config", mountPath: "/etc/kes/config" },
      { name: "tls", mountPath: "/etc/kes/tls" },
    ],
  };
  const volumes = [
    { name: "config", configMap: { name: "kes-config" } },
    { name: "tls", secret: { secretName: "kes-tls" } },
  ];
  const template = { metadata: { labels: { app: "kes" } }, spec: { containers: [container], volumes } };
  const spec = { replicas: 2, selector: { matchLabels: { app: "kes" } }, template };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "kes", namespace }, spec };
}
