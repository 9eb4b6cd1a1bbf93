// Pods as local processes do what a kubelet does with them, as far as the other tests rely on it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { lookupFor } from "../../support/pods/service-lookup.ts";
import { PodAddresses } from "../../support/pods/pod-addresses.ts";
import { startPodNode } from "../../support/pods/pod-node.ts";
import type { PodNode } from "../../support/pods/pod-node.ts";

const namespace = "pods";
const pods = `/api/v1/namespaces/${namespace}/pods`;
const delay = 2000;
let cluster: Kubernetes;
let node: PodNode;

before(async () => {
  cluster = await startKubernetes({ controllers: true });
  const images = { "test/node": [process.execPath], "test/node-print": [process.execPath, "-p"] };
  node = await startPodNode(cluster, { images, refresh: { every: 200, delay }, backOff: 50 });
  await cluster.createNamespace(namespace);
});

after(async () => {
  await node[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

// Runs until it is told to end.
const patient = "process.once('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000);";

test("a container finds its volumes at their paths, which this machine does not get", async () => {
  await configMap("plain", { "a.yaml": "a", "b.yaml": "b" });
  await secret("hidden", { key: "secret" });
  const script = `
    const { readFileSync, readdirSync, readlinkSync, writeFileSync, statSync } = require("node:fs");
    const read = (path) => readFileSync(path, "utf8");
    const names = (path) => readdirSync(path).filter((name) => !name.startsWith("..")).sort();
    let refused = "";
    try { writeFileSync("/etc/kes-test/plain/c", "") } catch (error) { refused = error.code }
    writeFileSync("/tmp/kes-test-scratch/x", "written");
    console.log(JSON.stringify({
      names: names("/etc/kes-test/plain"), link: readlinkSync("/etc/kes-test/plain/a.yaml"), refused,
      item: read("/etc/kes-test/item/sub/renamed"), secret: read("/var/run/kes-test/secret/key"),
      mode: statSync("/var/run/kes-test/secret/key").mode & 0o777, none: names("/etc/kes-test/none"),
      labels: read("/etc/kes-test/mixed/labels"), mixed: read("/etc/kes-test/mixed/b.yaml"), one: read("/etc/kes-test/one.yaml"),
      audience: JSON.parse(Buffer.from(read("/etc/kes-test/mixed/token").split(".")[1], "base64url")).aud,
      account: names("/var/run/secrets/kubernetes.io/serviceaccount"),
      scratch: read("/tmp/kes-test-scratch/x"),
    }))`;
  const mixed = [
    { configMap: { name: "plain", items: [{ key: "b.yaml", path: "b.yaml" }] } },
    { serviceAccountToken: { audience: "vault", expirationSeconds: 600, path: "token" } },
    { downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
  ];
  await create("volumes", {
    restartPolicy: "Never",
    containers: [
      {
        name: "main",
        image: "test/node",
        args: ["-e", script],
        volumeMounts: [
          { name: "plain", mountPath: "/etc/kes-test/plain" },
          { name: "item", mountPath: "/etc/kes-test/item" },
          { name: "hidden", mountPath: "/var/run/kes-test/secret" },
          { name: "none", mountPath: "/etc/kes-test/none" },
          { name: "mixed", mountPath: "/etc/kes-test/mixed" },
          { name: "scratch", mountPath: "/tmp/kes-test-scratch" },
          { name: "plain", mountPath: "/etc/kes-test/one.yaml", subPath: "a.yaml" },
        ],
      },
    ],
    volumes: [
      { name: "plain", configMap: { name: "plain" } },
      { name: "item", configMap: { name: "plain", items: [{ key: "a.yaml", path: "sub/renamed" }] } },
      { name: "hidden", secret: { secretName: "hidden", defaultMode: 0o400 } },
      { name: "none", secret: { secretName: "nowhere", optional: true } },
      { name: "mixed", projected: { sources: mixed } },
      { name: "scratch", emptyDir: {} },
    ],
  });
  await untilPhase("volumes", "Succeeded");
  assert.deepEqual(JSON.parse(node.logs(namespace, "volumes")), {
    names: ["a.yaml", "b.yaml"],
    link: "..data/a.yaml",
    refused: "EROFS",
    item: "a",
    secret: "secret",
    mode: 0o400,
    none: [],
    labels: `app="volumes"`,
    mixed: "b",
    one: "a",
    audience: ["vault"],
    account: ["ca.crt", "namespace", "token"],
    scratch: "written",
  });
  for (const path of ["/etc/kes-test", "/var/run/kes-test", "/tmp/kes-test-scratch"])
    assert.ok(!existsSync(path), path);
});

test("a container gets its variables from everywhere, and names in its arguments are filled in", async () => {
  await configMap("settings", { FROM_MAP: "map", other: "one" });
  await secret("password", { PASSWORD: "pass" });
  await create("variables", {
    restartPolicy: "Never",
    containers: [
      {
        name: "main",
        image: "test/node-print",
        args: ["JSON.stringify([process.argv.slice(1), process.env])", "$(BOTH)", "$$(BOTH)", "$(NOBODY)"],
        envFrom: [{ configMapRef: { name: "settings" } }, { prefix: "X_", secretRef: { name: "password" } }],
        env: [
          { name: "ONE", valueFrom: { configMapKeyRef: { name: "settings", key: "other" } } },
          { name: "NONE", valueFrom: { secretKeyRef: { name: "nowhere", key: "x", optional: true } } },
          { name: "BOTH", value: "$(ONE) and $(X_PASSWORD)" },
          { name: "ADDRESS", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
        ],
        resources: { limits: { memory: "512Mi" } },
      },
    ],
  });
  await untilPhase("variables", "Succeeded");
  const [argv, env] = JSON.parse(node.logs(namespace, "variables"));
  assert.deepEqual(argv, ["one and pass", "$(BOTH)", "$(NOBODY)"]);
  const { podIP } = (await status("variables")).status;
  const wanted = {
    FROM_MAP: "map",
    X_PASSWORD: "pass",
    ONE: "one",
    ADDRESS: podIP,
    MEMORY: "512",
    HOSTNAME: "variables",
  };
  assert.partialDeepStrictEqual(env, wanted);
  assert.equal(env.NONE, undefined);
  assert.equal(env.KUBERNETES_SERVICE_PORT, String(cluster.port));
});

test("a changed ConfigMap reaches the files after the delay", async () => {
  await configMap("changing", { a: "1", b: "1" });
  const script = `
    const { readFileSync } = require("node:fs");
    let last = "";
    setInterval(() => {
      const seen = readFileSync("/etc/kes-test/a", "utf8") + readFileSync("/etc/kes-test/b", "utf8");
      if (seen !== last) console.log(Date.now() + " " + (last = seen));
    }, 5);`;
  const volumeMounts = [{ name: "changing", mountPath: "/etc/kes-test" }];
  await create("follower", {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: "main", image: "test/node", args: ["-e", script], volumeMounts }],
    volumes: [{ name: "changing", configMap: { name: "changing" } }],
  });
  await until(() => node.logs(namespace, "follower").includes(" 11"));
  const changedAt = Date.now();
  await configMap("changing", { a: "2", b: "2" });
  await until(() => node.logs(namespace, "follower").includes(" 22"));
  const last = node.logs(namespace, "follower").trim().split("\n").at(-1) ?? "";
  const took = Number(last.split(" ")[0]) - changedAt;
  assert.ok(took >= delay && took < delay + 3000, `${took} ms`);
});

test("a container that fails is restarted, and says so", async () => {
  await create("failing", { containers: [{ name: "main", image: "test/node", args: ["-e", "process.exit(3)"] }] });
  const failing = await untilStatus(
    "failing",
    ({ status: { containerStatuses } }) => containerStatuses?.[0].restartCount >= 2,
  );
  const [container] = failing.status.containerStatuses;
  const { exitCode } = (container.state.terminated ?? container.lastState.terminated) as { exitCode: number };
  assert.equal(exitCode, 3);
  await untilStatus(
    "failing",
    ({ status }) => status.containerStatuses[0].state.waiting?.reason === "CrashLoopBackOff",
  );
  await remove("failing");
});

test("a container whose liveness probe fails is restarted; one that is not ready is no endpoint", async () => {
  const script = `
    const server = require("node:http").createServer((request, response) => {
      if (request.url === "/turn") globalThis.turned = true;
      response.writeHead(globalThis.turned ? 500 : 200).end();
    });
    server.listen(7373, () => console.log("at " + server.address().address));
    ${patient}`;
  const get = { httpGet: { path: "/", port: "web" }, periodSeconds: 1 };
  await create("probed", {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: "main",
        image: "test/node",
        args: ["-e", script],
        ports: [{ name: "web", containerPort: 7373 }],
        // However long it takes to start, that is no failure of the others.
        startupProbe: { ...get, failureThreshold: 60 },
        readinessProbe: { ...get, failureThreshold: 1 },
        livenessProbe: { ...get, failureThreshold: 3 },
      },
    ],
  });
  const spec = { clusterIP: "None", selector: { app: "probed" }, ports: [{ port: 7373 }] };
  await cluster.api.create(`/api/v1/namespaces/${namespace}/services`, { metadata: { name: "probed" }, spec });
  const lookup = promisify(lookupFor(cluster));
  const find = (): Promise<unknown> => lookup(`probed.${namespace}.svc`, {}).catch((error: unknown) => error);
  const { address } = node.pod(namespace, "probed");
  await until(async () => (await find()) === address);
  assert.match(node.logs(namespace, "probed"), new RegExp(`at ${address}`), "it listens on its own address");
  await fetch(`http://${address}:7373/turn`);
  await until(async () => (await find()) instanceof Error);
  await untilStatus("probed", ({ status }) => status.containerStatuses[0].restartCount === 1);
  await until(async () => (await find()) === address);
  await remove("probed");
});

test("init containers run one after the other; a sidecar starts before and ends after", async () => {
  await create("ordered", {
    terminationGracePeriodSeconds: 10,
    initContainers: [
      container("first", "setTimeout(() => {}, 300)"),
      container("side", stay("side"), {
        restartPolicy: "Always",
        startupProbe: { exec: { command: ["true"] }, periodSeconds: 1 },
      }),
      container("third", ""),
    ],
    containers: [container("main", stay("main"))],
  });
  const running = await untilStatus("ordered", ({ status }) => isReady(status));
  const inits: readonly { state: Record<string, object> }[] = running.status.initContainerStatuses;
  assert.deepEqual(
    inits.map(({ state }) => Object.keys(state)[0]),
    ["terminated", "running", "terminated"],
  );
  const times = inits.map(({ state }) => Object.values(state)[0] as Record<string, string>);
  assert.ok((times[0]?.["finishedAt"] ?? "") <= (times[1]?.["startedAt"] ?? ""), "the second waits for the first");
  for (const name of ["main", "side"]) {
    await until(() => node.logs(namespace, "ordered", name).includes(`${name} began`));
  }
  await remove("ordered");
  assert.match(node.logs(namespace, "ordered", "side"), /side began\nside ended/);
  assert.match(node.logs(namespace, "ordered", "main"), /main ended/);
});

test("a pod ends as it is asked to: its hook first, then SIGTERM, then by force", async () => {
  const script = `const { existsSync } = require("node:fs"); setInterval(() => {}, 1000);
    process.on("SIGTERM", () => console.log("not yet, hook: " + existsSync("/tmp/kes-test-hook/stubborn")));
    console.log("up");`;
  const lifecycle = { preStop: { exec: { command: ["sh", "-c", "touch /tmp/kes-test-hook/$HOSTNAME"] } } };
  const volumeMounts = [{ name: "hook", mountPath: "/tmp/kes-test-hook" }];
  await create("stubborn", {
    // Long enough for the hook, which is a program that has to start.
    terminationGracePeriodSeconds: 3,
    containers: [{ name: "main", image: "test/node", args: ["-e", script], lifecycle, volumeMounts }],
    volumes: [{ name: "hook", emptyDir: {} }],
  });
  await until(() => node.logs(namespace, "stubborn").includes("up"));
  const runner = node.pod(namespace, "stubborn");
  const pid = runner.container().process?.pid ?? 0;
  const began = Date.now();
  await remove("stubborn");
  const took = Date.now() - began;
  assert.ok(took >= 2900 && took < 8000, `${took} ms`);
  assert.match(node.logs(namespace, "stubborn"), /not yet, hook: true/);
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("what is in a claim outlives the pod, and the claim is bound by the real controller", async () => {
  const claims = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  await cluster.api.create(claims, { metadata: { name: "keys" }, spec });
  const script = `const { appendFileSync, readFileSync } = require("node:fs");
    appendFileSync("/var/lib/kes-test/keys/x", "x"); console.log(readFileSync("/var/lib/kes-test/keys/x", "utf8"));`;
  for (const name of ["writer-1", "writer-2"]) {
    await create(name, {
      restartPolicy: "Never",
      containers: [
        {
          name: "main",
          image: "test/node",
          args: ["-e", script],
          volumeMounts: [{ name: "keys", mountPath: "/var/lib/kes-test/keys" }],
        },
      ],
      volumes: [{ name: "keys", persistentVolumeClaim: { claimName: "keys" } }],
    });
    await untilPhase(name, "Succeeded");
    await remove(name);
  }
  assert.equal(node.logs(namespace, "writer"), "x\nxx\n");
  const { status } = await cluster.api.get(`${claims}/keys`);
  assert.equal(status.phase, "Bound");
});

test("a pod waits for what is missing, says what it is, and starts when it comes", async () => {
  await create("waiting", {
    containers: [
      { name: "main", image: "test/node", args: ["-e", patient], volumeMounts: [{ name: "late", mountPath: "/late" }] },
      { name: "unknown", image: "elsewhere/thing" },
    ],
    volumes: [{ name: "late", secret: { secretName: "late" } }],
  });
  const events = `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.name%3Dwaiting`;
  await until(async () => (await cluster.api.get(events)).items.length > 0);
  const [event] = (await cluster.api.get(events)).items;
  assert.equal(event.message, 'secrets "late" not found');
  assert.equal((await status("waiting")).status.phase, "Pending");
  await secret("late", { key: "1" });
  const { status: after } = await untilStatus(
    "waiting",
    ({ status }) => status.containerStatuses?.[1].state.waiting?.reason === "ErrImagePull",
  );
  assert.equal(isReady(after), false);
  // There is no /late here, and nothing is made at the root of this machine.
  assert.equal(after.containerStatuses[0].state.waiting.reason, "CreateContainerError");
  await remove("waiting");
});

test("pods do not notice that the API server is away, and it hears of them when it is back", async () => {
  await create("steady", { containers: [{ name: "main", image: "test/node", args: ["-e", patient] }] });
  await untilStatus("steady", ({ status }) => isReady(status));
  const pid = node.pod(namespace, "steady").container().process?.pid;
  await cluster.apiServer.kill();
  await sleep(500);
  await cluster.apiServer.start();
  assert.equal(node.pod(namespace, "steady").container().process?.pid, pid);
  await create("later", { containers: [{ name: "main", image: "test/node", args: ["-e", patient] }] });
  await untilStatus("later", ({ status }) => isReady(status));
  await remove("steady");
  await remove("later");
});

test("sets of pods beside each other have networks of their own, on which this machine listens", async () => {
  using first = new PodAddresses();
  using second = new PodAddresses();
  const [one, other] = [first.take(), second.take()];
  assert.notEqual(one.slice(0, one.lastIndexOf(".")), other.slice(0, other.lastIndexOf(".")));
  for (const address of [one, other]) {
    const server = createServer().listen(0, address);
    await once(server, "listening");
    server.close();
  }
});

function container(name: string, script: string, more: object = {}): object {
  return { name, image: "test/node", args: ["-e", script], ...more };
}

/** A program that says when it begins and when it ends. */
function stay(name: string): string {
  return `process.once("SIGTERM", () => { console.log("${name} ended"); process.exit(0); });
    setInterval(() => {}, 1000); console.log("${name} began");`;
}

function isReady(status: Json): boolean {
  const conditions: readonly { type: string; status: string }[] = status.conditions ?? [];
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}

async function create(name: string, spec: object): Promise<void> {
  await cluster.api.create(pods, { metadata: { name, labels: { app: name } }, spec });
  await until(() => node.pods(namespace).some(({ pod }) => pod.metadata?.name === name));
}

async function remove(name: string): Promise<void> {
  await cluster.api.delete(`${pods}/${name}`);
  await until(async () => (await cluster.api.find(`${pods}/${name}`)) === undefined);
}

function status(name: string): Promise<Json> {
  return cluster.api.get(`${pods}/${name}`);
}

async function untilStatus(name: string, isTrue: (pod: Json) => boolean): Promise<Json> {
  let pod: Json;
  await until(
    async () => isTrue((pod = await status(name))),
    () => `${JSON.stringify(pod?.status, undefined, 1)}\n${node.logs(namespace, name)}`,
  );
  return pod;
}

function untilPhase(name: string, phase: string): Promise<Json> {
  return untilStatus(name, (pod) => pod.status.phase === phase);
}

async function until(isTrue: () => boolean | Promise<boolean>, state: () => string = () => ""): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await isTrue())) {
    assert.ok(Date.now() < deadline, `waited in vain: ${isTrue.toString()}\n${state()}`);
    await sleep(50);
  }
}

function configMap(name: string, data: Readonly<Record<string, string>>): Promise<Json> {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
  return cluster.api.apply(`/api/v1/namespaces/${namespace}/configmaps/${name}`, object);
}

function secret(name: string, stringData: Readonly<Record<string, string>>): Promise<Json> {
  const object = { apiVersion: "v1", kind: "Secret", metadata: { name }, stringData };
  return cluster.api.apply(`/api/v1/namespaces/${namespace}/secrets/${name}`, object);
}
