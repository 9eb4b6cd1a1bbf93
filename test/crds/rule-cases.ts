// For every CEL rule of the CRDs an object that it accepts and one that it refuses, everything else about the two being in
// order. Rules about edits are in edit-cases.ts.
import { fs, hash, identity, keysecure, least, nested, otherHash, server, vault } from "./specs.ts";
import type { Plural, Spec } from "./specs.ts";

export interface RuleCase {
  readonly plural: Plural;
  /** Where the rule stands in the schema; empty: at the root. */
  readonly at: string;
  readonly message: string;
  readonly accepted: Sample;
  readonly refused: Sample;
}

export interface Sample {
  /** Default: one that is fine. */
  readonly name?: string;
  readonly spec: Spec;
}

type Pair = readonly [accepted: Spec, refused: Spec];

const on =
  (plural: Plural) =>
  (at: string, message: string, [accepted, refused]: Pair): RuleCase => {
    return { plural, at, message, accepted: { spec: accepted }, refused: { spec: refused } };
  };
const ofServer = on("kesservers");
const ofPolicy = on("kespolicies");
const ofIdentity = on("kesidentities");

const names: readonly RuleCase[] = (
  [
    [
      "kesservers",
      "k".repeat(52),
      "k".repeat(53),
      "choose another name: a letter first, then a-z, 0-9 and -, at most 52 characters, since Services are named after it",
    ],
    ["kespolicies", "9".repeat(63), "mini.o", "choose another name: a-z, 0-9 and -, no dots, at most 63 characters"],
    ["kesidentities", "9".repeat(52), "mini.o", "choose another name: a-z, 0-9 and -, no dots, at most 52 characters"],
    ["keskeys", "9".repeat(63), "mini.o", "choose another name: a-z, 0-9 and -, no dots, at most 63 characters"],
  ] as const
).map(([plural, accepted, refused, message]) => {
  const spec = least[plural];
  return { plural, at: "", message, accepted: { name: accepted, spec }, refused: { name: refused, spec } };
});

const onePod =
  "this key store serves one pod: set replicas to 1 and remove autoscaling, or use fs with ReadWriteMany or another key store";
const noWorkload = "in Sidecar mode there is no workload: remove service, autoscaling and podDisruptionBudget";
const oneStore =
  "choose one key store: set exactly one of memory, fs, vault, aws and keysecure; memory has no settings: {}";
const shared = { volumeClaim: { size: "1Gi", accessModes: ["ReadWriteMany"] } };

const servers: readonly RuleCase[] = [
  ofServer("spec", onePod, [server({ replicas: 1 }), server({ replicas: 2 })]),
  ofServer("spec", onePod, [
    { ...vault(), autoscaling: { maxReplicas: 3 } },
    { ...fs(), autoscaling: { maxReplicas: 3 } },
  ]),
  ofServer("spec", onePod, [
    { ...fs(shared), replicas: 3 },
    { ...fs(), replicas: 3 },
  ]),
  ...["service", "podDisruptionBudget"].map((field) =>
    ofServer("spec", noWorkload, [
      { ...vault(), [field]: {} },
      { ...vault(), mode: "Sidecar", [field]: {} },
    ]),
  ),
  ofServer("spec", noWorkload, [
    { ...vault(), autoscaling: { maxReplicas: 3 } },
    { ...vault(), mode: "Sidecar", autoscaling: { maxReplicas: 3 } },
  ]),
  ofServer("spec", "remove sidecar, or set mode: Sidecar", [
    server({ mode: "Sidecar", sidecar: { serviceAccountNames: ["minio"] } }),
    server({ sidecar: { serviceAccountNames: ["minio"] } }),
  ]),
  ofServer("spec.autoscaling", "make maxReplicas at least minReplicas", [
    { ...vault(), autoscaling: { minReplicas: 3, maxReplicas: 3 } },
    { ...vault(), autoscaling: { minReplicas: 3, maxReplicas: 2 } },
  ]),
  ofServer("spec.admin", "name one admin: set either identity or identityRef, or remove admin", [
    server({ admin: { identityRef: { name: "break-glass" } } }),
    server({ admin: { identity: hash, identityRef: { name: "break-glass" } } }),
  ]),
  ofServer("spec.store.deleteProtection", "set enabled: true, or remove the names", [
    server({ store: { deleteProtection: { enabled: true, names: ["minio"] } } }),
    server({ store: { deleteProtection: { names: ["minio"] } } }),
  ]),
  ofServer("spec.cache.expiry", "make unused no longer than any, or any 0s", [
    server({ cache: { expiry: { any: "0s", unused: "10m" } } }),
    server({ cache: { expiry: { any: "5m", unused: "5m1s" } } }),
  ]),
  ofServer("spec.api.routes[].timeout", "make timeout longer than 0s, or remove it", [
    server({ api: { routes: [{ path: "/v1/ready", timeout: "1ms" }] } }),
    server({ api: { routes: [{ path: "/v1/ready", timeout: "0s" }] } }),
  ]),
  ofServer("spec.ops.port", "choose another port: 7373 is the API's", [
    server({ ops: { port: 9090 } }),
    server({ ops: { port: 7373 } }),
  ]),
  ...["labels", "annotations"].map((field) =>
    ofServer(
      `spec.podMetadata.${field}`,
      field === "labels"
        ? "choose other labels: those under kes-operator.io/ and app.kubernetes.io/ are the operator's"
        : "choose other annotations: those under kes-operator.io/ are the operator's",
      [
        server({ podMetadata: { [field]: { team: "storage" } } }),
        server({ podMetadata: { [field]: { "kes-operator.io/server": "x" } } }),
      ],
    ),
  ),
  ofServer(
    "spec.policySelector.matchExpressions[]",
    "give values for In and NotIn, and none for Exists and DoesNotExist",
    [
      server({ policySelector: { matchExpressions: [{ key: "team", operator: "In", values: ["storage"] }] } }),
      server({ policySelector: { matchExpressions: [{ key: "team", operator: "In" }] } }),
    ],
  ),
];

const privateKey = { algorithm: "RSA", size: 3072 };
const certificates: readonly RuleCase[] = [
  ofServer("spec.tls", "choose one source of the certificate: remove either certManager or secretName", [
    server({ tls: { secretName: "tls" } }),
    server({ tls: { secretName: "tls", certManager: {} } }),
  ]),
  ofServer("spec.tls", "VerifyChain needs to know whom to trust: set clientCA", [
    server({ tls: { clientAuth: "VerifyChain", clientCA: { configMapName: "ca" } } }),
    server({ tls: { clientAuth: "VerifyChain" } }),
  ]),
  ...["spec.tls.certManager", "spec.certificate"].flatMap((at) => {
    const isServer = at.startsWith("spec.tls");
    const make = isServer ? ofServer : ofIdentity;
    const spec = (value: Spec): Spec =>
      isServer ? server({ tls: { certManager: value } }) : identity({ certificate: value });
    return [
      make(at, "make duration at least 1h", [
        spec({ duration: "1h", renewBefore: "5m" }),
        spec({ duration: "59m59s", renewBefore: "5m" }),
      ]),
      make(at, "make renewBefore at least 5m and shorter than duration", [
        spec({ duration: "2h", renewBefore: "1h59m" }),
        spec({ duration: "2h", renewBefore: "2h" }),
      ]),
      make(at, "make renewBefore at least 5m and shorter than duration", [
        spec({ renewBefore: "5m" }),
        spec({ renewBefore: "4m59s" }),
      ]),
      make(
        `${at}.privateKey`,
        "choose a size that fits the algorithm: 256, 384 or 521 for ECDSA, 2048 or more for RSA",
        [spec({ privateKey }), spec({ privateKey: { ...privateKey, size: 1024 } })],
      ),
      make(
        `${at}.privateKey`,
        "choose a size that fits the algorithm: 256, 384 or 521 for ECDSA, 2048 or more for RSA",
        [spec({ privateKey: { algorithm: "Ed25519" } }), spec({ privateKey: { size: 512 } })],
      ),
    ];
  }),
  ...[
    ["spec.tls.clientCA", (value: Spec): Spec => server({ tls: { clientCA: value } })] as const,
    ["spec.keystore.vault.tls.ca", (value: Spec): Spec => vault({ tls: { ca: value } })] as const,
    ["spec.keystore.keysecure.ca", (value: Spec): Spec => keysecure({ ca: value })] as const,
  ].map(([at, spec]) =>
    ofServer(at, "name one source of certificates: set either configMapName or secretName", [
      spec({ secretName: "ca", key: "ca.pem" }),
      spec({ secretName: "ca", configMapName: "ca" }),
    ]),
  ),
];

const secretIDSecretRef = { name: "vault", key: "secret-id" };
const stores: readonly RuleCase[] = [
  ofServer("spec.keystore", oneStore, [keysecure(), { keystore: {} }]),
  ofServer("spec.keystore", oneStore, [vault(), { keystore: { memory: {}, aws: { region: "eu-central-1" } } }]),
  ofServer("spec.keystore.fs", "name one volume for the keys: set either existingClaim or volumeClaim", [
    { keystore: { fs: { existingClaim: "keys" } } },
    fs({ existingClaim: "keys" }),
  ]),
  ofServer("spec.keystore.vault", "a login with a certificate needs one: set tls.clientCertSecretName", [
    vault({ auth: { cert: {} }, tls: { clientCertSecretName: "vault-client" } }),
    vault({ auth: { cert: {} }, tls: {} }),
  ]),
  ofServer("spec.keystore.vault.auth", "choose one login: set exactly one of kubernetes, appRole, token and cert", [
    vault({ auth: { token: { file: "/vault/secrets/token" } } }),
    vault({ auth: { kubernetes: { role: "kes" }, token: { file: "/vault/secrets/token" } } }),
  ]),
  ofServer("spec.keystore.vault.auth.appRole", "give the role id once: set either roleID or roleIDSecretRef", [
    vault({ auth: { appRole: { roleID: "kes", secretIDSecretRef } } }),
    vault({ auth: { appRole: { secretIDSecretRef } } }),
  ]),
  ofServer("spec.keystore.vault.auth.token", "say where the token is: set either file or secretRef", [
    vault({ auth: { token: { secretRef: { name: "vault", key: "token" } } } }),
    vault({ auth: { token: {} } }),
  ]),
  ...vaultPaths(),
];

function vaultPaths(): readonly RuleCase[] {
  const logins: readonly Spec[] = [
    { kubernetes: { role: "kes" } },
    { appRole: { roleID: "kes", secretIDSecretRef } },
    { token: { file: "/token" } },
    { cert: {} },
  ];
  const plain = ["engine", "namespace", "prefix"].map(
    (field) => [field, (value: string) => ({ [field]: value })] as const,
  );
  const transit = [
    ["transit.engine", (value: string) => ({ transit: { engine: value, key: "kes" } })] as const,
    ["transit.key", (value: string) => ({ transit: { key: value } })] as const,
  ];
  const login = logins.flatMap((auth) => {
    const [[method, settings] = ["", {}]] = Object.entries(auth);
    const fields = method === "token" ? ["namespace"] : ["mountPath", "namespace"];
    return fields.map(
      (field) =>
        [
          `auth.${method}.${field}`,
          (value: string): Spec => ({
            auth: { [method]: { ...(settings as Spec), [field]: value } },
            tls: { clientCertSecretName: "vault-client" },
          }),
        ] as const,
    );
  });
  return [...plain, ...transit, ...login].map(([at, more]) =>
    ofServer(`spec.keystore.vault.${at}`, "remove the segments . and ..: they would lead out of the path", [
      vault(more("team/a..b")),
      vault(more("team/../b")),
    ]),
  );
}

const policies: readonly RuleCase[] = [
  ofPolicy("spec", "keyPrefix belongs to a preset: set preset, or remove keyPrefix", [
    { preset: "MinIO", keyPrefix: "minio-" },
    { keyPrefix: "minio-" },
  ]),
  ...patternCases("allow"),
  ...patternCases("deny"),
  ...consentCases("Names", { names: ["minio"] }),
  ...consentCases("Selector", { selector: { matchLabels: { team: "storage" } } }),
  ofPolicy(
    "spec.allowedNamespaces.selector.matchExpressions[]",
    "give values for In and NotIn, and none for Exists and DoesNotExist",
    [selecting({ key: "team", operator: "Exists" }), selecting({ key: "team", operator: "Exists", values: ["a"] })],
  ),
];

function patternCases(field: "allow" | "deny"): readonly RuleCase[] {
  const about = (message: string, right: string, wrong: string): RuleCase =>
    ofPolicy(`spec.${field}[]`, message, [{ [field]: [right] }, { [field]: [wrong] }]);
  const meaningless = "leave out { } ! ( ) + @ and backslashes: they have no meaning in patterns";
  const segments = "remove empty segments, . and ..: no request path has them";
  return [
    about("begin every pattern with /, as in /v1/key/decrypt/minio-*", "/v1/key/[a-z]?-*/minio-*", "*"),
    ...["{a,b}", "!a", "(a)", "a+", "a@b", "a\\b"].map((part) => about(meaningless, "/v1/key/[^a]", `/v1/key/${part}`)),
    ...["/v1//key", "/v1/./key", "/v1/.."].map((wrong) => about(segments, "/v1/key/list/..c", wrong)),
    about(segments, "/v1/key/list/", "//"),
  ];
}

function consentCases(from: "Names" | "Selector", given: Spec): readonly RuleCase[] {
  const message = `set ${from.toLowerCase()} with from: ${from}, and only then`;
  return [{ from }, { from: "All", ...given }].map((wrong) =>
    ofPolicy("spec.allowedNamespaces", message, [
      { allowedNamespaces: { from, ...given } },
      { allowedNamespaces: wrong },
    ]),
  );
}

function selecting(expression: Spec): Spec {
  return { allowedNamespaces: { from: "Selector", selector: { matchExpressions: [expression] } } };
}

const oneSource =
  "say where the key comes from: set exactly one of certificate, apiKey, secretRef, certificatePEM and hash; without settings certificate: {}";
const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const identities: readonly RuleCase[] = [
  ofIdentity("spec", oneSource, [identity({ certificate: {} }), identity({})]),
  ofIdentity("spec", oneSource, [identity({ apiKey: {} }), identity({ apiKey: {}, hash: otherHash })]),
  ofIdentity("spec", oneSource, [
    identity({ secretRef: { name: "client" } }),
    identity({ secretRef: { name: "client" }, certificatePEM: pem }),
  ]),
  ofIdentity("spec.certificatePEM", "begin with -----BEGIN CERTIFICATE-----", [
    identity({ certificatePEM: pem }),
    identity({ certificatePEM: `subject=CN=x\n${pem}` }),
  ]),
  ofIdentity(
    "spec.certificatePEM",
    "remove the private key, and replace it everywhere: it was just sent to the cluster",
    [identity({ certificatePEM: pem }), identity({ certificatePEM: `${pem}-----BEGIN EC PRIVATE KEY-----` })],
  ),
];

export const ruleCases: readonly RuleCase[] = [
  ...names,
  ...servers,
  ...certificates,
  ...stores,
  ...policies,
  ...identities,
];

/** What the schema refuses without a rule of its own. */
export const schemaCases: readonly (readonly [plural: Plural, wrong: Spec])[] = [
  ["kesservers", {}],
  ["kesservers", server({ replicas: 101 })],
  ["kesservers", server({ mode: "Daemon" })],
  ["kesservers", server({ tls: { caBundle: { secretName: "ca" } } })],
  ["kesservers", server({ tls: { minVersion: "TLS13" } })],
  ["kesservers", server({ image: { digest: "sha256:00" } })],
  ...["1d", "5", "-5s", "1h 30m", "", "9999999h"].map(
    (any) => ["kesservers", server({ cache: { expiry: { any } } })] as const,
  ),
  ...["-a", "a-", "_", "a.b", "", "a".repeat(81)].map((name) => ["kesservers", server({ keys: [{ name }] })] as const),
  ["kesservers", server({ keys: [{ name: "a" }, { name: "a" }] })],
  ["kesservers", server({ api: { routes: [{ path: "/v1/key/create/" }] } })],
  ["kesservers", server({ ops: { port: 80 } })],
  ["kesservers", server({ tls: { proxy: { identities: [hash.toUpperCase()] } } })],
  ["kesservers", vault({ endpoint: "openbao.openbao.svc:8200" })],
  ["kesservers", vault({ endpoint: "https://user@openbao" })],
  ["kesservers", vault({ auth: { kubernetes: { role: "kes", tokenExpirationSeconds: 599 } } })],
  ["kesservers", fs({ path: "var/lib" })],
  ["kesservers", { keystore: { fs: { volumeClaim: { size: "much" } } } }],
  ["kesservers", { keystore: { gcp: { projectID: "kes" } } }],
  ["kespolicies", { preset: "Mine" }],
  ["kespolicies", { allow: ["/a", "/a"] }],
  ["kespolicies", { identities: ["_"] }],
  ["kespolicies", { preset: "MinIO", keyPrefix: "-a" }],
  ["kesidentities", { hash }],
  ["kesidentities", identity({ hash: hash.slice(1) })],
  ["kesidentities", identity({ certificate: { usages: ["server auth"] } })],
  ["kesidentities", { serverRef: { name: "kes", namespace: "a.b" }, hash }],
  ["keskeys", nested("name", "minio")],
  ["keskeys", { serverRef: { name: "kes", namespace: "other" } }],
  ["keskeys", { serverRef: { name: "kes" }, expectedFingerprint: "1B9D07F2A4C3E586" }],
  ["keskeys", { serverRef: { name: "kes" }, algorithm: "RSA" }],
];
