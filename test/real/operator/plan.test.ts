// Whether a real API server takes what is planned: for every shape of a KesServer each object by a server-side apply that
// refuses unknown fields, and the pods made from it under the restricted Pod Security Standard, with no warning at all.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, request } from "node:https";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import type { KesServer } from "../../../operator/api/generated.ts";
import { apiVersion } from "../../../operator/api/kinds.ts";
import type { PlannedObject } from "../../../operator/controllers/kes-server/objects/child.ts";
import { canonicalQuantity } from "../../../operator/controllers/kes-server/objects/quantity.ts";
import { planServer } from "../../../operator/controllers/kes-server/plan.ts";
import { collectionPath, objectPath } from "../../../operator/kube/request-path.ts";
import { refOfObject } from "../../../operator/kube/object.ts";
import { installCertManagerCrds } from "../../env/cert-manager/cert-manager.ts";
import { kubectl } from "../../env/kubectl/kubectl.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { observed, settings } from "../../operator/kes-server/declared-server.ts";
import { variants } from "../../operator/kes-server/variants.ts";

const level = "restricted";
const standard = Object.fromEntries(["enforce", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, level]));

let cluster: Kubernetes;
let agent: Agent;

before(async () => {
  cluster = await startKubernetes();
  agent = new Agent({ ca: cluster.caPem, keepAlive: true });
  await kubectl(cluster, ["apply", "--server-side", "-f", join(import.meta.dirname, "../../../crds/kesservers.yaml")]);
  await kubectl(cluster, ["apply", "--server-side", "-f", "-"], { stdin: JSON.stringify(serviceMonitorCrd) });
  await installCertManagerCrds(cluster);
  for (const kind of [`${apiVersion}/kesservers`, "monitoring.coreos.com/v1/servicemonitors"]) await untilServed(kind);
});

after(async () => {
  agent.destroy();
  await cluster[Symbol.asyncDispose]();
});

/** A new kind is first unknown, then refused while its storage is made ready. */
async function untilServed(kind: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  const isServed = (): Promise<boolean> => {
    return cluster.api.get(`/apis/${kind}`).then(
      () => true,
      () => false,
    );
  };
  while (!(await isServed())) {
    assert.ok(Date.now() < deadline, `${kind} is not served`);
    await sleep(50);
  }
}

interface Answer {
  readonly status: number;
  readonly warnings: readonly string[];
  readonly body: Json;
}

/** Says everything that is wrong, unknown fields included, and stores nothing. */
async function tryOut(method: string, path: string, body: object): Promise<Answer> {
  const query = method === "PATCH" ? "&fieldManager=kes-operator&force=true" : "";
  const type = method === "PATCH" ? "application/apply-patch+yaml" : "application/json";
  const call = request(`${cluster.url}${path}?dryRun=All&fieldValidation=Strict${query}`, {
    agent,
    method,
    headers: { authorization: `Bearer ${cluster.adminToken}`, "content-type": type },
  });
  call.end(JSON.stringify(body));
  const [response]: IncomingMessage[] = (await once(call, "response")) as IncomingMessage[];
  assert.ok(response !== undefined);
  let text = "";
  for await (const chunk of response) text += chunk;
  const warnings = response.headersDistinct["warning"] ?? [];
  return { status: response.statusCode ?? 0, warnings, body: JSON.parse(text) };
}

async function assertTaken(method: string, path: string, body: object): Promise<Json> {
  const { status, warnings, body: answer } = await tryOut(method, path, body);
  assert.ok(status < 300, `${method} ${path}: ${status} ${answer.message}`);
  assert.deepEqual(warnings, [], path);
  return answer;
}

/** The server as the API server stores it, defaults and all. */
async function declare(namespace: string, name: string, spec: object): Promise<KesServer> {
  const path = `/apis/${apiVersion}/namespaces/${namespace}/kesservers`;
  return cluster.api.create(path, { apiVersion, kind: "KesServer", metadata: { name }, spec });
}

/** Every template of a pod among the objects, and those that users paste into theirs. */
function podsOf({ object }: PlannedObject): Json[] {
  const { spec, data } = object as Json;
  if (spec?.template !== undefined) return [spec.template];
  const text = data?.["native-sidecar.yaml"];
  if (text === undefined) return [];
  const { initContainers } = parse(text).spec;
  const { restartPolicy, ...sideCar } = initContainers[0];
  const main = { name: "minio", image: "minio", securityContext: sideCar.securityContext };
  const { sideCars } = parse(data["tenant.yaml"]).spec;
  const native = { ...parse(text), spec: { ...parse(text).spec, containers: [main] } };
  const tenant = {
    metadata: native.metadata,
    spec: { containers: [main, ...sideCars.containers], volumes: sideCars.volumes },
  };
  assert.equal(restartPolicy, "Always");
  return [native, tenant];
}

async function createPod(namespace: string, { metadata, spec }: Json): Promise<void> {
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { ...metadata, generateName: "try-" }, spec };
  await assertTaken("POST", `/api/v1/namespaces/${namespace}/pods`, pod);
}

describe("a real API server takes what is planned", () => {
  for (const [index, { title, name = "kes", spec }] of variants.entries()) {
    test(title, async () => {
      const namespace = `plan-${index}`;
      await cluster.createNamespace(namespace, standard);
      const server = await declare(namespace, name, spec);
      const input = observed(server, { fallbackEndpoint: "https://kes.kes-system.svc:7373" });
      const { objects, unwanted } = planServer(input);
      for (const account of ["default", "keys", name]) {
        await cluster.api.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: account } });
      }
      for (const planned of objects) {
        const { resource, object } = planned;
        const stored = await assertTaken("PATCH", objectPath(resource, refOfObject(object)), object);
        assertKept(object, stored, object.kind);
        for (const pod of podsOf(planned)) await createPod(namespace, pod);
      }
      // Whether the API serves them at all.
      for (const { resource } of unwanted) await cluster.api.get(collectionPath(resource, namespace));
    });
  }

  test("the least of an autoscaled server may leave its count to the autoscaler", async () => {
    const spec = { keystore: { memory: {} }, autoscaling: undefined };
    await cluster.createNamespace("plan-scaled", standard);
    const server = await declare("plan-scaled", "kes", spec);
    const scaled = {
      ...server,
      spec: { ...server.spec, autoscaling: { minReplicas: 2, maxReplicas: 3, targetCPUUtilizationPercentage: 75 } },
    };
    const workload = { replicas: 3, replicasOwnedElsewhere: true };
    const { objects } = planServer(observed(scaled, { workload, settings: { ...settings, openshift: true } }));
    const planned = objects.find(({ object }) => object.kind === "Deployment");
    assert.ok(planned !== undefined);
    await assertTaken("PATCH", objectPath(planned.resource, refOfObject(planned.object)), planned.object);
  });

  test("amounts are spelled as the API server stores them", async () => {
    await cluster.createNamespace("plan-amounts");
    await cluster.api.create("/api/v1/namespaces/plan-amounts/serviceaccounts", { metadata: { name: "default" } });
    const amounts = [
      ..."0 1 1000 0.5 0.1 2.5 1000m 1500m 2000k 1e3 .5 1.0 0.50 007 5.".split(" ").map((amount) => ["cpu", amount]),
      ..."1024 128000000 128Mi 1024Mi 0.5Gi 1.5Gi 1000Mi 512Ki 0.1Ki 1.1Ki 1Ei"
        .split(" ")
        .map((size) => ["memory", size]),
    ] as const;
    const containers = amounts.map(([name = "", amount = ""], index) => {
      return { name: `c${index}`, image: "x", resources: { requests: { [name]: amount } } };
    });
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec: { containers } };
    const { status, body } = await tryOut("POST", "/api/v1/namespaces/plan-amounts/pods", pod);
    assert.equal(status, 201, body.message);
    const containersStored: Json[] = body.spec.containers;
    const stored = containersStored.flatMap(({ resources }): unknown[] => Object.values(resources.requests));
    assert.deepEqual(
      amounts.map(([, amount = ""]) => canonicalQuantity(amount)),
      stored,
    );
  });

  test("the test would notice: an unknown field, a warning and a pod beyond the standard", async () => {
    await cluster.createNamespace("plan-refused", standard);
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "x" }, date: {} };
    const unknown = await tryOut("PATCH", "/api/v1/namespaces/plan-refused/configmaps/x", map);
    assert.match(unknown.body.message, /field not declared in schema|unknown field/);
    const pod = { containers: [{ name: "x", image: "x" }] };
    const selector = { matchLabels: { a: "b" } };
    const template = { metadata: { labels: selector.matchLabels }, spec: pod };
    const deployment = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x" },
      spec: { selector, template },
    };
    const warned = await tryOut("PATCH", "/apis/apps/v1/namespaces/plan-refused/deployments/x", deployment);
    assert.match(warned.warnings.join(), /would violate PodSecurity/);
    await cluster.api.create("/api/v1/namespaces/plan-refused/serviceaccounts", { metadata: { name: "default" } });
    const refused = { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec: pod };
    const { status, body } = await tryOut("POST", "/api/v1/namespaces/plan-refused/pods", refused);
    assert.equal(status, 403);
    assert.match(body.message, /violates PodSecurity/);
  });
});

function vault(auth: object): object {
  return { vault: { endpoint: "https://vault:8200", auth } };
}

describe("after an edit everything is as if it had been declared so at once", () => {
  const keystore = vault({ kubernetes: { role: "kes" } });
  const appRole = { appRole: { roleID: "r", secretIDSecretRef: { name: "s", key: "k" } } };
  const somebodys = { fs: { existingClaim: "keys" } };
  const service = { port: 443, annotations: { a: "b" }, labels: { c: "d" } };
  const behavior = { scaleDown: { stabilizationWindowSeconds: 600 } };
  const egress = [{ to: [{ ipBlock: { cidr: "10.2.0.0/16" } }] }];
  const more = {
    keystore: vault(appRole),
    env: [{ name: "A", value: "1" }],
    extraVolumes: [{ name: "v", emptyDir: {} }],
    extraVolumeMounts: [{ name: "v", mountPath: "/v" }],
    podMetadata: { labels: { a: "b" }, annotations: { c: "d" } },
    nodeSelector: { disk: "ssd" },
    tolerations: [{ key: "x", operator: "Exists" }],
    topologySpreadConstraints: [{ maxSkew: 2, topologyKey: "rack", whenUnsatisfiable: "DoNotSchedule" }],
    resources: { requests: { cpu: "1", memory: "1Gi" } },
    securityContext: { runAsNonRoot: true, runAsUser: 1000 },
    imagePullSecrets: [{ name: "x" }],
    allowKeystoreChange: true,
  };
  const edits: readonly [string, object, object][] = [
    ["replicas and how they are replaced", { keystore: somebodys, replicas: 2 }, { keystore: somebodys, replicas: 1 }],
    ["the Service", { keystore, service: { ...service, type: "LoadBalancer" } }, { keystore, service: { port: 7373 } }],
    [
      "the autoscaler",
      { keystore, autoscaling: { maxReplicas: 5, behavior } },
      {
        keystore,
        autoscaling: {
          maxReplicas: 4,
          metrics: [
            { type: "Resource", resource: { name: "memory", target: { type: "Utilization", averageUtilization: 50 } } },
          ],
        },
      },
    ],
    ["the budget", { keystore }, { keystore, podDisruptionBudget: { maxUnavailable: "25%" } }],
    [
      "the network",
      { keystore, networkPolicy: { enabled: true, egress } },
      { keystore, networkPolicy: { enabled: true, allowFrom: [] } },
    ],
    [
      "the certificate",
      { keystore, tls: { certManager: { ipAddresses: ["10.0.0.1"], privateKey: { algorithm: "RSA", size: 2048 } } } },
      { keystore, tls: { certManager: { privateKey: { algorithm: "Ed25519" } } } },
    ],
    [
      "whose certificate",
      { keystore },
      { keystore, tls: { secretName: "mine", clientAuth: "VerifyChain", clientCA: { secretName: "ca" } } },
    ],
    ["pods", more, { keystore, allowKeystoreChange: true }],
    [
      "the account",
      { keystore, serviceAccount: { annotations: { a: "b" } } },
      { keystore, serviceAccount: { name: "other" } },
    ],
    ["watching", { keystore }, { keystore, propagation: { watch: false } }],
  ];

  for (const [index, [title, one, other]] of edits.entries()) {
    test(`${title}, there and back`, async () => {
      const spaces = ["one", "other", "edited"].map((name) => `edit-${index}-${name}`);
      for (const space of spaces) await cluster.createNamespace(space);
      const [first = "", second = "", third = ""] = spaces;
      const fresh = { one: await declared(first, one), other: await declared(second, other) };
      assert.deepEqual(await declared(third, one), fresh.one);
      assert.deepEqual(await declared(third, other), fresh.other);
      assert.deepEqual(await declared(third, one), fresh.one);
    });
  }
});

/** Applies everything of that server, and removes what is unwanted. What is stored then, as if the namespace were x. */
async function declared(namespace: string, spec: object): Promise<Json> {
  const path = `/apis/${apiVersion}/namespaces/${namespace}/kesservers/kes`;
  if ((await cluster.api.find(path)) !== undefined) await cluster.api.delete(path);
  const { objects, unwanted } = planServer(observed(await declare(namespace, "kes", spec)));
  for (const { resource, ref } of unwanted) {
    if ((await cluster.api.find(objectPath(resource, ref))) === undefined) continue;
    await cluster.api.delete(objectPath(resource, ref));
  }
  const stored: string[] = [];
  for (const { resource, object } of objects) {
    const found = await cluster.api.apply(objectPath(resource, refOfObject(object)), object, "kes-operator");
    stored.push(JSON.stringify(comparable(found)).replaceAll(namespace, "x"));
  }
  return stored.map((text): unknown => JSON.parse(text));
}

/** Without what the API server gives out anew each time. */
function comparable({ kind, metadata, spec, ...rest }: Json): Json {
  const { clusterIP: _ip, clusterIPs: _ips, ...lasting } = spec ?? {};
  const ports: Json[] | undefined = lasting.ports;
  const plain = ports?.map(({ nodePort: _port, ...port }) => port);
  const {
    "kes-operator.io/applied-hash": _hash,
    "deployment.kubernetes.io/revision": _revision,
    ...annotations
  } = metadata.annotations ?? {};
  const { labels } = metadata;
  return {
    ...rest,
    status: undefined,
    kind,
    labels,
    annotations,
    spec: { ...lasting, ...(plain && { ports: plain }) },
  };
}

/** What was sent is what is stored: a value that the API server spells otherwise would look like somebody's edit. */
function assertKept(sent: Json, stored: Json, path: string): void {
  if (typeof sent !== "object" || sent === null) assert.deepEqual(stored, sent, path);
  else for (const [name, value] of Object.entries(sent)) assertKept(value, stored?.[name], `${path}.${name}`);
}

/** The least that holds a ServiceMonitor, with the part of its schema that the operator writes. */
const serviceMonitorCrd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "servicemonitors.monitoring.coreos.com" },
  spec: {
    group: "monitoring.coreos.com",
    scope: "Namespaced",
    names: { kind: "ServiceMonitor", plural: "servicemonitors", singular: "servicemonitor" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                required: ["endpoints", "selector"],
                properties: {
                  endpoints: {
                    type: "array",
                    items: {
                      type: "object",
                      properties: Object.fromEntries(
                        ["port", "path", "scheme", "interval"].map((name) => [name, { type: "string" }]),
                      ),
                    },
                  },
                  selector: {
                    type: "object",
                    properties: { matchLabels: { type: "object", additionalProperties: { type: "string" } } },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};
