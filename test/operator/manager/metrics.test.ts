import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Condition, KesIdentity, KesKey, KesPolicy, KesServer } from "../../../operator/api/generated.ts";
import { Store } from "../../../operator/kube/store.ts";
import type { KubeObject } from "../../../operator/kube/object.ts";
import { Metrics } from "../../../operator/metrics.ts";
import { stateMetrics } from "../../../operator/state-metrics.ts";

const process = () => ({ residentBytes: 1e8, cpuSeconds: 2.5, startedAt: 1_700_000_000 });
const names = (found: readonly RegExpExecArray[]) => found.map(([, name, type]) => `${name} ${type}`).toSorted();

function newMetrics(): Metrics {
  return new Metrics({ version: "1.2.3", commit: "abc", process });
}

function declared(kind: string, name: string, status: object): KubeObject & { status: object } {
  const metadata = { name, namespace: "tests", uid: name };
  return { apiVersion: "kes-operator.io/v1alpha1", kind, metadata, status };
}

function condition(type: string, status: Condition["status"]): Condition {
  return { type, status, reason: "Tests", message: "", lastTransitionTime: "2026-11-22T10:00:00Z" };
}

// What a cache holds went through the API server; here it is as little as is read.
function cacheOf<T extends KubeObject>(...objects: readonly KubeObject[]): Store<T> {
  const store = new Store<T>();
  for (const object of objects) store.put(object as T);
  return store;
}

function source() {
  const conditions = [condition("Ready", "False"), condition("Accepted", "True")];
  return {
    servers: cacheOf<KesServer>(declared("KesServer", "kes", { conditions, bundle: { revision: "f00d" } })),
    policies: cacheOf<KesPolicy>(declared("KesPolicy", "minio", { conditions })),
    identities: cacheOf<KesIdentity>(
      declared("KesIdentity", "client", { conditions, notAfter: "2026-11-22T10:00:00Z" }),
      declared("KesIdentity", "fresh", {}),
    ),
    keys: cacheOf<KesKey>(declared("KesKey", "key", { conditions })),
  };
}

async function text(metrics: Metrics, more = ""): Promise<string> {
  return (await metrics.exposition(more)).body;
}

describe("metrics", () => {
  test("are all in docs/operator-metrics.md with their type, and the page has no other", async () => {
    const metrics = newMetrics();
    metrics.controller("kesserver");
    const exposed = [...(await text(metrics, stateMetrics(source()))).matchAll(/^# TYPE (\w+) (\w+)$/gm)];
    const page = readFileSync(new URL("../../../docs/operator-metrics.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|/gm)];
    assert.deepEqual(names(exposed), names(rows));
  });

  test("of a controller are there from the beginning, and count", async () => {
    const metrics = newMetrics();
    const controller = metrics.controller("kesserver");
    assert.match(
      await text(metrics),
      /^controller_runtime_reconcile_total\{controller="kesserver",result="error"\} 0$/m,
    );
    controller.added();
    controller.retried();
    controller.taken(0.5);
    controller.finished(2);
    controller.visited("error", 3, true);
    controller.visited("success", 3, false);
    controller.observe(() => ({ workers: 4, busy: 2, depth: 7, unfinished: { total: 9, longest: 8 } }));
    const lines = (await text(metrics)).split("\n");
    for (const line of [
      'workqueue_adds_total{name="kesserver",controller="kesserver"} 1',
      'workqueue_retries_total{name="kesserver",controller="kesserver"} 1',
      'workqueue_queue_duration_seconds_sum{name="kesserver",controller="kesserver"} 0.5',
      'workqueue_work_duration_seconds_sum{name="kesserver",controller="kesserver"} 2',
      'controller_runtime_reconcile_total{controller="kesserver",result="success"} 1',
      'controller_runtime_reconcile_errors_total{controller="kesserver"} 1',
      'controller_runtime_terminal_reconcile_errors_total{controller="kesserver"} 1',
      'controller_runtime_reconcile_time_seconds_sum{controller="kesserver"} 6',
      'controller_runtime_active_workers{controller="kesserver"} 2',
      'controller_runtime_max_concurrent_reconciles{controller="kesserver"} 4',
      'workqueue_depth{name="kesserver",controller="kesserver"} 7',
      'workqueue_unfinished_work_seconds{name="kesserver",controller="kesserver"} 9',
      'workqueue_longest_running_processor_seconds{name="kesserver",controller="kesserver"} 8',
    ]) {
      assert.ok(lines.includes(line), line);
    }
  });

  test("of calls, leadership, bundles and the process", async () => {
    const metrics = newMetrics();
    metrics.called({ code: "409", method: "PUT", host: "api:443", seconds: 0.2 });
    metrics.leads("kes-operator", true);
    metrics.bundlePublished("tests/kes");
    metrics.bundlePublished("tests/gone");
    metrics.bundlePropagated("tests/kes", 0.7);
    metrics.forget("tests/gone");
    // Each scrape reads anew.
    for (const _ of [1, 2]) {
      const lines = (await text(metrics)).split("\n");
      for (const line of [
        'rest_client_requests_total{code="409",method="PUT",host="api:443"} 1',
        'rest_client_request_duration_seconds_sum{verb="PUT",host="api:443"} 0.2',
        'leader_election_master_status{name="kes-operator"} 1',
        'kes_operator_bundle_writes_total{namespace="tests",name="kes"} 1',
        "kes_operator_bundle_propagation_seconds_sum 0.7",
        'kes_operator_build_info{version="1.2.3",commit="abc"} 1',
        "process_resident_memory_bytes 100000000",
        "process_cpu_seconds_total 2.5",
      ]) {
        assert.ok(lines.includes(line), line);
      }
      assert.ok(lines.every((line) => !line.includes("gone")));
    }
  });

  test("of objects say how they are; of identities Ready alone; and go with them", () => {
    const objects = source();
    const samples = () =>
      stateMetrics(objects)
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
    const place = 'namespace="tests",name';
    assert.deepEqual(samples(), [
      `kes_operator_resource_condition{kind="KesServer",${place}="kes",type="Ready",status="False"} 1`,
      `kes_operator_resource_condition{kind="KesServer",${place}="kes",type="Accepted",status="True"} 1`,
      `kes_operator_resource_condition{kind="KesPolicy",${place}="minio",type="Ready",status="False"} 1`,
      `kes_operator_resource_condition{kind="KesPolicy",${place}="minio",type="Accepted",status="True"} 1`,
      `kes_operator_resource_condition{kind="KesKey",${place}="key",type="Ready",status="False"} 1`,
      `kes_operator_resource_condition{kind="KesKey",${place}="key",type="Accepted",status="True"} 1`,
      `kes_operator_resource_condition{kind="KesIdentity",${place}="client",type="Ready",status="False"} 1`,
      `kes_operator_bundle_revision_info{${place}="kes",revision="f00d"} 1`,
      `kes_operator_identity_certificate_expiration_timestamp_seconds{${place}="client"} 1795341600`,
    ]);
    objects.servers.remove({ namespace: "tests", name: "kes" }, false);
    assert.ok(samples().every((line) => !line.includes("KesServer") && !line.includes("f00d")));
  });
});
