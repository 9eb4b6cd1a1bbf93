// What a KesServer of every shape is made of: which objects, and what all of them have in common.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { annotations, labels } from "../../../operator/api/kinds.ts";
import type { KesServer } from "../../../operator/api/generated.ts";
import { apiVersionOf } from "../../../operator/kube/object.ts";
import type { PlannedObject } from "../../../operator/controllers/kes-server/objects/child.ts";
import type { Observed } from "../../../operator/controllers/kes-server/objects/observed.ts";
import { planServer } from "../../../operator/controllers/kes-server/plan.ts";
import type { Plan } from "../../../operator/controllers/kes-server/plan.ts";
import { child, declaredServer, emptyBundle, keystoreSchema, observed, plan } from "./declared-server.ts";
import type { Declared } from "./declared-server.ts";
import { variants } from "./variants.ts";

const vault = { vault: { endpoint: "https://vault:8200", auth: { kubernetes: { role: "kes" } } } };

/** `Kind/name` of every object, in order. */
function listOf({ objects }: Plan): string[] {
  return objects.map(({ object }) => `${object.kind}/${object.metadata.name}`);
}

function unwantedOf({ unwanted }: Plan): string[] {
  return unwanted.map(({ resource, ref }) => `${resource.kind}/${ref.name}`);
}

function assertMarked({ resource, object }: PlannedObject, server: KesServer): void {
  const { metadata } = object;
  assert.equal(object.kind, resource.kind);
  assert.equal(object.apiVersion, apiVersionOf(resource));
  assert.equal(metadata.namespace, "kes-system");
  assert.equal(metadata.labels?.["app.kubernetes.io/managed-by"], "kes-operator");
  assert.equal(metadata.labels[labels.server], server.metadata.name);
  assert.match(metadata.annotations?.[annotations.appliedHash] ?? "", /^[0-9a-f]{64}$/);
}

const ownership = {
  apiVersion: "kes-operator.io/v1alpha1",
  kind: "KesServer",
  controller: true,
  blockOwnerDeletion: true,
};

function hashOf(spec: Declared, changes: Partial<Observed> = {}): string {
  return child("Service/kes", spec, changes).metadata.annotations[annotations.appliedHash];
}

describe("every shape of a KesServer", () => {
  for (const { title, name, spec } of variants) {
    const server = declaredServer(spec, name);
    const result = planServer(observed(server));

    test(`${title}: every object is labelled, hashed and, unless it is to stay, owned`, () => {
      const stays = server.spec.keystore.fs?.volumeClaim?.reclaimPolicy === "Retain";
      for (const planned of result.objects) {
        assertMarked(planned, server);
        const [owner] = planned.object.metadata.ownerReferences ?? [];
        const isKept = planned.object.kind === "PersistentVolumeClaim" && stays;
        if (isKept) assert.equal(owner, undefined);
        else assert.deepEqual(owner, { ...ownership, name: server.metadata.name, uid: server.metadata.uid });
      }
    });

    test(`${title}: names are valid and none is planned and unwanted at once`, () => {
      const planned = listOf(result);
      assert.equal(new Set(planned).size, planned.length);
      for (const id of unwantedOf(result)) assert.ok(!planned.includes(id), id);
      for (const { object } of result.objects) {
        const longest = object.kind === "Service" || object.kind === "Deployment" ? 63 : 253;
        assert.match(object.metadata.name, /^[a-z]([-a-z0-9]*[a-z0-9])?$/);
        assert.ok(object.metadata.name.length <= longest, `${object.kind} ${object.metadata.name}`);
        for (const value of Object.values(object.metadata.labels ?? {})) assert.ok(value.length <= 63, value);
      }
    });

    test(`${title}: everything is plain JSON, and nothing is undefined`, () => {
      const written = result.objects.map(({ object }) => object);
      assert.deepEqual(JSON.parse(JSON.stringify(written)), written);
    });
  }

  test("every kind of key store and login is among them", () => {
    const keystores = variants.map(({ spec }) => JSON.stringify(spec.keystore)).join();
    const words = ["memory", "fs", "vault", "aws", "keysecure", "kubernetes", "appRole", "token", "cert"];
    assert.deepEqual(Object.keys(keystoreSchema.properties ?? {}), words.slice(0, 5));
    for (const word of words) assert.ok(keystores.includes(`"${word}":`), word);
  });

  test("the same observation gives the same bytes", () => {
    for (const { name, spec } of variants) {
      const once = JSON.stringify(planServer(observed(declaredServer(spec, name))));
      assert.equal(JSON.stringify(planServer(observed(declaredServer(spec, name)))), once);
    }
  });
});

describe("which objects there are", () => {
  test("the least there is needs policies first, then what pods mount, then the pods", () => {
    assert.deepEqual(listOf(plan({ keystore: vault })), [
      "ConfigMap/kes-bundle",
      "ServiceAccount/kes",
      "Role/kes-bundle-reader",
      "RoleBinding/kes-bundle-reader",
      "Issuer/kes-selfsigned",
      "Certificate/kes-ca",
      "Issuer/kes-ca",
      "Certificate/kes-server",
      "ConfigMap/kes-ca",
      "ConfigMap/kes-config",
      "Service/kes",
      "Service/kes-headless",
      "Deployment/kes",
      "PodDisruptionBudget/kes",
    ]);
  });

  test("a sidecar has no workload and no Service, but a text to paste", () => {
    const list = listOf(plan({ mode: "Sidecar", keystore: vault }));
    assert.ok(list.includes("ConfigMap/kes-sidecar"));
    assert.deepEqual(
      list.filter((id) => /^(Deployment|Service|ServiceAccount|Role)/.test(id)),
      [],
    );
  });

  const features: readonly [string, Declared, Declared, string][] = [
    [
      "autoscaling",
      { keystore: vault, autoscaling: { maxReplicas: 3 } },
      { keystore: vault },
      "HorizontalPodAutoscaler/kes",
    ],
    ["a NetworkPolicy", { networkPolicy: { enabled: true } }, {}, "NetworkPolicy/kes"],
    ["a ServiceMonitor", { monitoring: { serviceMonitor: { enabled: true } } }, {}, "ServiceMonitor/kes"],
    ["several replicas", { keystore: vault }, { keystore: vault, replicas: 1 }, "PodDisruptionBudget/kes"],
    [
      "the disruption budget",
      { keystore: vault },
      { keystore: vault, podDisruptionBudget: { enabled: false, maxUnavailable: 1 } },
      "PodDisruptionBudget/kes",
    ],
    [
      "the headless Service",
      {},
      { service: { type: "ClusterIP", port: 7373, headless: false } },
      "Service/kes-headless",
    ],
    ["watching", {}, { propagation: { watch: false } }, "Role/kes-bundle-reader"],
    ["watching", {}, { propagation: { watch: false } }, "RoleBinding/kes-bundle-reader"],
    ["its own account", {}, { serviceAccount: { create: false } }, "ServiceAccount/kes"],
    ["its own account", {}, { serviceAccount: { name: "other" } }, "ServiceAccount/kes"],
    ["its own CA", {}, { tls: { certManager: { issuerRef: { name: "ca" } } } }, "Issuer/kes-selfsigned"],
    ["its own CA", {}, { tls: { certManager: { issuerRef: { name: "ca" } } } }, "Certificate/kes-ca"],
    ["its own CA", {}, { tls: { certManager: { issuerRef: { name: "ca" } } } }, "Issuer/kes-ca"],
    ["cert-manager", {}, { tls: { secretName: "mine" } }, "Certificate/kes-server"],
  ];
  for (const [feature, on, off, id] of features) {
    test(`without ${feature}, ${id} must not exist`, () => {
      assert.ok(listOf(plan(on)).includes(id));
      assert.ok(!unwantedOf(plan(on)).includes(id));
      assert.ok(!listOf(plan(off)).includes(id));
      assert.ok(unwantedOf(plan(off)).includes(id));
    });
  }

  test("what keys or clients depend on is never unwanted", () => {
    const everything = [...variants.map(({ spec }) => spec), {}].flatMap((spec) => unwantedOf(plan(spec)));
    const precious = everything.filter((id) => /^(PersistentVolumeClaim|ConfigMap|Deployment|StatefulSet)/.test(id));
    assert.deepEqual(precious, []);
  });

  test("kinds that the cluster does not have are neither planned nor unwanted", () => {
    const spec = { monitoring: { serviceMonitor: { enabled: true } } };
    const result = plan(spec, { certManager: false, serviceMonitors: false });
    const all = [...listOf(result), ...unwantedOf(result)];
    assert.deepEqual(
      all.filter((id) => /^(Certificate|Issuer|ServiceMonitor)/.test(id)),
      [],
    );
  });

  test("policies that are held back, and a CA that is not known, leave what is there", () => {
    const result = plan({}, { bundle: undefined, caPem: undefined });
    for (const id of ["ConfigMap/kes-bundle", "ConfigMap/kes-ca"]) {
      assert.ok(!listOf(result).includes(id));
      assert.ok(!unwantedOf(result).includes(id));
    }
    assert.equal(result.bundleTooLarge, false);
  });

  test("policies that fit into no ConfigMap are told and leave what is there", () => {
    const text = "x".repeat(9 * 1024 * 1024);
    const result = plan({}, { bundle: { ...emptyBundle, text } });
    assert.equal(result.bundleTooLarge, true);
    assert.ok(!listOf(result).includes("ConfigMap/kes-bundle"));
  });
});

test("a hash changes with anything that is applied, and with nothing else", () => {
  const service = { type: "ClusterIP", port: 7373, headless: true };
  assert.equal(
    hashOf({ service: { ...service, annotations: { a: "1", b: "2" } } }),
    hashOf({ service: { ...service, annotations: { b: "2", a: "1" } } }),
  );
  assert.notEqual(hashOf({ service: { ...service, annotations: { a: "1" } } }), hashOf({ service }));
  assert.notEqual(hashOf({ service: { ...service, labels: { a: "1" } } }), hashOf({ service }));
  assert.notEqual(hashOf({ service: { ...service, port: 443 } }), hashOf({ service }));
  assert.equal(hashOf({ service }, { caPem: "x" }), hashOf({ service }));
});
