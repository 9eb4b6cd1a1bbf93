// The pods of a server: what they may do, what they mount, how they end, and what makes new ones of them.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Observed } from "../../../operator/controllers/kes-server/objects/observed.ts";
import { planServer } from "../../../operator/controllers/kes-server/plan.ts";
import { declaredServer, itemsOf, observed, settings, templateOf } from "./declared-server.ts";
import type { Declared, Json } from "./declared-server.ts";
import { variants } from "./variants.ts";

const hash = "3b9aca00d41d8cd98f00b204e9800998ecf8427e3b9aca00d41d8cd98f00b204";
const vault = { vault: { endpoint: "https://vault:8200", auth: { kubernetes: { role: "kes" } } } };

interface Mount {
  readonly name: string;
  readonly readOnly?: boolean;
  readonly subPath?: string;
}

function containerOf(spec: Declared = {}): Json {
  return templateOf(spec).spec.containers[0];
}

function volume(spec: Declared, name: string): Json {
  return itemsOf(templateOf(spec).spec.volumes).find((each) => each.name === name);
}

function groupOf(keystore: object, openshift: boolean): unknown {
  return templateOf({ keystore }, { settings: { ...settings, openshift } }).spec.securityContext.fsGroup;
}

function drainOf(terminationGracePeriodSeconds: number): unknown {
  return containerOf({ terminationGracePeriodSeconds }).lifecycle.preStop.sleep.seconds;
}

describe("the pod", () => {
  test("fulfils the restricted standard, with no token but those it needs", () => {
    const { spec } = templateOf({ keystore: vault });
    assert.equal(spec.automountServiceAccountToken, false);
    assert.deepEqual(spec.securityContext, { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    assert.deepEqual(spec.containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
  });

  test("gets a group only where a volume needs it, and none where the platform gives it", () => {
    const fs = { fs: { volumeClaim: { size: "1Gi" } } };
    assert.deepEqual([groupOf(vault, false), groupOf(fs, false), groupOf(fs, true)], [undefined, 65_532, undefined]);
  });

  test("the user's security contexts replace the operator's as a whole", () => {
    const result = templateOf({ podSecurityContext: { runAsUser: 1000 }, securityContext: { runAsNonRoot: true } });
    const { spec } = result;
    assert.deepEqual(spec.securityContext, { runAsUser: 1000 });
    assert.deepEqual(spec.containers[0].securityContext, { runAsNonRoot: true });
  });

  test("waits for policies and for cert-manager's certificate, and for nothing of the user's", () => {
    const spec = {
      tls: { clientAuth: "VerifyChain", clientCA: { configMapName: "clients", key: "roots.pem" } },
      keystore: {
        vault: {
          endpoint: "https://vault:8200",
          auth: { cert: {} },
          tls: { ca: { secretName: "vault-ca" }, clientCertSecretName: "client" },
        },
      },
    };
    assert.deepEqual(volume(spec, "kes-bundle"), { name: "kes-bundle", configMap: { name: "kes-bundle" } });
    assert.deepEqual(volume(spec, "kes-tls"), { name: "kes-tls", secret: { secretName: "kes-server-tls" } });
    const own = volume({ tls: { secretName: "mine" } }, "kes-tls");
    assert.deepEqual(own, { name: "kes-tls", secret: { secretName: "mine", optional: true } });
    const ca = { name: "clients", items: [{ key: "roots.pem", path: "ca.crt" }], optional: true };
    assert.deepEqual(volume(spec, "kes-client-ca"), { name: "kes-client-ca", configMap: ca });
    assert.equal(volume(spec, "kes-keystore-ca").secret.optional, true);
    assert.equal(volume(spec, "kes-keystore-tls").secret.optional, true);
    const wrapped = { keystore: { fs: { existingClaim: "k", encryption: { secretRef: { name: "w" } } } } };
    assert.equal(volume(wrapped, "kes-wrapping-keys").secret.optional, true);
    assert.equal(containerOf(spec).terminationMessagePolicy, "FallbackToLogsOnError");
  });

  test("has a token for the API only if it watches, and one for Vault alone", () => {
    const watching = volume({}, "kes-api-token").projected.sources;
    assert.deepEqual(Object.keys(watching[0]), ["serviceAccountToken"]);
    assert.equal(watching[0].serviceAccountToken.audience, undefined);
    assert.equal(volume({ propagation: { watch: false } }, "kes-api-token"), undefined);
    const login = { kubernetes: { role: "kes", audience: "vault", tokenExpirationSeconds: 600 } };
    const spec = { keystore: { vault: { endpoint: "https://vault:8200", auth: login } } };
    assert.deepEqual(volume(spec, "kes-vault-token").projected.sources, [
      { serviceAccountToken: { audience: "vault", expirationSeconds: 600, path: "token" } },
    ]);
  });

  test("never mounts a subPath, which is never refreshed, and writes only to the store", () => {
    for (const { spec, name } of variants.filter((each) => each.spec["mode"] === undefined)) {
      const server = declaredServer(spec, name);
      const { objects } = planServer(observed(server));
      const workload: Json = objects.find(({ object }) => /^(Deployment|StatefulSet)$/.test(object.kind))?.object;
      const mounts: readonly Mount[] = workload.spec.template.spec.containers[0].volumeMounts;
      const own = mounts.filter((mount) => mount.name.startsWith("kes-"));
      for (const mount of own) {
        assert.equal(mount.subPath, undefined);
        assert.equal(mount.readOnly ?? false, mount.name !== "kes-keystore");
      }
    }
  });

  test("credentials are files that may be missing and are replaced under a running server", () => {
    const auth = { appRole: { roleID: "r", secretIDSecretRef: { name: "s", key: "k" } } };
    const template = templateOf({ keystore: { vault: { endpoint: "https://vault:8200", auth } } });
    const volume = itemsOf(template.spec.volumes).find(({ name }) => name === "kes-credentials");
    const items = [{ key: "k", path: "secret-id" }];
    assert.deepEqual(volume.projected.sources, [{ secret: { name: "s", items, optional: true } }]);
    const mount = itemsOf(template.spec.containers[0].volumeMounts).find(({ name }) => name === "kes-credentials");
    assert.deepEqual(mount, { name: "kes-credentials", mountPath: "/etc/kes/credentials", readOnly: true });
    assert.equal(template.spec.containers[0].env, undefined);
  });

  test("goes on serving while endpoints are removed, within its time to stop", () => {
    assert.deepEqual([drainOf(5), drainOf(10), drainOf(600)], [2, 5, 5]);
  });

  test("is probed on the ops port, and never for the store's sake", () => {
    const { startupProbe, readinessProbe, livenessProbe, ports } = containerOf({ ops: { port: 9090 } });
    const paths = [startupProbe, readinessProbe, livenessProbe].map(({ httpGet }: Json) => httpGet);
    assert.deepEqual(paths, [
      { path: "/startupz", port: "ops" },
      { path: "/readyz", port: "ops" },
      { path: "/livez", port: "ops" },
    ]);
    assert.deepEqual(
      itemsOf(ports).map(({ name, containerPort }: Json) => [name, containerPort]),
      [
        ["https", 7373],
        ["ops", 9090],
      ],
    );
  });

  test("the user's labels, variables and volumes come with it, the operator's labels win", () => {
    const result = templateOf({
      podMetadata: { labels: { team: "x", "app.kubernetes.io/name": "mine" }, annotations: { note: "y" } },
      env: [{ name: "A", value: "b" }],
      extraVolumes: [{ name: "v", emptyDir: {} }],
      extraVolumeMounts: [{ name: "v", mountPath: "/v" }],
      image: { pullPolicy: "Always" },
    });
    const { metadata, spec } = result;
    assert.equal(metadata.labels.team, "x");
    assert.equal(metadata.labels["app.kubernetes.io/name"], "kes");
    assert.equal(metadata.annotations.note, "y");
    assert.deepEqual(spec.containers[0].env, [{ name: "A", value: "b" }]);
    assert.deepEqual(itemsOf(spec.volumes).at(-1), { name: "v", emptyDir: {} });
    assert.deepEqual(itemsOf(spec.containers[0].volumeMounts).at(-1), { name: "v", mountPath: "/v" });
    assert.equal(spec.containers[0].imagePullPolicy, "Always");
  });

  test("spread constraints get the selector that nobody writes, unless somebody does", () => {
    const constraint = { maxSkew: 2, topologyKey: "rack", whenUnsatisfiable: "DoNotSchedule" };
    const own = { matchLabels: { mine: "1" } };
    const result = templateOf({ topologySpreadConstraints: [constraint, { ...constraint, labelSelector: own }] });
    const found = result.spec.topologySpreadConstraints;
    const matchLabels = { "app.kubernetes.io/instance": "kes", "app.kubernetes.io/name": "kes" };
    assert.deepEqual(found, [
      { ...constraint, labelSelector: { matchLabels } },
      { ...constraint, labelSelector: own },
    ]);
  });
});

describe("what restarts the pods", () => {
  const base = { keystore: vault };
  const live: readonly [string, Declared][] = [
    ["cache", { cache: { expiry: { any: "10m" } } }],
    ["log", { log: { level: "debug", audit: false } }],
    ["keys", { keys: [{ name: "a" }] }],
    ["routes", { api: { routes: [{ path: "/v1/api", skipAuth: true }] } }],
    ["store", { store: { warmup: true } }],
    ["proxies", { tls: { proxy: { identities: [hash] } } }],
    ["replicas", { replicas: 5 }],
    ["the Service", { service: { type: "NodePort", port: 443, headless: true } }],
  ];
  for (const [title, spec] of live) {
    test(`${title}: nothing, running servers take it over`, () => {
      assert.deepEqual(templateOf({ ...base, ...spec }), templateOf(base));
    });
  }

  test("policies, a new CA and a new operator with other flags of its own: nothing", () => {
    const changes = { bundle: undefined, caPem: undefined, settings: { ...settings, operatorNamespace: "elsewhere" } };
    assert.deepEqual(templateOf(base, changes), templateOf(base));
  });

  test("the first key in a new volume: nothing, although an empty volume is refused from then on", () => {
    const spec = { keystore: { fs: { volumeClaim: { size: "1Gi" } } } };
    assert.deepEqual(templateOf(spec, { storeUsed: true }), templateOf(spec, { storeUsed: false }));
  });

  const structural: readonly [string, Declared, Partial<Observed>?][] = [
    ["the store's endpoint", { keystore: { vault: { ...vault.vault, endpoint: "https://other:8200" } } }],
    ["the store's kind", { keystore: { memory: {} } }],
    ["the ops port", { ...base, ops: { port: 9090 } }],
    ["how policies arrive", { ...base, propagation: { watch: false } }],
    ["for how long they count", { ...base, propagation: { maxStaleness: "10m" } }],
    ["the image", base, { image: "registry.example.io/kes/server:0.2.0" }],
    ["resources", { ...base, resources: { limits: { memory: "1Gi" } } }],
  ];
  for (const [title, spec, changes] of structural) {
    test(`${title}: all of them, one by one`, () => {
      assert.notDeepEqual(templateOf(spec, changes), templateOf(base));
    });
  }
});
