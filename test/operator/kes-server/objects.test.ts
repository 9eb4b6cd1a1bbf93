// The single children of a KesServer: what each says, case by case.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { childNames } from "../../../operator/controllers/kes-server/objects/child-names.ts";
import { endpointOf } from "../../../operator/controllers/kes-server/objects/endpoint.ts";
import { labelsOf, selectorOf } from "../../../operator/controllers/kes-server/objects/labels.ts";
import type { Observed } from "../../../operator/controllers/kes-server/objects/observed.ts";
import { canonicalQuantity } from "../../../operator/controllers/kes-server/objects/quantity.ts";
import {
  mostReplicas,
  replicasOwnedElsewhere,
  replicasToApply,
  runsAlone,
} from "../../../operator/controllers/kes-server/objects/replicas.ts";
import { planServer } from "../../../operator/controllers/kes-server/plan.ts";
import { child, declaredServer, itemsOf, observed, settings } from "./declared-server.ts";
import type { Declared, Json } from "./declared-server.ts";

const vault = { vault: { endpoint: "https://vault:8200", auth: { kubernetes: { role: "kes" } } } };
const fs = (volumeClaim: object): Declared => ({ keystore: { fs: { volumeClaim: { size: "1Gi", ...volumeClaim } } } });
const service = { type: "ClusterIP", port: 7373, headless: true };

function live(replicas: number, replicasOwnedElsewhere = false): Partial<Observed> {
  return { workload: { replicas, replicasOwnedElsewhere } };
}

/** Of metadata.managedFields. */
function entry(manager: string, fields: object): object {
  return { manager, operation: "Update", fieldsV1: fields };
}

function scaled(autoscaling: object, more: Declared = {}): Json {
  return child("HorizontalPodAutoscaler/kes", {
    keystore: vault,
    autoscaling: { maxReplicas: 9, ...autoscaling },
    ...more,
  });
}

/** The rule that lets those in to the API. */
function api(...from: object[]): object {
  return { from, ports: [{ port: "https", protocol: "TCP" }] };
}

function certificate(certManager?: object, more: Declared = {}): Json {
  const tls = certManager === undefined ? {} : { certManager };
  return child("Certificate/kes-server", { keystore: vault, tls, ...more }).spec;
}

describe("how many servers", () => {
  const scaling = { keystore: vault, autoscaling: { minReplicas: 3, maxReplicas: 9 } };
  const counts: readonly [string, Declared, Partial<Observed>, number | undefined][] = [
    ["two unless told otherwise", { keystore: vault }, {}, 2],
    ["as many as told", { keystore: vault, replicas: 5 }, {}, 5],
    ["none when told so", { keystore: vault, replicas: 0 }, {}, 0],
    ["one in memory", {}, {}, 1],
    ["one on a volume that only one node may mount", fs({}), {}, 1],
    ["one on a volume that only one pod may mount", fs({ accessModes: ["ReadWriteOncePod"] }), {}, 1],
    ["two on a shared volume", fs({ accessModes: ["ReadWriteMany"] }), {}, 2],
    ["one on somebody's volume", { keystore: { fs: { existingClaim: "k" } } }, {}, 1],
    ["the least of the autoscaler at first", scaling, {}, 3],
    ["the live count until it is the autoscaler's", scaling, live(5), 5],
    ["the least instead of none, with which an autoscaler does nothing", scaling, live(0), 3],
    ["left to the autoscaler once it is its", scaling, live(5, true), undefined],
    ["taken back when the autoscaler goes", { keystore: vault, replicas: 4 }, live(7, true), 4],
  ];
  for (const [title, spec, changes, expected] of counts) {
    test(title, () => {
      const server = declaredServer(spec);
      assert.equal(replicasToApply(observed(server, changes)), expected);
      const { replicas } = child("Deployment/kes", spec, changes).spec;
      assert.equal(replicas, expected);
    });
  }

  test("the most there may be", () => {
    assert.equal(mostReplicas(declaredServer(scaling).spec), 9);
    assert.equal(mostReplicas(declaredServer({ keystore: vault }).spec), 2);
  });

  test("who owns the count is read from managedFields", () => {
    const count = { "f:spec": { "f:replicas": {} } };
    const other = { "f:spec": { "f:template": {} } };
    const ours = "kes-operator";
    assert.equal(replicasOwnedElsewhere([entry(ours, count)], ours), false);
    assert.equal(replicasOwnedElsewhere([entry(ours, count), entry("kube-controller-manager", other)], ours), false);
    assert.equal(replicasOwnedElsewhere([entry(ours, other), entry("kube-controller-manager", count)], ours), true);
    assert.equal(replicasOwnedElsewhere([{ manager: "x" }, null, "y"], ours), false);
    assert.equal(replicasOwnedElsewhere(undefined, ours), false);
  });
});

describe("how servers are replaced", () => {
  const strategies: readonly [string, Declared, boolean][] = [
    ["Vault", { keystore: vault }, false],
    ["memory", {}, true],
    ["a volume of one node", fs({}), true],
    ["a shared volume", fs({ accessModes: ["ReadWriteMany"] }), false],
    ["somebody's volume", { keystore: { fs: { existingClaim: "k" } } }, true],
    ["somebody's volume for several", { replicas: 2, keystore: { fs: { existingClaim: "k" } } }, false],
  ];
  for (const [title, spec, alone] of strategies) {
    test(`${title}: ${alone ? "the old one ends before the new one starts" : "a new one is ready before an old one goes"}`, () => {
      assert.equal(runsAlone(declaredServer(spec).spec), alone);
      const rolling = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
      assert.deepEqual(child("Deployment/kes", spec).spec.strategy, alone ? { type: "Recreate" } : rolling);
    });
  }

  test("a StatefulSet starts all its pods at once, under names of the headless Service", () => {
    const { spec } = child("StatefulSet/kes", { keystore: vault, workload: "StatefulSet" });
    const { serviceName, podManagementPolicy, updateStrategy, strategy } = spec;
    assert.deepEqual([serviceName, podManagementPolicy, strategy], ["kes-headless", "Parallel", undefined]);
    assert.deepEqual(updateStrategy, { type: "RollingUpdate" });
    const [zone] = spec.template.spec.topologySpreadConstraints;
    assert.equal(zone.matchLabelKeys, undefined);
  });
});

describe("Services", () => {
  test("clients get one port, metrics are not on it", () => {
    const { spec, metadata } = child("Service/kes", {
      service: {
        ...service,
        type: "LoadBalancer",
        port: 443,
        annotations: { a: "b" },
        labels: { c: "d", "app.kubernetes.io/name": "mine" },
        ipFamilyPolicy: "PreferDualStack",
        trafficDistribution: "PreferClose",
      },
    });
    assert.deepEqual(spec, {
      type: "LoadBalancer",
      selector: { "app.kubernetes.io/instance": "kes", "app.kubernetes.io/name": "kes" },
      ports: [{ name: "https", port: 443, protocol: "TCP", targetPort: "https" }],
      ipFamilyPolicy: "PreferDualStack",
      trafficDistribution: "PreferClose",
    });
    assert.equal(metadata.annotations.a, "b");
    assert.deepEqual([metadata.labels.c, metadata.labels["app.kubernetes.io/name"]], ["d", "kes"]);
  });

  test("behind the headless one are the pods' own ports, of ready pods only", () => {
    const { spec } = child("Service/kes-headless", { service: { ...service, port: 443 }, ops: { port: 9090 } });
    assert.deepEqual([spec.clusterIP, spec.publishNotReadyAddresses], ["None", undefined]);
    assert.deepEqual(
      itemsOf(spec.ports).map(({ name, port }: Json) => [name, port]),
      [
        ["https", 7373],
        ["ops", 9090],
      ],
    );
  });

  test("a StatefulSet or a ServiceMonitor has the headless one even where it is switched off", () => {
    const off = { service: { ...service, headless: false } };
    child("Service/kes-headless", { ...off, workload: "StatefulSet" });
    child("Service/kes-headless", { ...off, monitoring: { serviceMonitor: { enabled: true } } });
  });

  test("the endpoint", () => {
    assert.equal(endpointOf(declaredServer()), "https://kes.kes-system.svc:7373");
    const other = declaredServer({ service: { ...service, port: 443 } }, "keys");
    assert.equal(endpointOf(other), "https://keys.kes-system.svc:443");
    assert.equal(endpointOf(declaredServer({ mode: "Sidecar" })), "https://127.0.0.1:7373");
  });
});

describe("the autoscaler", () => {
  test("goes by CPU unless told otherwise", () => {
    assert.deepEqual(scaled({ targetCPUUtilizationPercentage: 60 }).spec, {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "kes" },
      minReplicas: 2,
      maxReplicas: 9,
      metrics: [
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 60 } } },
      ],
    });
  });

  test("passes metrics and behaviour on, and scales a StatefulSet as well", () => {
    const metrics = [{ type: "Pods" }];
    const behavior = { scaleDown: { stabilizationWindowSeconds: 600 } };
    const { spec } = scaled({ metrics, behavior }, { workload: "StatefulSet" });
    assert.deepEqual([spec.metrics, spec.behavior], [metrics, behavior]);
    assert.equal(spec.scaleTargetRef.kind, "StatefulSet");
  });
});

test("a disruption budget never holds up pods that do not serve anyway", () => {
  const { spec } = child("PodDisruptionBudget/kes", {
    keystore: vault,
    podDisruptionBudget: { enabled: true, maxUnavailable: "25%" },
  });
  assert.deepEqual(spec, {
    maxUnavailable: "25%",
    selector: { matchLabels: { "app.kubernetes.io/instance": "kes", "app.kubernetes.io/name": "kes" } },
    unhealthyPodEvictionPolicy: "AlwaysAllow",
  });
  const byAutoscaler = { keystore: vault, autoscaling: { minReplicas: 1, maxReplicas: 2 } };
  assert.equal(child("PodDisruptionBudget/kes", byAutoscaler).spec.maxUnavailable, 1);
});

describe("the NetworkPolicy", () => {
  const operator = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kes-operator" } } };
  const ops = (...from: object[]): object => ({ from: [operator, ...from], ports: [{ port: "ops", protocol: "TCP" }] });
  const peer = { podSelector: { matchLabels: { a: "b" } } };
  const policies: readonly [string, object, object][] = [
    [
      "lets the cluster in unless told whom, and everything out",
      {},
      { policyTypes: ["Ingress"], ingress: [api({ namespaceSelector: {} }), ops()] },
    ],
    [
      "lets in whom it is told, and who reads metrics",
      { allowFrom: [peer], allowOpsFrom: [peer] },
      { policyTypes: ["Ingress"], ingress: [api(peer), ops(peer)] },
    ],
    // An empty `from` would let everybody in.
    ["lets nobody in when told so", { allowFrom: [] }, { policyTypes: ["Ingress"], ingress: [ops()] }],
    [
      "lets out where it is told",
      { egress: [{ to: [peer] }] },
      {
        policyTypes: ["Ingress", "Egress"],
        ingress: [api({ namespaceSelector: {} }), ops()],
        egress: [{ to: [peer] }],
      },
    ],
    [
      "lets nothing out when told so",
      { egress: [] },
      { policyTypes: ["Ingress", "Egress"], ingress: [api({ namespaceSelector: {} }), ops()], egress: [] },
    ],
  ];
  for (const [title, networkPolicy, expected] of policies) {
    test(title, () => {
      const { spec } = child("NetworkPolicy/kes", { networkPolicy: { enabled: true, ...networkPolicy } });
      const { podSelector, ...rest } = spec;
      assert.deepEqual(podSelector, { matchLabels: { ...selectorOf(declaredServer()) } });
      assert.deepEqual(rest, expected);
    });
  }
});

describe("certificates", () => {
  test("the CA is made once, for ten years, and keeps its key", () => {
    assert.deepEqual(child("Issuer/kes-selfsigned").spec, { selfSigned: {} });
    assert.deepEqual(child("Issuer/kes-ca").spec, { ca: { secretName: "kes-ca" } });
    assert.deepEqual(child("Certificate/kes-ca").spec, {
      isCA: true,
      commonName: "KES kes-system/kes",
      secretName: "kes-ca",
      duration: "87600h",
      renewBefore: "17520h",
      privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Never" },
      usages: ["cert sign", "crl sign", "digital signature"],
      revisionHistoryLimit: 2,
      issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "kes-selfsigned" },
    });
  });

  test("the server's has every name it is reached by, and nothing left to a release of cert-manager", () => {
    assert.deepEqual(certificate(), {
      commonName: "kes.kes-system.svc",
      dnsNames: [
        "kes.kes-system.svc",
        "kes.kes-system.svc.cluster.local",
        "kes-headless.kes-system.svc",
        "kes-headless.kes-system.svc.cluster.local",
        "*.kes-headless.kes-system.svc",
        "*.kes-headless.kes-system.svc.cluster.local",
        "kes.kes-system",
        "kes",
      ],
      secretName: "kes-server-tls",
      duration: "2160h",
      renewBefore: "720h",
      privateKey: { algorithm: "ECDSA", size: 256, encoding: "PKCS8", rotationPolicy: "Always" },
      usages: ["digital signature", "key encipherment", "server auth"],
      revisionHistoryLimit: 2,
      issuerRef: { group: "cert-manager.io", kind: "Issuer", name: "kes-ca" },
    });
  });

  test("an issuer of the user's is asked for full names only, and for what the user adds, once", () => {
    const found = certificate(
      {
        issuerRef: { name: "corporate", kind: "AWSPCAIssuer", group: "awspca.cert-manager.io" },
        dnsNames: ["kes.example.io", "kes.kes-system.svc"],
        ipAddresses: ["10.0.0.1", "10.0.0.1"],
        duration: "24h",
        renewBefore: "8h",
        privateKey: { algorithm: "RSA", size: 2048, rotationPolicy: "Never" },
      },
      { service: { ...service, headless: false } },
    );
    assert.deepEqual(found.dnsNames, ["kes.kes-system.svc", "kes.kes-system.svc.cluster.local", "kes.example.io"]);
    assert.deepEqual(found.ipAddresses, ["10.0.0.1"]);
    assert.deepEqual(found.issuerRef, {
      name: "corporate",
      kind: "AWSPCAIssuer",
      group: "awspca.cert-manager.io",
    });
    assert.deepEqual([found.duration, found.renewBefore], ["24h", "8h"]);
    assert.deepEqual(found.privateKey, { algorithm: "RSA", size: 2048, encoding: "PKCS8", rotationPolicy: "Never" });
  });

  test("Ed25519 has no size", () => {
    const { privateKey } = certificate({ privateKey: { algorithm: "Ed25519" } });
    assert.deepEqual(privateKey, { algorithm: "Ed25519", encoding: "PKCS8", rotationPolicy: "Always" });
  });

  test("a sidecar's is for the host it runs on", () => {
    const found = certificate({ dnsNames: ["minio-0"] }, { mode: "Sidecar" });
    assert.deepEqual(found.dnsNames, ["localhost", "minio-0"]);
    assert.deepEqual(found.ipAddresses, ["127.0.0.1", "::1"]);
  });

  test("a common name that is too long is left out", () => {
    const name = "a-name-of-fifty-two-characters-is-as-long-as-it-gets";
    const server = { ...declaredServer({}, name), metadata: { name, namespace: "a-long-namespace" } };
    const { objects } = planServer(observed(server));
    const found: Json = objects.find(({ object }) => object.metadata.name === `${name}-server`)?.object;
    assert.equal(found.spec.commonName, undefined);
    assert.equal(found.spec.dnsNames[0], `${name}.a-long-namespace.svc`);
    const ca: Json = objects.find(({ object }) => object.kind === "Certificate")?.object;
    assert.equal(ca.spec.commonName.length, 64);
  });

  test("another cluster domain", () => {
    const { spec } = child("Certificate/kes-server", {}, { settings: { ...settings, clusterDomain: "corp.example" } });
    assert.ok(itemsOf(spec.dnsNames).includes("kes.kes-system.svc.corp.example"));
  });
});

describe("the volume of an fs key store", () => {
  test("outlives the server unless asked not to", () => {
    const kept = child("PersistentVolumeClaim/kes-keys", fs({}));
    assert.equal(kept.metadata.ownerReferences, undefined);
    const deleted = child("PersistentVolumeClaim/kes-keys", fs({ reclaimPolicy: "Delete" }));
    assert.equal(deleted.metadata.ownerReferences.length, 1);
    assert.notEqual(
      kept.metadata.annotations["kes-operator.io/applied-hash"],
      deleted.metadata.annotations["kes-operator.io/applied-hash"],
    );
  });

  test("is as declared", () => {
    const { spec } = child(
      "PersistentVolumeClaim/kes-keys",
      fs({ storageClassName: "fast", accessModes: ["ReadWriteMany"] }),
    );
    assert.deepEqual(spec, {
      accessModes: ["ReadWriteMany"],
      storageClassName: "fast",
      resources: { requests: { storage: "1Gi" } },
    });
  });
});

describe("the right to read policies", () => {
  test("is for one ConfigMap, and for the account of the pods", () => {
    assert.deepEqual(child("Role/kes-bundle-reader").rules, [
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["kes-bundle"], verbs: ["get", "list", "watch"] },
    ]);
    const binding = child("RoleBinding/kes-bundle-reader", { serviceAccount: { name: "keys" } });
    assert.deepEqual(binding.roleRef, {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "Role",
      name: "kes-bundle-reader",
    });
    assert.deepEqual(binding.subjects, [{ kind: "ServiceAccount", name: "keys", namespace: "kes-system" }]);
  });

  test("beside MinIO it is for the accounts that are named", () => {
    const { subjects } = child("RoleBinding/kes-bundle-reader", {
      mode: "Sidecar",
      sidecar: { serviceAccountNames: ["minio", "backup"] },
    });
    assert.deepEqual(
      itemsOf(subjects).map(({ name }: Json) => name),
      ["minio", "backup"],
    );
  });

  test("the account has the user's annotations and no token lies about", () => {
    const role = { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/kes" };
    const account = child("ServiceAccount/kes", { serviceAccount: { annotations: role } });
    assert.equal(account.metadata.annotations["eks.amazonaws.com/role-arn"], role["eks.amazonaws.com/role-arn"]);
    assert.equal(account.automountServiceAccountToken, false);
  });
});

test("a ServiceMonitor finds the ops port", () => {
  const { spec, metadata } = child("ServiceMonitor/kes", {
    monitoring: { serviceMonitor: { enabled: true, interval: "15s", labels: { release: "p" } } },
  });
  assert.equal(metadata.labels.release, "p");
  assert.deepEqual(spec.endpoints, [{ port: "ops", path: "/metrics", scheme: "http", interval: "15s" }]);
});

test("a bundle beyond 900 KiB is packed", () => {
  const text = JSON.stringify({ filler: "x".repeat(1_000_000) });
  const map = child("ConfigMap/kes-bundle", {}, { bundle: { revision: "r", text } });
  assert.equal(map.data, undefined);
  assert.deepEqual(Object.keys(map.binaryData), ["bundle.json"]);
});

test("the CA is published as it is known", () => {
  assert.deepEqual(child("ConfigMap/kes-ca", {}, { caPem: "PEM\n" }).data, { "ca.crt": "PEM\n" });
});

describe("labels", () => {
  const versions: readonly [string, string | undefined][] = [
    ["registry.example.io:5000/kes/server:0.1.0", "0.1.0"],
    ["registry.example.io:5000/kes/server", undefined],
    [`kes:1.2@sha256:${"0".repeat(64)}`, "1.2"],
    [`kes@sha256:${"0".repeat(64)}`, undefined],
    [`kes:${"a".repeat(64)}`, undefined],
    ["kes:trailing-", undefined],
  ];
  for (const [image, version] of versions) {
    test(`${image.slice(0, 60)} is version ${version}`, () => {
      const labels = labelsOf({ server: declaredServer(), image });
      assert.equal(labels["app.kubernetes.io/version"], version);
    });
  }

  test("the selector is part of them and knows nothing that changes", () => {
    const server = declaredServer();
    assert.deepEqual(selectorOf(server), { "app.kubernetes.io/name": "kes", "app.kubernetes.io/instance": "kes" });
    assert.deepEqual(
      { ...labelsOf({ server, image: "kes" }), ...selectorOf(server) },
      labelsOf({ server, image: "kes" }),
    );
  });
});

describe("amounts are spelled as the API server stores them", () => {
  const amounts: readonly [number | string, string][] = [
    [0, "0"],
    [1, "1"],
    [0.25, "250m"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["2000k", "2M"],
    ["128Mi", "128Mi"],
    ["1024Mi", "1Gi"],
    ["0.5Gi", "512Mi"],
    ["0.1Ki", "102400m"],
    [1024, "1024"],
    ["1e3", "1e3"],
    ["007", "007"],
    ["much", "much"],
  ];
  for (const [written, stored] of amounts) {
    test(`${written} is ${stored}`, () => {
      assert.equal(canonicalQuantity(written), stored);
    });
  }

  test("in pods and volumes", () => {
    const resources = { requests: { cpu: 0.5, memory: "1024Mi" }, limits: {} };
    const { spec } = child("Deployment/kes", { resources }).spec.template;
    assert.deepEqual(spec.containers[0].resources, { requests: { cpu: "500m", memory: "1Gi" } });
    const claim = child("PersistentVolumeClaim/kes-keys", fs({ size: "0.5Gi" }));
    assert.equal(claim.spec.resources.requests.storage, "512Mi");
  });
});

test("names that are DNS labels stay within 63 characters for the longest name of a server", () => {
  const names = childNames("a".repeat(52));
  assert.ok(names.headless.length <= 63);
  assert.equal(new Set(Object.values(names)).size, Object.keys(names).length - 1, "ca is the issuer's name as well");
});

describe("the text for pods of one's own", () => {
  const spec = { mode: "Sidecar", keystore: vault, extraVolumes: [{ name: "v", emptyDir: {} }] };
  const texts = (more: Declared = {}, fallbackEndpoint?: string): Readonly<Record<string, string>> =>
    child("ConfigMap/kes-sidecar", { ...spec, ...more }, { fallbackEndpoint }).data;

  test("a native sidecar: starts first, ends last, and MinIO does not wait for the key store", () => {
    const pod = parse(texts()["native-sidecar.yaml"] ?? "");
    assert.deepEqual(pod.metadata.labels, { "kes-operator.io/sidecar-of": "kes" });
    const [container] = pod.spec.initContainers;
    assert.equal(container.restartPolicy, "Always");
    assert.equal(container.startupProbe.httpGet.port, "kes-ops");
    assert.equal(container.readinessProbe, undefined);
    assert.deepEqual(container.ports, [{ name: "kes-ops", containerPort: 8081, protocol: "TCP" }]);
    assert.deepEqual(
      itemsOf(pod.spec.volumes).map(({ name }: Json) => name),
      ["kes-config", "kes-bundle", "kes-tls", "kes-vault-token", "v"],
    );
  });

  test("a Tenant: the same container, without what its schema does not have", () => {
    const { sideCars } = parse(texts()["tenant.yaml"] ?? "").spec;
    const native = parse(texts()["native-sidecar.yaml"] ?? "").spec;
    const { restartPolicy, ...container } = native.initContainers[0];
    assert.equal(restartPolicy, "Always");
    assert.deepEqual(sideCars, { containers: [container], volumes: native.volumes });
  });

  test("says where MinIO finds it, and whom it asks next", () => {
    assert.match(texts()["native-sidecar.yaml"] ?? "", /MINIO_KMS_KES_ENDPOINT=https:\/\/127\.0\.0\.1:7373\n/);
    const both = texts({}, "https://kes.kes-system.svc:7373")["tenant.yaml"] ?? "";
    assert.match(both, /=https:\/\/127\.0\.0\.1:7373,https:\/\/kes\.kes-system\.svc:7373\n/);
  });
});
