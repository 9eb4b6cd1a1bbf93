// Where the node of the tests keeps everything, and its addresses. All of it is fixed: there is one such node on a machine at a
// time, and whatever a run that was killed left behind is found and removed by the next one.
import { join } from "node:path";

const folder = "/tmp/kes-node";

export const nodeLayout = {
  folder,
  /** Process id of whoever brought it up. */
  ownerFile: join(folder, "owner"),
  name: "node1",
  /** A network namespace with one cable to this machine's; the ends of the cable. */
  netns: "kes-node",
  cable: { outside: "kes-node0", inside: "eth0" },
  /** This machine's end. */
  outsideAddress: "10.99.0.2",
  /** The node's; the API server, the kubelet and the cluster's DNS listen here. */
  address: "10.99.0.1",
  podSubnet: "10.244.0.0/24",
  containerdConfig: join(folder, "containerd.toml"),
  socket: join(folder, "containerd.sock"),
  containerdState: join(folder, "containerd-state"),
  containerdRoot: join(folder, "containerd-root"),
  cniFolder: join(folder, "cni"),
  cniNetwork: "kes-node",
  kubeletRoot: join(folder, "kubelet"),
  kubeletConfig: join(folder, "kubelet.yaml"),
  podLogs: join(folder, "pod-logs"),
  corefile: join(folder, "Corefile"),
  volumes: join(folder, "volumes"),
} as const;

/** What goes before a command line, to run it in the node's network. `ip netns exec` would also hide the cgroups. */
export const enterNode: readonly string[] = ["nsenter", `--net=/run/netns/${nodeLayout.netns}`, "--"];
