// KesServers of every shape that the schema allows and that makes a difference to their children, as users would write them.
// The plan's tests go through all of them, and so does a real API server (test/real/operator/plan.test.ts).
import type { Declared } from "./declared-server.ts";

const vault = (auth: object, more: object = {}): Declared => ({
  keystore: { vault: { endpoint: "https://openbao.openbao.svc:8200", auth, ...more } },
});
const kubernetesLogin = { kubernetes: { role: "kes" } };
const hash = "3b9aca00d41d8cd98f00b204e9800998ecf8427e3b9aca00d41d8cd98f00b204";
const longestName = "a-name-of-fifty-two-characters-is-as-long-as-it-gets";

export interface Variant {
  readonly title: string;
  /** Default: `kes`. */
  readonly name?: string;
  readonly spec: Declared;
}

const stores: readonly Variant[] = [
  { title: "the least there is", spec: vault(kubernetesLogin) },
  { title: "memory", spec: { keystore: { memory: {} } } },
  {
    title: "a volume of its own, of which there is one",
    spec: { replicas: 1, keystore: { fs: { volumeClaim: { size: "1Gi" } } } },
  },
  {
    title: "a shared volume, encrypted",
    spec: {
      replicas: 3,
      keystore: {
        fs: {
          volumeClaim: {
            size: "1Gi",
            storageClassName: "nfs",
            accessModes: ["ReadWriteMany"],
            reclaimPolicy: "Delete",
          },
          encryption: { secretRef: { name: "kes-wrapping", keys: ["new.key", "old.key"] } },
        },
      },
    },
  },
  {
    title: "somebody's volume, in a StatefulSet",
    spec: { workload: "StatefulSet", keystore: { fs: { existingClaim: "keys", path: "/data/keys" } } },
  },
  {
    title: "Vault by AppRole, wrapped by transit",
    spec: vault(
      {
        appRole: {
          roleIDSecretRef: { name: "vault-approle", key: "role-id" },
          secretIDSecretRef: { name: "vault-approle", key: "secret-id" },
        },
      },
      {
        namespace: "team-a",
        prefix: "kes/prod",
        transit: { key: "kes-wrap" },
        tls: { ca: { configMapName: "vault-ca" } },
      },
    ),
  },
  {
    title: "Vault by AppRole with a role id as text",
    spec: vault({ appRole: { roleID: "0a1b", secretIDSecretRef: { name: "vault", key: "secret-id" } } }),
  },
  {
    title: "Vault by a token in a Secret",
    spec: vault({ token: { secretRef: { name: "vault-token", key: "token" } } }, { version: "v1" }),
  },
  {
    title: "Vault by a token that an agent writes",
    spec: {
      ...vault({ token: { file: "/vault/secrets/token" } }),
      extraVolumes: [{ name: "agent", emptyDir: { medium: "Memory" } }],
      extraVolumeMounts: [{ name: "agent", mountPath: "/vault/secrets" }],
    },
  },
  {
    title: "Vault by a client certificate",
    spec: vault(
      { cert: { role: "kes" } },
      { tls: { clientCertSecretName: "vault-client", ca: { secretName: "vault-ca", key: "root.pem" } } },
    ),
  },
  {
    title: "Vault by a token with an audience of its own",
    spec: vault({ kubernetes: { role: "kes", audience: "vault", namespace: "/", tokenExpirationSeconds: 600 } }),
  },
  {
    title: "AWS by the role of the ServiceAccount",
    spec: {
      serviceAccount: { annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/kes" } },
      keystore: { aws: { region: "eu-central-1", kmsKey: "alias/kes" } },
    },
  },
  {
    title: "AWS by an access key",
    spec: {
      keystore: {
        aws: {
          region: "eu-central-1",
          endpoint: "https://secrets.example.io",
          prefix: "kes/",
          tags: { team: "storage" },
          credentialsSecret: { name: "aws", sessionTokenKey: "sessionToken" },
        },
      },
    },
  },
  {
    title: "KeySecure",
    spec: {
      keystore: {
        keysecure: {
          endpoint: "https://keysecure.example.io",
          domain: "kes",
          tokenSecretRef: { name: "keysecure", key: "token" },
          ca: { configMapName: "keysecure-ca" },
        },
      },
    },
  },
];

const shapes: readonly Variant[] = [
  {
    title: "autoscaled by CPU",
    spec: { ...vault(kubernetesLogin), autoscaling: { minReplicas: 3, maxReplicas: 9 } },
  },
  {
    title: "a StatefulSet, autoscaled by another metric",
    spec: {
      ...vault(kubernetesLogin),
      workload: "StatefulSet",
      autoscaling: {
        maxReplicas: 4,
        metrics: [
          {
            type: "Pods",
            pods: { metric: { name: "kes_http_requests" }, target: { type: "AverageValue", averageValue: "500" } },
          },
        ],
        behavior: { scaleDown: { stabilizationWindowSeconds: 600 } },
      },
    },
  },
  {
    title: "a user's certificate, clients verified, no watch",
    spec: {
      ...vault(kubernetesLogin),
      tls: {
        secretName: "kes-certificate",
        clientAuth: "VerifyChain",
        clientCA: { configMapName: "clients", key: "roots.pem" },
      },
      propagation: { watch: false, maxStaleness: "10m" },
      podDisruptionBudget: { maxUnavailable: "50%" },
    },
  },
  {
    title: "an issuer of the platform's, names and addresses, a key that turns",
    spec: {
      ...vault(kubernetesLogin),
      tls: {
        certManager: {
          issuerRef: { name: "platform-ca", kind: "ClusterIssuer" },
          privateKey: { algorithm: "RSA", size: 3072, rotationPolicy: "Always" },
          dnsNames: ["kes.internal.example.io", "*.kes.example.io"],
          ipAddresses: ["10.0.0.7", "fd00::7"],
        },
        proxy: { identities: [hash] },
      },
    },
  },
  {
    title: "Ed25519, load balancer, two families",
    spec: {
      ...vault(kubernetesLogin),
      tls: { certManager: { privateKey: { algorithm: "Ed25519" } } },
      service: {
        type: "LoadBalancer",
        port: 443,
        annotations: { "example.io/internal": "true" },
        labels: { tier: "keys" },
        headless: false,
        ipFamilyPolicy: "PreferDualStack",
        trafficDistribution: "PreferClose",
      },
    },
  },
  {
    title: "closed in by a NetworkPolicy",
    spec: {
      ...vault(kubernetesLogin),
      networkPolicy: {
        enabled: true,
        allowFrom: [
          { namespaceSelector: { matchLabels: { "kes-operator.io/consumer": "true" } } },
          { ipBlock: { cidr: "10.1.0.0/16" } },
        ],
        allowOpsFrom: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
        egress: [{ to: [{ ipBlock: { cidr: "10.2.0.0/16" } }], ports: [{ port: 8200, protocol: "TCP" }] }],
      },
    },
  },
  {
    title: "with a ServiceMonitor, which wants a headless Service",
    spec: {
      ...vault(kubernetesLogin),
      service: { headless: false },
      ops: { port: 9090 },
      monitoring: { serviceMonitor: { enabled: true, interval: "15s", labels: { release: "prometheus" } } },
    },
  },
  {
    title: "everything about pods",
    spec: {
      ...vault(kubernetesLogin),
      imagePullSecrets: [{ name: "registry" }],
      image: { pullPolicy: "Always" },
      resources: { requests: { cpu: 1, memory: "192Mi" }, limits: { memory: "512Mi" } },
      nodeSelector: { "kubernetes.io/arch": "amd64" },
      tolerations: [{ key: "dedicated", operator: "Equal", value: "keys", effect: "NoSchedule" }],
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "x" } } },
            },
          ],
        },
      },
      topologySpreadConstraints: [
        { maxSkew: 2, topologyKey: "topology.kubernetes.io/zone", whenUnsatisfiable: "DoNotSchedule" },
      ],
      podMetadata: { labels: { team: "storage" }, annotations: { "example.io/note": "keys" } },
      env: [{ name: "HTTPS_PROXY", value: "http://proxy.example.io:3128" }],
      envFrom: [{ configMapRef: { name: "more", optional: true } }],
      terminationGracePeriodSeconds: 5,
    },
  },
  {
    title: "settings of the server",
    spec: {
      ...vault(kubernetesLogin),
      keys: [{ name: "minio-default" }, { name: "backup" }],
      store: { startup: "fail", deleteProtection: { enabled: true, names: ["minio-default"] }, warmup: true },
      cache: { expiry: { any: "10m", unused: "1m", offline: "4h" } },
      log: { level: "debug", audit: false },
      api: { routes: [{ path: "/v1/ready", skipAuth: true, timeout: "15s" }, { path: "/v1/metrics" }] },
    },
  },
  {
    title: "the longest name, an account of the user's",
    name: longestName,
    spec: { ...vault(kubernetesLogin), serviceAccount: { create: false, name: "keys" }, replicas: 0 },
  },
];

const sidecars: readonly Variant[] = [
  { title: "a sidecar without rights", name: "kes-local", spec: { ...vault(kubernetesLogin), mode: "Sidecar" } },
  {
    title: "a sidecar that watches and has somebody to fall back on",
    name: "kes-local",
    spec: {
      ...vault(kubernetesLogin),
      mode: "Sidecar",
      tls: { certManager: { dnsNames: ["minio-0"] } },
      sidecar: { serviceAccountNames: ["minio", "minio-backup"], fallbackServerRef: { name: "kes" } },
    },
  },
];

export const variants: readonly Variant[] = [...stores, ...shapes, ...sidecars];
