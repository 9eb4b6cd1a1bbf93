// The condition Accepted of a KesServer: what is wrong with it, in words that say what to do.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkServer, referencesOf } from "../../../operator/controllers/kes-server/checks.ts";
import type { CheckInput, ServerChecks } from "../../../operator/controllers/kes-server/checks.ts";
import { declaredServer } from "./declared-server.ts";
import type { Declared } from "./declared-server.ts";
import { variants } from "./variants.ts";

const hash = "3b9aca00d41d8cd98f00b204e9800998ecf8427e3b9aca00d41d8cd98f00b204";
const vault = { vault: { endpoint: "https://vault:8200", auth: { kubernetes: { role: "kes" } } } };

function check(spec: Declared, changes: Partial<CheckInput> = {}): ServerChecks {
  const server = declaredServer(spec);
  return checkServer({
    server,
    adminHash: undefined,
    certManager: true,
    serviceMonitors: true,
    missing: [],
    ...changes,
  });
}

function warningsOf(spec: Declared, changes: Partial<CheckInput> = {}): string[] {
  return check(spec, changes).warnings.map(({ reason }) => reason);
}

function references(spec: Declared): string[] {
  return referencesOf(declaredServer(spec)).map(({ field, resource, name, key }) => {
    return `${field}: ${resource.kind} ${name}${key === undefined ? "" : ` ${key}`}`;
  });
}

test("every shape that is of use is accepted", () => {
  for (const { title, name, spec } of variants) {
    const server = declaredServer(spec, name);
    const { accepted } = checkServer({
      server,
      adminHash: hash.replace("3", "4"),
      certManager: true,
      serviceMonitors: true,
      missing: [],
    });
    assert.deepEqual([accepted.status, accepted.reason], ["True", "Accepted"], `${title}: ${accepted.message}`);
  }
});

describe("what cannot work", () => {
  const cases: readonly [string, Declared, string][] = [
    [
      "an address that is none",
      { tls: { certManager: { ipAddresses: ["10.0.0.1", "10.0.0.300"] } } },
      'spec.tls.certManager.ipAddresses: "10.0.0.300" is no IP address; correct it',
    ],
    [
      "a name with too long a part",
      { tls: { certManager: { dnsNames: [`${"a".repeat(64)}.example.io`] } } },
      `spec.tls.certManager.dnsNames: "${"a".repeat(64)}.example.io" has a part of more than 63 characters; correct it`,
    ],
    [
      "an admin that is also a proxy",
      { tls: { proxy: { identities: [hash] } } },
      "spec.tls.proxy.identities: one of them is the admin; an identity has one role, so remove it from one place",
    ],
    [
      "a volume of ours",
      { extraVolumes: [{ name: "kes-tls", emptyDir: {} }] },
      'spec.extraVolumes: the volume "kes-tls" is there already; choose another name',
    ],
    [
      "a volume twice",
      {
        extraVolumes: [
          { name: "v", emptyDir: {} },
          { name: "v", emptyDir: {} },
        ],
      },
      'spec.extraVolumes: the volume "v" is there already; choose another name',
    ],
    [
      "a place of ours",
      { extraVolumeMounts: [{ name: "v", mountPath: "/etc/kes/tls" }] },
      "spec.extraVolumeMounts: something is mounted at /etc/kes/tls already; choose another path",
    ],
    [
      "keys in a place of ours",
      { keystore: { fs: { existingClaim: "k", path: "/etc/kes/config" } } },
      "spec.extraVolumeMounts: something is mounted at /etc/kes/config already; choose another path",
    ],
    [
      "a variable twice",
      {
        env: [
          { name: "A", value: "x" },
          { name: "A", value: "y" },
        ],
      },
      "spec.env: the variable A is set already; remove it",
    ],
    [
      "a fallback on itself",
      { mode: "Sidecar", sidecar: { fallbackServerRef: { name: "kes" } } },
      "spec.sidecar.fallbackServerRef: this is the server itself; name another one, or remove it",
    ],
  ];
  for (const [title, spec, message] of cases) {
    test(title, () => {
      assert.deepEqual(check(spec, { adminHash: hash }).accepted, { status: "False", reason: "InvalidSpec", message });
    });
  }

  test("all of it is told at once", () => {
    const spec = { tls: { certManager: { ipAddresses: ["x"] } }, extraVolumes: [{ name: "kes-tls", emptyDir: {} }] };
    const { message } = check(spec).accepted;
    assert.match(message, /ipAddresses.*; spec\.extraVolumes/);
  });

  test("an admin elsewhere is nobody's business", () => {
    const spec = { tls: { proxy: { identities: [hash] } } };
    assert.equal(check(spec, { adminHash: "0".repeat(64) }).accepted.status, "True");
    assert.equal(check(spec).accepted.status, "True");
  });
});

describe("cert-manager", () => {
  test("is missed where the certificate is to come from it", () => {
    const { accepted } = check({}, { certManager: false });
    assert.deepEqual([accepted.status, accepted.reason], ["False", "CertManagerNotInstalled"]);
    assert.match(accepted.message, /install it, or name a Secret/);
  });

  test("is waited for while nobody knows", () => {
    assert.equal(check({}, { certManager: undefined }).accepted.status, "Unknown");
  });

  test("is not needed for a certificate of the user's", () => {
    assert.equal(check({ tls: { secretName: "mine" } }, { certManager: false }).accepted.status, "True");
  });

  test("is not the first thing to repair when the spec is wrong", () => {
    const spec = { tls: { certManager: { ipAddresses: ["x"] } } };
    assert.equal(check(spec, { certManager: false }).accepted.reason, "InvalidSpec");
  });
});

describe("names that lead nowhere", () => {
  const vaultWith = (ca: object): Declared => ({ keystore: { vault: { ...vault.vault, tls: { ca } } } });
  const cases: readonly [Declared, string[]][] = [
    [{ keystore: vault }, []],
    [{ tls: { secretName: "mine", caBundle: { configMapName: "ca" } } }, ["spec.tls.caBundle: ConfigMap ca ca.crt"]],
    [
      { tls: { clientAuth: "VerifyChain", clientCA: { configMapName: "clients", key: "roots.pem" } } },
      ["spec.tls.clientCA: ConfigMap clients roots.pem"],
    ],
    [{ tls: { clientAuth: "VerifyChain", clientCA: { secretName: "clients" } } }, []],
    [{ tls: { clientCA: { configMapName: "clients" } } }, []],
    [vaultWith({ configMapName: "vault-ca" }), ["spec.keystore.vault.tls.ca: ConfigMap vault-ca ca.crt"]],
    [vaultWith({ secretName: "vault-ca" }), []],
    [
      {
        keystore: {
          keysecure: { endpoint: "https://k", tokenSecretRef: { name: "s", key: "k" }, ca: { configMapName: "c" } },
        },
      },
      ["spec.keystore.keysecure.ca: ConfigMap c ca.crt"],
    ],
    [{ keystore: { fs: { existingClaim: "keys" } } }, ["spec.keystore.fs.existingClaim: PersistentVolumeClaim keys"]],
    [{ serviceAccount: { create: false, name: "keys" } }, ["spec.serviceAccount.name: ServiceAccount keys"]],
    [{ serviceAccount: { create: false } }, ["spec.serviceAccount.name: ServiceAccount kes"]],
    [{ tls: { certManager: { issuerRef: { name: "ca" } } } }, ["spec.tls.certManager.issuerRef: Issuer ca"]],
    [{ tls: { certManager: { issuerRef: { name: "ca", kind: "ClusterIssuer" } } } }, []],
    [{ tls: { certManager: { issuerRef: { name: "ca", group: "awspca.cert-manager.io" } } } }, []],
    [
      { mode: "Sidecar", sidecar: { fallbackServerRef: { name: "central" } } },
      ["spec.sidecar.fallbackServerRef: KesServer central"],
    ],
  ];
  for (const [spec, expected] of cases) {
    test(expected[0] ?? `nothing to look at: ${JSON.stringify(spec).slice(0, 80)}`, () => {
      assert.deepEqual(references(spec), expected);
    });
  }

  test("say what is missing, where, and what to do", () => {
    const spec = { keystore: { vault: { ...vault.vault, tls: { ca: { configMapName: "vault-ca" } } } } };
    const [reference] = referencesOf(declaredServer(spec));
    assert.ok(reference !== undefined);
    assert.deepEqual(check(spec, { missing: [{ reference, what: "object" }] }).accepted, {
      status: "False",
      reason: "RefNotFound",
      message:
        'spec.keystore.vault.tls.ca: there is no ConfigMap "vault-ca" in namespace kes-system; make it, or correct the name',
    });
    assert.deepEqual(check(spec, { missing: [{ reference, what: "key" }] }).accepted, {
      status: "False",
      reason: "RefNotFound",
      message:
        'spec.keystore.vault.tls.ca: ConfigMap "vault-ca" has no entry "ca.crt"; add it, or correct spec.keystore.vault.tls.ca.key',
    });
  });
});

describe("what works, but perhaps not as its author thinks", () => {
  const verify = { clientAuth: "VerifyChain", clientCA: { configMapName: "clients" } };
  const scaled = { autoscaling: { maxReplicas: 3 } };
  const monitored = { monitoring: { serviceMonitor: { enabled: true } } };
  const v1 = { vault: { ...vault.vault, version: "v1" } };
  const cases: readonly [string, Declared, string[], Partial<CheckInput>?][] = [
    ["nothing", { keystore: vault }, []],
    ["keys in memory", { keystore: { memory: {} } }, ["KeysInMemory"]],
    ["creates that a store cannot do safely", { keystore: v1 }, ["CreatesRefused"]],
    ["those that are allowed all the same", { keystore: v1, store: { requireAtomicCreate: false } }, []],
    ["identities that nobody will trust", { keystore: vault, tls: verify }, ["IssuerNotTrusted"]],
    [
      "an issuer for all namespaces",
      { keystore: vault, tls: { ...verify, certManager: { issuerRef: { name: "ca", kind: "ClusterIssuer" } } } },
      [],
    ],
    [
      "an issuer for identities",
      { keystore: vault, tls: { ...verify, certManager: { identityIssuerRef: { name: "ca" } } } },
      [],
    ],
    [
      "an issuer of one namespace",
      { keystore: vault, tls: { ...verify, certManager: { issuerRef: { name: "ca" } } } },
      ["IssuerNotTrusted"],
    ],
    ["an autoscaler that sees", { keystore: vault, ...scaled }, []],
    ["one that does not", { keystore: vault, ...scaled, resources: { limits: { memory: "1Gi" } } }, ["NoCPURequest"]],
    [
      "one that looks elsewhere",
      { keystore: vault, autoscaling: { maxReplicas: 3, metrics: [{ type: "Pods" }] }, resources: {} },
      [],
    ],
    ["monitoring that nobody does", { keystore: vault, ...monitored }, ["APINotInstalled"], { serviceMonitors: false }],
    ["monitoring that somebody does", { keystore: vault, ...monitored }, [], { serviceMonitors: true }],
    ["monitoring of which nobody knows", { keystore: vault, ...monitored }, [], { serviceMonitors: undefined }],
  ];
  for (const [title, spec, reasons, changes] of cases) {
    test(title, () => {
      assert.deepEqual(warningsOf(spec, changes), reasons);
    });
  }
});
