// The whole product on a real API server, in about half a minute: three objects are applied, and a client that knows nothing but
// what was made for it creates a key and uses it. Real are API server, controllers, cert-manager, chart, operator and key
// server; the pods are processes of this machine.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCertManager } from "../env/cert-manager/cert-manager.ts";
import { applyManifest, kubectl } from "../env/kubectl/kubectl.ts";
import { startKubernetes } from "../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../env/kubernetes/kubernetes.ts";
import { clientPod } from "../support/minio-like-pod.ts";
import { startNameService } from "../support/name-service.ts";
import { installChart } from "../support/operator-chart.ts";
import { startOperator } from "../support/operator-process.ts";
import { serverCommand, startPodNode } from "../support/pods/pod-node.ts";
import type { PodNode } from "../support/pods/pod-node.ts";
import { Client } from "./client.ts";
import { Terminal } from "./terminal.ts";
import type { Output } from "./terminal.ts";

const sample = join(import.meta.dirname, "sample.yaml");
const ask = join(import.meta.dirname, "ask.ts");

export interface DemoOptions extends Output {
  /** Called when all is done and everything still runs; resolves when it is to be taken down. */
  readonly keep?: (cluster: Kubernetes) => Promise<void>;
}

/** Leaves nothing behind. @throws Error when anything is not as it should be */
export async function runDemo(options: DemoOptions): Promise<void> {
  const terminal = new Terminal(options);
  await using running = new AsyncDisposableStack();
  terminal.heading("A cluster");
  const { cluster, node } = await bringUp(terminal, running);
  terminal.heading("Three objects: a server, a policy, a client");
  await declare(terminal, cluster);
  terminal.heading("A client in another namespace, with the variables and files that were made for it");
  const client = await terminal.step("its pod runs", () => startClient(cluster, node, running));
  const look = "env | grep ^MINIO_ | sort; ls /etc/kes";
  terminal.command(`kubectl exec minio-0 -n minio-prod -- sh -c '${look}'`, await client.run(["sh", "-c", look]));
  await useKeys(terminal, client);
  terminal.heading("A change of the policy, while everything runs");
  await changePolicy(terminal, cluster, client);
  terminal.line("");
  await options.keep?.(cluster);
}

async function bringUp(
  terminal: Terminal,
  running: AsyncDisposableStack,
): Promise<{ cluster: Kubernetes; node: PodNode }> {
  const cluster = await terminal.step("etcd, kube-apiserver and kube-controller-manager answer", async () =>
    running.use(await startKubernetes({ controllers: true })),
  );
  const node = running.use(await startPodNode(cluster, { images: { "kes:": serverCommand } }));
  await terminal.step("cert-manager issues certificates", async () => running.use(await startCertManager(cluster)));
  const chart = await terminal.step("the chart is installed: roles and four kinds of objects", () =>
    installChart(cluster),
  );
  await terminal.step("the operator runs, with the rights of its ServiceAccount", async () =>
    running.use(await startOperator(cluster, chart)),
  );
  await cluster.createNamespace("kes-system");
  await cluster.createNamespace("minio-prod");
  return { cluster, node };
}

async function declare(terminal: Terminal, cluster: Kubernetes): Promise<void> {
  terminal.command("kubectl apply -f sample.yaml", await applyManifest(cluster, readFileSync(sample, "utf8")));
  terminal.line("");
  for (const [what, namespace] of [
    ["kesserver/kes", "kes-system"],
    ["kespolicy/minio", "kes-system"],
    ["kesidentity/minio", "minio-prod"],
  ] as const) {
    await terminal.step(`kubectl wait --for=condition=Ready ${what} -n ${namespace}`, () =>
      kubectl(cluster, ["wait", "--for=condition=Ready", what, "-n", namespace, "--timeout=90s"]),
    );
  }
  await show(terminal, cluster, ["get", "kes", "-A"]);
}

async function startClient(cluster: Kubernetes, node: PodNode, running: AsyncDisposableStack): Promise<Client> {
  const { url: nameService } = running.use(await startNameService(cluster));
  const place = { namespace: "minio-prod", name: "minio-0" };
  await applyManifest(cluster, [
    clientPod({ ...place, identity: "minio", nameService, command: ["sleep", "infinity"] }),
  ]);
  await kubectl(cluster, ["wait", "--for=condition=Ready", "pod/minio-0", "-n", place.namespace, "--timeout=60s"]);
  const { process: container } = node.pod(place.namespace, place.name).container();
  if (container === undefined) throw new Error("the client's pod is ready and does not run");
  return new Client(container, [process.execPath, ask]);
}

async function useKeys(terminal: Terminal, client: Client): Promise<void> {
  const key = "minio-default";
  terminal.line("");
  await terminal.step(`it creates the key ${key}`, () => client.expect(200, "PUT", `/v1/key/create/${key}`));
  const made = await terminal.step("it has a data key made", () =>
    client.expect<DataKey>(200, "PUT", `/v1/key/generate/${key}`, {}),
  );
  const opened = await terminal.step("it opens the data key's ciphertext", () =>
    client.expect<DataKey>(200, "PUT", `/v1/key/decrypt/${key}`, { ciphertext: made.ciphertext }),
  );
  if (opened.plaintext !== made.plaintext) throw new Error("the ciphertext opens to another data key");
  await terminal.step("it is refused a key that the policy does not offer (403)", () =>
    client.expect(403, "PUT", "/v1/key/create/payroll"),
  );
}

interface DataKey {
  readonly plaintext: string;
  readonly ciphertext: string;
}

async function changePolicy(terminal: Terminal, cluster: Kubernetes, client: Client): Promise<void> {
  const patch = ["patch", "kespolicy", "minio", "-n", "kes-system", "--type=merge"];
  const change = JSON.stringify({ spec: { deny: ["/v1/key/generate/*"] } });
  terminal.command(`kubectl ${patch.join(" ")} -p '${change}'`, await kubectl(cluster, [...patch, "-p", change]));
  terminal.line("");
  await terminal.step("the client may make no more data keys (403); no pod was restarted", async () => {
    const deadline = Date.now() + 15_000;
    while ((await client.ask("PUT", "/v1/key/generate/minio-default", {})).status !== 403) {
      if (Date.now() > deadline) throw new Error("the client still makes data keys, 15 s after the change");
      await sleep(50);
    }
  });
  await show(terminal, cluster, ["get", "pods", "-n", "kes-system"]);
}

async function show(terminal: Terminal, cluster: Kubernetes, args: readonly string[]): Promise<void> {
  terminal.command(`kubectl ${args.join(" ")}`, await kubectl(cluster, args));
}
