// Pods without a container runtime: a pretended node that takes every pod of a cluster and runs its containers as processes of
// this machine, from the templates exactly as they stand in the API: volumes as folders at their own paths, environment,
// probes, restarts, termination. Images are names for local commands. Each pod has an address of its own, on which its Node
// programs listen. Nothing is confined: no users, no limits, no network policy; that is for a real node. Needs root on Linux.
import type { V1Pod } from "@kubernetes/client-node";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../env/kubernetes/api-client.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Variables } from "./container-environment.ts";
import { now } from "./container-runner.ts";
import { PodAddresses } from "./pod-addresses.ts";
import { PodRunner } from "./pod-runner.ts";
import type { PodContext } from "./pod-runner.ts";
import type { VolumeRefresh } from "./pod-volumes.ts";
import { requirePrivateMounts } from "./private-mounts.ts";

export interface PodNodeOptions {
  /** Beginning of an image's name → program and first arguments; the longest one counts. */
  readonly images: Readonly<Record<string, readonly string[]>>;
  /** Default: compared every second, written at once. */
  readonly refresh?: VolumeRefresh;
  /** Milliseconds before the first restart of a container; it doubles up to twenty times that. Default 500. */
  readonly backOff?: number;
  /** More variables for every container. */
  readonly variables?: Variables;
}

/** The key server of this tree: for `images`. */
export const serverCommand: readonly string[] = [
  process.execPath,
  join(import.meta.dirname, "..", "..", "..", "sidecar", "main.ts"),
];

/** @throws Error when this machine lacks something */
export async function startPodNode(cluster: Kubernetes, options: PodNodeOptions): Promise<PodNode> {
  requirePrivateMounts();
  const node = new PodNode(cluster, options);
  await node.register();
  return node;
}

export class PodNode implements AsyncDisposable {
  readonly name = "node1";
  readonly folder = mkdtempSync(join(tmpdir(), "kes-pods-"));
  readonly #cluster: Kubernetes;
  readonly #addresses = new PodAddresses();
  readonly #runners = new Map<string, PodRunner>();
  readonly #ending = new AbortController();
  readonly #context: PodContext;
  #following: Promise<void> | undefined;

  constructor(cluster: Kubernetes, options: PodNodeOptions) {
    this.#cluster = cluster;
    mkdirSync(join(this.folder, "logs"));
    this.#context = {
      api: cluster.api,
      commandOf: (image) => commandOf(options.images, image),
      variables: { ...givenVariables(cluster), ...options.variables },
      takeAddress: () => this.#addresses.take(),
      giveBackAddress: (address) => this.#addresses.giveBack(address),
      folder: this.folder,
      logFile: ({ metadata }, container) => this.#logFile(metadata?.namespace, metadata?.name, container),
      refresh: options.refresh ?? { every: 1000, delay: 0 },
      backOff: options.backOff ?? 500,
      signal: this.#ending.signal,
    };
  }

  async register(): Promise<void> {
    const { api } = this.#cluster;
    const labels = { "kubernetes.io/hostname": this.name, "kubernetes.io/os": "linux" };
    await api.apply(`/api/v1/nodes/${this.name}`, {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: this.name, labels },
    });
    const amounts = { cpu: "64", memory: "256Gi", pods: "250" };
    const ready = { type: "Ready", status: "True", reason: "KubeletReady", lastHeartbeatTime: now() };
    const status = {
      capacity: amounts,
      allocatable: amounts,
      conditions: [{ ...ready, lastTransitionTime: now() }],
      addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    };
    await api.merge(`/api/v1/nodes/${this.name}/status`, { status });
    this.#following = this.#follow();
  }

  /** The pods that run here, of a namespace if one is named. */
  pods(namespace?: string): readonly PodRunner[] {
    return [...this.#runners.values()].filter(
      ({ pod }) => namespace === undefined || pod.metadata?.namespace === namespace,
    );
  }

  /** @throws Error when no such pod runs here */
  pod(namespace: string, name: string): PodRunner {
    const found = this.pods(namespace).find(({ pod }) => pod.metadata?.name === name);
    if (found === undefined) throw new Error(`no pod ${namespace}/${name} runs here`);
    return found;
  }

  /** Everything that containers of pods whose name begins so ever wrote, pods that are gone included. */
  logs(namespace: string, podPrefix = "", container?: string): string {
    const files = readdirSync(join(this.folder, "logs")).filter((file) => {
      const [ofNamespace, pod = "", name] = file.split("_");
      const isWanted = container === undefined || name === `${container}.log`;
      return ofNamespace === namespace && pod.startsWith(podPrefix) && isWanted;
    });
    return files.map((file) => readFileSync(join(this.folder, "logs", file), "utf8")).join("");
  }

  /** Ends all processes at once; the API is not told. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#following;
    await Promise.all([...this.#runners.values()].map((runner) => runner.kill()));
    this.#addresses[Symbol.dispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.#followOnce(signal);
      } catch {
        // The API server is away, or forgot the version: from the list again.
        await sleep(200, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #followOnce(signal: AbortSignal): Promise<void> {
    const list: Json = await this.#cluster.api.get("/api/v1/pods");
    const items: readonly V1Pod[] = list.items;
    const known = new Set(items.map(({ metadata }) => metadata?.uid));
    for (const runner of this.#runners.values())
      if (!known.has(runner.pod.metadata?.uid)) void this.#forget(runner.pod);
    for (const pod of items) this.#take(pod);
    const from = encodeURIComponent(list.metadata.resourceVersion);
    for await (const { type, object } of this.#cluster.api.watch(`/api/v1/pods?resourceVersion=${from}`, signal)) {
      if (type === "ERROR") return;
      if (type === "DELETED") void this.#forget(object);
      else this.#take(object);
    }
  }

  #take(pod: V1Pod): void {
    const uid = pod.metadata?.uid ?? "";
    const runner = this.#runners.get(uid);
    if (runner !== undefined) runner.update(pod);
    else if (pod.spec?.nodeName === undefined) void this.#bind(pod);
    else if (pod.spec.nodeName === this.name) this.#run(pod);
  }

  #run(pod: V1Pod): void {
    const runner = new PodRunner(this.#context, pod);
    this.#runners.set(pod.metadata?.uid ?? "", runner);
    runner.start();
    runner.update(pod);
  }

  /** What a scheduler does. */
  async #bind(pod: V1Pod): Promise<void> {
    const { name, namespace, uid, deletionTimestamp } = pod.metadata ?? {};
    if (deletionTimestamp !== undefined || (pod.spec?.schedulingGates ?? []).length > 0) return;
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, uid },
      target: { apiVersion: "v1", kind: "Node", name: this.name },
    };
    // Refused, the pod is bound or gone; unheard, the next list brings it again.
    await this.#cluster.api
      .create(`/api/v1/namespaces/${namespace}/pods/${name}/binding`, binding)
      .catch(() => undefined);
  }

  async #forget(pod: V1Pod): Promise<void> {
    const runner = this.#runners.get(pod.metadata?.uid ?? "");
    this.#runners.delete(pod.metadata?.uid ?? "");
    await runner?.kill();
  }

  #logFile(namespace = "", pod = "", container = ""): string {
    return join(this.folder, "logs", `${namespace}_${pod}_${container}.log`);
  }
}

function commandOf(images: PodNodeOptions["images"], image: string): readonly string[] | undefined {
  const fitting = Object.keys(images).filter((prefix) => image.startsWith(prefix));
  const longest = fitting.toSorted((a, b) => b.length - a.length)[0];
  return longest === undefined ? undefined : images[longest];
}

/** What every container gets. Nothing of the tests' own environment but where programs are and how coverage is counted. */
function givenVariables(cluster: Kubernetes): Variables {
  const coverage = process.env["NODE_V8_COVERAGE"];
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: "/",
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(cluster.port),
    KUBERNETES_SERVICE_PORT_HTTPS: String(cluster.port),
    NODE_OPTIONS: `--import=${new URL("./pod-address-preload.ts", import.meta.url).href}`,
    ...(coverage !== undefined && { NODE_V8_COVERAGE: coverage }),
  };
}
