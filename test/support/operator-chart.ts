// The chart of the operator on a cluster, without helm's own bookkeeping: what `helm template` renders is applied as it is,
// all but the Deployment, whose arguments a test gives to a process of its own.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import { applyManifest, helm } from "../env/kubectl/kubectl.ts";
import type { Json } from "../env/kubernetes/api-client.ts";
import type { Kubernetes } from "../env/kubernetes/kubernetes.ts";

const chart = join(import.meta.dirname, "..", "..", "charts", "kes-operator");

export interface ChartOptions {
  /** Default `kes-operator`. */
  readonly release?: string;
  /** Of the operator; made if it is not there. Default `kes-operator`. */
  readonly namespace?: string;
  /** As in values.yaml. */
  readonly values?: object;
  /** Changes what was rendered before it is applied: takes a verb from a role, for instance. */
  readonly edit?: (objects: readonly Json[]) => readonly Json[];
}

export interface InstalledChart {
  readonly namespace: string;
  /** The operator's ServiceAccount. */
  readonly account: string;
  /** Of the operator's container, as the Deployment has them. */
  readonly args: readonly string[];
}

/** Resolves when our kinds are served. */
export async function installChart(cluster: Kubernetes, options: ChartOptions = {}): Promise<InstalledChart> {
  const { namespace = "kes-operator", edit = (objects) => objects } = options;
  const rendered = edit(await renderChart(options));
  const { spec } = rendered.find(({ kind }) => kind === "Deployment").spec.template;
  if ((await cluster.api.find(`/api/v1/namespaces/${namespace}`)) === undefined) {
    await cluster.createNamespace(namespace);
  }
  await applyManifest(
    cluster,
    rendered.filter(({ kind }) => kind !== "Deployment"),
  );
  for (const kind of ["kesservers", "kespolicies", "kesidentities", "keskeys"]) await untilServed(cluster, kind);
  return { namespace, account: spec.serviceAccountName, args: spec.containers[0].args };
}

/** Everything that the chart makes. */
export async function renderChart(options: ChartOptions = {}): Promise<readonly Json[]> {
  const { release = "kes-operator", namespace = "kes-operator", values = {} } = options;
  const args = ["template", release, chart, "--namespace", namespace, "--include-crds", "--values", "-"];
  const documents = parseAllDocuments(await helm(args, { stdin: JSON.stringify(values) }));
  return documents.map((document): Json => document.toJS()).filter((object) => object !== null);
}

/** A new kind is first unknown, then refused while its storage is made ready. */
async function untilServed({ api }: Kubernetes, plural: string): Promise<void> {
  const path = `/apis/kes-operator.io/v1alpha1/${plural}`;
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const isServed = await api.get(path).then(
      () => true,
      () => false,
    );
    if (isServed) return;
    await sleep(50);
  }
  await api.get(path);
}
