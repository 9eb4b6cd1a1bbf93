// Everything that the operator meets, real: an API server with its controllers, pods that run as processes, our kinds and the
// chart's roles; and a key service of three pods that clients keep busy while a test makes trouble.
import { setTimeout as sleep } from "node:timers/promises";
import { startKubernetes } from "../env/kubernetes/kubernetes.ts";
import type { Kubernetes, KubernetesOptions } from "../env/kubernetes/kubernetes.ts";
import type { Json } from "../env/kubernetes/api-client.ts";
import { makeCa, makeLeaf } from "./certificates.ts";
import type { TestCertificate } from "./certificates.ts";
import { installChart } from "./operator-chart.ts";
import type { ChartOptions, InstalledChart } from "./operator-chart.ts";
import { PodClient } from "./operator-clients.ts";
import { serverCommand, startPodNode } from "./pods/pod-node.ts";
import type { PodNode } from "./pods/pod-node.ts";
import type { VolumeRefresh } from "./pods/pod-volumes.ts";

export interface WorldOptions {
  readonly chart?: ChartOptions;
  readonly kubernetes?: KubernetesOptions;
  /** How mounted ConfigMaps and Secrets follow their objects. */
  readonly refresh?: VolumeRefresh;
}

export async function startWorld({ chart, kubernetes, refresh }: WorldOptions = {}): Promise<World> {
  const cluster = await startKubernetes({ controllers: true, ...kubernetes });
  try {
    const node = await startPodNode(cluster, { images: { "kes:": serverCommand }, ...(refresh && { refresh }) });
    try {
      return new World(cluster, node, await installChart(cluster, chart));
    } catch (error) {
      await node.stop();
      throw error;
    }
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

type Plural = "kesservers" | "kespolicies" | "kesidentities" | "keskeys";

const kinds: Readonly<Record<Plural, string>> = {
  kesservers: "KesServer",
  kespolicies: "KesPolicy",
  kesidentities: "KesIdentity",
  keskeys: "KesKey",
};

/** Plural, namespace and name of an object of our kinds. */
export type Id = readonly [Plural, string, string];

/** In the API. */
export function pathOf([plural, namespace, name]: Id): string {
  return `/apis/kes-operator.io/v1alpha1/namespaces/${namespace}/${plural}/${name}`;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export class World implements AsyncDisposable {
  readonly cluster: Kubernetes;
  readonly node: PodNode;
  readonly chart: InstalledChart;
  readonly #ca = makeCa("servers");

  constructor(cluster: Kubernetes, node: PodNode, chart: InstalledChart) {
    this.cluster = cluster;
    this.node = node;
    this.chart = chart;
  }

  /** Applies an object of our kinds as a user. */
  async declare(id: Id, spec: object, annotations: Readonly<Record<string, string>> = {}): Promise<Json> {
    const [plural, namespace, name] = id;
    const metadata = { namespace, name, annotations };
    const object = { apiVersion: "kes-operator.io/v1alpha1", kind: kinds[plural], metadata, spec };
    return this.cluster.api.apply(pathOf(id), object);
  }

  async remove(id: Id): Promise<void> {
    await this.cluster.api.delete(pathOf(id));
  }

  /** @throws ApiRefusal when it is not there */
  read(id: Id): Promise<Json> {
    return this.cluster.api.get(pathOf(id));
  }

  /** @throws Error when `isTrue` is not within `patience` milliseconds */
  async until(what: string, isTrue: () => Promise<boolean>, patience = 60_000): Promise<void> {
    const deadline = Date.now() + patience;
    while (!(await isTrue())) {
      if (Date.now() > deadline) throw new Error(`not within ${patience / 1000} s: ${what}`);
      await sleep(50);
    }
  }

  async condition(id: Id, type: string): Promise<Condition | undefined> {
    const object = await this.cluster.api.find(pathOf(id));
    const conditions: readonly Condition[] = object?.status?.conditions ?? [];
    return conditions.find((condition) => condition.type === type);
  }

  /** @param says `True`, or a reason @throws Error with the condition as it is when that takes longer than `patience` ms */
  async untilCondition(id: Id, type: string, says: string, patience = 60_000): Promise<Condition> {
    const deadline = Date.now() + patience;
    for (;;) {
      const condition = await this.condition(id, type);
      if (condition !== undefined && (condition.status === says || condition.reason === says)) return condition;
      if (Date.now() > deadline) {
        throw new Error(`${id.join("/")}: ${type} is ${JSON.stringify(condition)}, not ${says}`);
      }
      await sleep(50);
    }
  }

  /** A server certificate of ours as a Secret, so that no test waits for cert-manager. @returns spec.tls */
  async serverTls(namespace: string, server: string): Promise<object> {
    const ca = await this.#ca;
    const dns = [`${server}.${namespace}.svc`];
    const { certPem, keyPem } = await makeLeaf({ issuer: ca, keyType: "p256", dns, eku: ["server"] });
    const { api } = this.cluster;
    const place = (plural: string, name: string): string => `/api/v1/namespaces/${namespace}/${plural}/${name}`;
    const named = (kind: string, name: string): object => ({ apiVersion: "v1", kind, metadata: { name, namespace } });
    const stringData = { "tls.crt": certPem, "tls.key": keyPem };
    await api.apply(place("secrets", `${server}-cert`), { ...named("Secret", `${server}-cert`), stringData });
    const data = { "ca.crt": ca.certPem };
    await api.apply(place("configmaps", `${server}-root`), { ...named("ConfigMap", `${server}-root`), data });
    return { secretName: `${server}-cert`, caBundle: { configMapName: `${server}-root`, key: "ca.crt" } };
  }

  /** A client of each ready pod of a server, by the pods' own addresses: they answer whether the API does or not. */
  async clientsOf(namespace: string, server: string, certificate: TestCertificate): Promise<readonly PodClient[]> {
    const { certPem } = await this.#ca;
    return this.node
      .pods(namespace)
      .filter(({ pod }) => pod.metadata?.labels?.["kes-operator.io/server"] === server)
      .filter(({ pod }) => pod.metadata?.deletionTimestamp === undefined)
      .map(({ address, pod }) => {
        const name = pod.metadata?.name ?? "";
        return new PodClient({ name, address, serverName: `${server}.${namespace}.svc`, caPem: certPem, certificate });
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.stop();
    await this.cluster.stop();
  }
}
