// The operator with exactly the rights of the chart, on an API server that checks owners as well. Everything that it does is
// done here once; each right is refused as if it had been left out of the chart, until the operator has said that it lacks
// it. So a verb that is missing in the chart fails a test, a verb too many does, and one that is taken away later is named.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { installCertManagerCrds } from "../../env/cert-manager/cert-manager.ts";
import type { Json } from "../../env/kubernetes/api-client.ts";
import { applyManifest } from "../../env/kubectl/kubectl.ts";
import { startKubernetes } from "../../env/kubernetes/kubernetes.ts";
import type { Kubernetes } from "../../env/kubernetes/kubernetes.ts";
import { rightsIn } from "../../support/chart-rights.ts";
import { installChart, renderChart } from "../../support/operator-chart.ts";
import type { InstalledChart } from "../../support/operator-chart.ts";
import { prepareOperator } from "../../support/operator-process.ts";
import type { LogLine, OperatorProcess } from "../../support/operator-process.ts";
import { RefusingAuthorizer } from "../../support/refusing-authorizer.ts";
import type { Right } from "../../support/refusing-authorizer.ts";
import { clients, laterEdits, servers, whatUsersMake } from "../../support/operator-duties.ts";
import type { Declared } from "../../support/operator-duties.ts";

const values = { features: { apiKeys: true }, rbac: { serviceMonitors: true } };
const namespace = "duties";
const ours = `/apis/kes-operator.io/v1alpha1/namespaces/${namespace}`;
const certManagers = `/apis/cert-manager.io/v1/namespaces/${namespace}`;
/** Milliseconds. */
const patience = 240_000;

let granted: ReadonlySet<Right>;
let authorizer: RefusingAuthorizer;
let cluster: Kubernetes;
let chart: InstalledChart;
let operator: OperatorProcess;

before(async () => {
  const account = "kes-operator";
  granted = rightsIn(await renderChart({ values }), account);
  authorizer = await RefusingAuthorizer.start(`system:serviceaccount:kes-operator:${account}`);
  cluster = await startKubernetes({ apiServerFlags: authorizer.apiServerFlags });
  await installCertManagerCrds(cluster);
  chart = await installChart(cluster, { values });
  assert.equal(chart.account, account);
  await cluster.createNamespace(namespace);
  await applyManifest(cluster, whatUsersMake(namespace));
  operator = await prepareOperator(cluster, chart);
});

after(async () => {
  await operator.kill();
  await cluster.stop();
  await authorizer[Symbol.asyncDispose]();
});

async function declare({ plural, name, ...content }: Declared): Promise<void> {
  const object = { apiVersion: "kes-operator.io/v1alpha1", metadata: { name, namespace }, ...content };
  await cluster.api.apply(`${ours}/${plural}/${name}`, object);
}

/** Resolves when all of `paths` are there. */
async function declareAll(objects: readonly Declared[], paths: readonly string[]): Promise<void> {
  for (const object of objects) await declare(object);
  for (const path of paths) await until(`${path} is there`, () => exists(path));
}

/** An edit of every object that says nothing: what failed is tried again now instead of later and later. */
async function nudge(round: number): Promise<void> {
  for (const { plural, name } of [...servers, ...clients]) {
    const path = `${ours}/${plural}/${name}`;
    if (await exists(path)) await cluster.api.merge(path, { metadata: { annotations: { nudge: `${round}` } } });
  }
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + patience;
  for (let round = 0; !(await isTrue()); round += 1) {
    assert.ok(Date.now() < deadline, `not in time: ${what}; not used: ${unused().join(", ")}`);
    leaveWhatWasTold();
    await nudge(round);
    await sleep(500);
  }
}

function leaveWhatWasTold(): void {
  if (authorizer.refused.length === 0) return;
  const lines = operator.lines();
  for (const right of authorizer.refused) if (lines.some((line) => tells(line, right))) authorizer.leave(right);
}

function unused(): readonly Right[] {
  return [...granted].filter((right) => !authorizer.asked.has(right)).toSorted();
}

async function exists(path: string): Promise<boolean> {
  return (await cluster.api.find(path)) !== undefined;
}

/** Reason and message of the condition Accepted of a server. */
async function acceptanceOf(name: string): Promise<string> {
  const { status } = await cluster.api.get(`${ours}/kesservers/${name}`);
  const conditions: readonly Json[] = status?.conditions ?? [];
  const found = conditions.find(({ type }) => type === "Accepted");
  return `${found?.reason} ${found?.message}`;
}

/** The Certificate is as if cert-manager had issued it, and somebody asks for another. */
async function askForRenewal(): Promise<void> {
  const path = `${certManagers}/certificates/issued-kes/status`;
  const ready = { type: "Ready", status: "True", reason: "Ready" };
  await cluster.api.merge(path, { status: { revision: 1, conditions: [ready] } });
  const annotations = { "kes-operator.io/renew": "now" };
  await cluster.api.merge(`${ours}/kesidentities/issued`, { metadata: { annotations } });
}

describe("the operator with the chart's rights", () => {
  test("does everything, although each of them was refused first", { timeout: 2 * patience }, async () => {
    await operator.start();
    await declareAll(servers, [
      `/apis/monitoring.coreos.com/v1/namespaces/${namespace}/servicemonitors/whole`,
      `/apis/apps/v1/namespaces/${namespace}/statefulsets/ordered`,
      `/api/v1/namespaces/${namespace}/configmaps/beside-sidecar`,
    ]);
    await declareAll(clients, [
      `/api/v1/namespaces/${namespace}/secrets/keyed-kes-api-key`,
      `${certManagers}/certificates/issued-kes`,
      `/api/v1/namespaces/${namespace}/configmaps/issued-kes`,
    ]);
    await askForRenewal();
    await declareAll(laterEdits, []);
    await until("every right was used", () => Promise.resolve(unused().length === 0));
    await until("every refusal was told", () => Promise.resolve(authorizer.refused.length === 0));
  });

  test("asks for nothing else", () => {
    assert.deepEqual([...authorizer.asked].filter((right) => !granted.has(right)).toSorted(), []);
  });

  test("needs every one of them", () => {
    assert.deepEqual(unused(), []);
  });

  test("has none over keys: whose a claim is cannot be changed where owners are checked, and that is said", async () => {
    const [whole] = laterEdits;
    assert.ok(whole !== undefined);
    authorizer.leave("delete persistentvolumeclaims");
    const claim = { size: "1Gi", accessModes: ["ReadWriteMany"], reclaimPolicy: "Delete" };
    await declare({ ...whole, spec: { ...whole.spec, keystore: { fs: { volumeClaim: claim } } } });
    await until("it is said", async () => /reclaimPolicy: .*with it go the keys/.test(await acceptanceOf("whole")));
    await declare(whole);
    await until("it is over", async () => !/reclaimPolicy/.test(await acceptanceOf("whole")));
  });

  test("counts what it was refused", async () => {
    const refusals = await operator.metric("rest_client_requests_total", { code: "403" });
    assert.ok(refusals >= granted.size, `${refusals} calls were refused`);
  });
});

/** Whether a line of the log has what the API server says when it refuses `right`. */
function tells(line: LogLine, right: Right): boolean {
  const [, verb, resource = "", group = ""] = /^(\w+) ([^.]+)\.?(.*)$/.exec(right) ?? [];
  const text = JSON.stringify(line);
  // Not asked for by a call: owning a child with blockOwnerDeletion asks for it.
  const owner = ownersByFinalizers[resource];
  if (owner !== undefined) return line["controller"] === owner && text.includes("cannot set blockOwnerDeletion");
  return text.includes(JSON.stringify(`cannot ${verb} resource "${resource}" in API group "${group}"`).slice(1, -1));
}

/** Whose controller asks for it. */
const ownersByFinalizers: Readonly<Record<string, string>> = {
  "kesservers/finalizers": "kesserver",
  "kesidentities/finalizers": "kesidentity",
};
