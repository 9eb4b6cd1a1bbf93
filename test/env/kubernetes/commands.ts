// The command lines of the programs that make up a Kubernetes.
import { join } from "node:path";
import type { Credentials } from "./credentials.ts";
import { obtainKubernetes } from "./obtain-kubernetes.ts";

export interface Layout {
  readonly folder: string;
  readonly credentials: Credentials;
  readonly etcdPort: number;
  readonly peerPort: number;
  readonly apiPort: number;
  readonly controllerPort: number;
}

export function etcdCommand({ folder, etcdPort, peerPort }: Layout): readonly string[] {
  const client = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  return [
    obtainKubernetes("etcd"),
    // What was written survives the end of the process, and that is all a test asks of it.
    "--unsafe-no-fsync",
    ...flags({
      "data-dir": join(folder, "etcd"),
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": `default=${peer}`,
      "log-level": "warn",
    }),
  ];
}

export function apiServerCommand(layout: Layout, more: readonly string[]): readonly string[] {
  const { credentials, etcdPort, apiPort } = layout;
  const known = flags({
    "etcd-servers": `http://127.0.0.1:${etcdPort}`,
    "bind-address": "127.0.0.1",
    "advertise-address": "127.0.0.1",
    // It would publish the address as an endpoint, and the API refuses addresses of the loopback interface as endpoints.
    "endpoint-reconciler-type": "none",
    "secure-port": apiPort,
    "tls-cert-file": credentials.certFile,
    "tls-private-key-file": credentials.keyFile,
    "token-auth-file": credentials.tokenFile,
    "authorization-mode": "RBAC",
    "enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
    "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
    "service-account-key-file": credentials.accountPublicKeyFile,
    "service-account-signing-key-file": credentials.accountKeyFile,
    "service-cluster-ip-range": "10.96.0.0/16",
    "allow-privileged": true,
  });
  // A list that is given twice would have the members of both.
  const isReplaced = (flag: string): boolean => more.some((other) => other.startsWith(`${flag.split("=")[0]}=`));
  return [obtainKubernetes("kube-apiserver"), ...known.filter((flag) => !isReplaced(flag)), ...more];
}

// Nodes are pretended and send no heartbeats: what watches over nodes would taint them. Storage and clouds have no meaning.
const unwanted = [
  "node-ipam-controller",
  "node-lifecycle-controller",
  "taint-eviction-controller",
  "cloud-node-lifecycle-controller",
  "persistentvolume-attach-detach-controller",
  "persistentvolume-expander-controller",
];

export function controllerManagerCommand(
  layout: Layout,
  kubeconfig: string,
  more: readonly string[],
): readonly string[] {
  const { credentials, controllerPort } = layout;
  const known = flags({
    kubeconfig,
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "cert-dir": join(layout.folder, "controller-manager"),
    "bind-address": "127.0.0.1",
    "secure-port": controllerPort,
    "leader-elect": false,
    "root-ca-file": credentials.caFile,
    "service-account-private-key-file": credentials.accountKeyFile,
    controllers: ["*", ...unwanted.map((name) => `-${name}`)].join(","),
    "kube-api-qps": 300,
    "kube-api-burst": 500,
  });
  return [obtainKubernetes("kube-controller-manager"), ...known, ...more];
}

function flags(values: Readonly<Record<string, string | number | boolean>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
