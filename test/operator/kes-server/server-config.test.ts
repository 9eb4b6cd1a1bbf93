// The configuration file that is written for a server, as the server itself reads it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KesServer } from "../../../operator/api/generated.ts";
import type { Observed } from "../../../operator/controllers/kes-server/objects/observed.ts";
import { planServer } from "../../../operator/controllers/kes-server/plan.ts";
import type { Plan } from "../../../operator/controllers/kes-server/plan.ts";
import { loadConfig } from "../../../sidecar/config/load.ts";
import type { Config } from "../../../sidecar/contract/config.ts";
import { declaredServer, objectIn, observed, settings } from "./declared-server.ts";
import type { Declared } from "./declared-server.ts";
import { variants } from "./variants.ts";

const hash = "3b9aca00d41d8cd98f00b204e9800998ecf8427e3b9aca00d41d8cd98f00b204";
const vault = { vault: { endpoint: "https://vault:8200", auth: { kubernetes: { role: "kes" } } } };

/** As the server reads it, with the variables that its container has. */
function configOf(server: KesServer, result: Plan): { config: Config; notes: readonly string[] } {
  const { name } = server.metadata;
  const text: string = objectIn(result, `ConfigMap/${name}-config`).data["config.yaml"];
  const names = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, variable]) => variable);
  const cluster = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
  const env = { ...Object.fromEntries(names.map((variable) => [variable, `value of ${variable}`])), ...cluster };
  const { config, notes } = loadConfig({ text, path: "/etc/kes/config/config.yaml", env });
  return { config, notes: notes.map(({ message }) => message) };
}

function configFor(spec: Declared, changes: Partial<Observed> = {}): Config {
  const server = declaredServer(spec);
  return configOf(server, planServer(observed(server, changes))).config;
}

describe("every shape of a KesServer", () => {
  for (const { title, name, spec } of variants) {
    test(`${title}: the server takes its configuration and finds nothing to remark`, () => {
      const server = declaredServer(spec, name);
      const { notes } = configOf(server, planServer(observed(server)));
      assert.equal(notes.length, 1, `only the note on the era: ${notes.join("; ")}`);
    });
  }
});

describe("the configuration of the key store", () => {
  const files = "/etc/kes";
  const cases: readonly [string, object, object][] = [
    ["memory", { memory: {} }, { type: "memory" }],
    [
      "a volume of its own may be empty at first",
      { fs: { volumeClaim: { size: "1Gi" } } },
      { type: "fs", path: "/var/lib/kes/keys", init: true, encryption: [] },
    ],
    [
      "somebody's volume may not, and wrapping keys keep their order",
      { fs: { existingClaim: "keys", path: "/k", encryption: { secretRef: { name: "w", keys: ["b", "a"] } } } },
      {
        type: "fs",
        path: "/k",
        init: false,
        encryption: [{ file: `${files}/wrapping-keys/b` }, { file: `${files}/wrapping-keys/a` }],
      },
    ],
    [
      "Vault by AppRole",
      {
        vault: {
          endpoint: "https://vault:8200",
          engine: "keys",
          version: "v1",
          namespace: "team",
          prefix: "kes/prod",
          transit: { engine: "wrap", key: "kes", mode: "wrap" },
          auth: {
            appRole: {
              mountPath: "roles",
              namespace: "/",
              roleIDSecretRef: { name: "s", key: "id" },
              secretIDSecretRef: { name: "s", key: "secret" },
            },
          },
          tls: { ca: { configMapName: "ca" }, clientCertSecretName: "client" },
        },
      },
      {
        type: "vault",
        endpoint: "https://vault:8200",
        engine: "keys",
        version: "v1",
        namespace: "team",
        prefix: "kes/prod",
        login: {
          method: "approle",
          engine: "roles",
          namespace: undefined,
          id: { file: `${files}/credentials/role-id` },
          secret: { file: `${files}/credentials/secret-id` },
        },
        transit: { engine: "wrap", key: "kes", mode: "wrap" },
        tls: {
          client: { key: `${files}/keystore-tls/tls.key`, cert: `${files}/keystore-tls/tls.crt` },
          ca: `${files}/keystore-ca/ca.crt`,
        },
      },
    ],
    [
      "Vault by Kubernetes, v2 unless told otherwise",
      vault,
      {
        type: "vault",
        endpoint: "https://vault:8200",
        engine: "kv",
        version: "v2",
        namespace: undefined,
        prefix: "",
        login: {
          method: "kubernetes",
          engine: "kubernetes",
          namespace: undefined,
          role: "kes",
          jwt: { file: "/var/run/secrets/vault/token" },
        },
        transit: undefined,
        tls: { client: undefined, ca: undefined },
      },
    ],
    [
      "AWS",
      {
        aws: {
          region: "eu-central-1",
          endpoint: "https://secrets.example.io",
          kmsKey: "alias/kes",
          prefix: "kes/",
          tags: { a: "b" },
          credentialsSecret: { name: "aws" },
        },
      },
      {
        type: "aws",
        endpoint: "https://secrets.example.io",
        region: "eu-central-1",
        kmsKey: "alias/kes",
        credentials: {
          accessKey: { file: `${files}/credentials/access-key` },
          secretKey: { file: `${files}/credentials/secret-key` },
          sessionToken: undefined,
        },
        prefix: "kes/",
        tags: new Map([["a", "b"]]),
      },
    ],
    [
      "KeySecure",
      {
        keysecure: {
          endpoint: "https://keysecure.example",
          domain: "kes",
          tokenSecretRef: { name: "s", key: "token" },
          ca: { secretName: "ca", key: "root.pem" },
        },
      },
      {
        type: "gemalto",
        endpoint: "https://keysecure.example",
        token: { file: `${files}/credentials/token` },
        domain: "kes",
        ca: `${files}/keystore-ca/ca.crt`,
      },
    ],
  ];
  for (const [title, keystore, expected] of cases) {
    test(title, () => {
      const { keystore: found } = configFor({ keystore });
      assert.deepEqual({ ...found }, expected);
    });
  }

  const tokens: readonly [string, object, string][] = [
    ["Vault's token from a Secret", { secretRef: { name: "s", key: "t" } }, "/etc/kes/keystore-token/token"],
    ["Vault's token from elsewhere", { file: "/vault/secrets/token" }, "/vault/secrets/token"],
  ];
  for (const [title, token, file] of tokens) {
    test(title, () => {
      const { keystore } = configFor({ keystore: { vault: { endpoint: "https://vault:8200", auth: { token } } } });
      assert.ok(keystore.type === "vault");
      assert.deepEqual({ ...keystore.login }, { method: "token", file, namespace: undefined });
    });
  }

  test("once keys were there, an empty volume is a loss", () => {
    const keystore = { fs: { volumeClaim: { size: "1Gi" } } };
    const used = configFor({ keystore }, { storeUsed: true }).keystore;
    assert.ok(used.type === "fs");
    assert.equal(used.init, false);
    const asked = configFor({ keystore: { fs: { ...keystore.fs, init: true } } }, { storeUsed: true }).keystore;
    assert.ok(asked.type === "fs");
    assert.equal(asked.init, true);
  });
});

describe("the rest of the configuration", () => {
  test("defaults", () => {
    const { keystore, ...rest } = configFor({});
    assert.equal(keystore.type, "memory");
    assert.deepEqual(rest, {
      era: "current",
      address: { host: "0.0.0.0", port: 7373 },
      admin: "disabled",
      tls: {
        key: "/etc/kes/tls/tls.key",
        cert: "/etc/kes/tls/tls.crt",
        password: undefined,
        ca: undefined,
        auth: "off",
        proxy: { identities: [], header: undefined },
      },
      policies: new Map(),
      cache: { any: 300_000, unused: 30_000, offline: 0 },
      api: { routes: new Map(), legacy: false, errors: "current" },
      log: { error: 0, audit: 0, errorFile: undefined, auditFile: undefined },
      keys: [],
      store: {
        startup: "wait",
        deleteProtection: { enabled: false, names: [] },
        warmup: false,
        strict: false,
        requireAtomicCreate: true,
      },
      ops: { address: { host: "0.0.0.0", port: 8081 } },
      shutdown: { grace: 15_000 },
      http2: { engine: "own" },
      sync: {
        file: "/etc/kes/bundle/bundle.json",
        configMap: {
          name: "kes-bundle",
          namespace: undefined,
          cluster: {
            host: "10.0.0.1",
            port: 443,
            serviceAccount: "/var/run/secrets/kubernetes.io/serviceaccount",
          },
        },
        maxStaleness: 0,
      },
    });
  });

  test("what is set arrives", () => {
    const config = configFor({
      tls: {
        clientAuth: "VerifyChain",
        clientCA: { configMapName: "clients" },
        proxy: { identities: [hash], header: "X-Cert" },
      },
      keys: [{ name: "b" }, { name: "a" }],
      store: {
        startup: "fail",
        deleteProtection: { enabled: true, names: ["a"] },
        warmup: true,
        strict: true,
        requireAtomicCreate: false,
      },
      cache: { expiry: { any: "10m", unused: "1m", offline: "4h" } },
      log: { level: "error", audit: false },
      api: { routes: [{ path: "/v1/ready", skipAuth: true, timeout: "15s" }] },
      ops: { port: 9090 },
      propagation: { watch: false, maxStaleness: "10m" },
      terminationGracePeriodSeconds: 10,
    });
    assert.equal(config.tls.auth, "on");
    assert.equal(config.tls.ca, "/etc/kes/client-ca/ca.crt");
    assert.deepEqual(config.tls.proxy, { identities: [hash], header: "x-cert" });
    assert.deepEqual(config.keys, ["b", "a"]);
    assert.deepEqual(config.store, {
      startup: "fail",
      deleteProtection: { enabled: true, names: ["a"] },
      warmup: true,
      strict: true,
      requireAtomicCreate: false,
    });
    assert.deepEqual(config.cache, { any: 600_000, unused: 60_000, offline: 14_400_000 });
    assert.deepEqual([config.log.error, config.log.audit], [8, "off"]);
    assert.deepEqual(config.api.routes, new Map([["/v1/ready", { skipAuth: true, timeout: 15_000 }]]));
    assert.deepEqual(config.ops.address, { host: "0.0.0.0", port: 9090 });
    assert.deepEqual([config.sync?.configMap, config.sync?.maxStaleness], [undefined, 600_000]);
    assert.equal(config.shutdown.grace, 3000);
  });

  test("the four levels of the log", () => {
    const levels = ["error", "warn", "info", "debug"].map((level) => configFor({ log: { level } }).log.error);
    assert.deepEqual(levels, [8, 4, 0, -4]);
  });

  test("IPv6 is listened on where it is used", () => {
    const dual = { service: { type: "ClusterIP", port: 7373, headless: true, ipFamilyPolicy: "PreferDualStack" } };
    const ipv6 = { settings: { ...settings, ipv6: true } };
    for (const config of [configFor(dual), configFor({}, ipv6)]) {
      assert.deepEqual(config.address, { host: "::", port: 7373 });
      assert.deepEqual(config.ops.address, { host: "::", port: 8081 });
    }
  });

  test("a sidecar serves the containers beside it; its ops port the kubelet and the operator", () => {
    const sidecar = configFor({ mode: "Sidecar" });
    assert.deepEqual(sidecar.address, { host: "127.0.0.1", port: 7373 });
    assert.deepEqual(sidecar.ops.address, { host: "0.0.0.0", port: 8081 });
    assert.equal(sidecar.sync?.configMap, undefined);
    const watching = configFor({ mode: "Sidecar", sidecar: { serviceAccountNames: ["minio"] } });
    assert.equal(watching.sync?.configMap?.name, "kes-bundle");
  });
});
