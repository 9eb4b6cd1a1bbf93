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
  readonly place: Place;
}

/** Where the programs run. */
export interface Place {
  /** What they listen on, and are reached at from here. */
  readonly address: string;
  /** What goes before a command line, to run it there. */
  readonly enter: readonly string[];
  /** A real node runs there, so nodes mean what they say. */
  readonly hasNode: boolean;
}

export const loopback: Place = { address: "127.0.0.1", enter: [], hasNode: false };

export function etcdCommand({ folder, etcdPort, peerPort, place }: Layout): readonly string[] {
  const client = `http://${place.address}:${etcdPort}`;
  const peer = `http://${place.address}:${peerPort}`;
  return [
    ...place.enter,
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
  const { credentials, etcdPort, apiPort, place } = layout;
  const known = flags({
    "etcd-servers": `http://${place.address}:${etcdPort}`,
    "bind-address": place.address,
    "advertise-address": place.address,
    // It would publish the address as an endpoint, and the API refuses addresses of the loopback interface as endpoints.
    ...(!place.hasNode && { "endpoint-reconciler-type": "none" }),
    "kubelet-preferred-address-types": "InternalIP",
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
  const program = [...place.enter, obtainKubernetes("kube-apiserver")];
  return [...program, ...known.filter((flag) => !isReplaced(flag)), ...more];
}

const unwanted = ["node-ipam-controller", "cloud-node-lifecycle-controller"];
// Pretended nodes send no heartbeats, so what watches over nodes would taint them, and have no storage.
const unwantedWithoutNode = [
  ...unwanted,
  "node-lifecycle-controller",
  "taint-eviction-controller",
  "persistentvolume-attach-detach-controller",
  "persistentvolume-expander-controller",
];

export function controllerManagerCommand(
  layout: Layout,
  kubeconfig: string,
  more: readonly string[],
): readonly string[] {
  const { credentials, controllerPort, place } = layout;
  const absent = place.hasNode ? unwanted : unwantedWithoutNode;
  const known = flags({
    kubeconfig,
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "cert-dir": join(layout.folder, "controller-manager"),
    "bind-address": place.address,
    "secure-port": controllerPort,
    "leader-elect": false,
    "root-ca-file": credentials.caFile,
    "service-account-private-key-file": credentials.accountKeyFile,
    controllers: ["*", ...absent.map((name) => `-${name}`)].join(","),
    "kube-api-qps": 300,
    "kube-api-burst": 500,
  });
  return [...place.enter, obtainKubernetes("kube-controller-manager"), ...known, ...more];
}

function flags(values: Readonly<Record<string, string | number | boolean>>): readonly string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}
