// The configuration files of what runs on the node.
import { nodeLayout } from "./layout.ts";

export const pauseImage = "localhost/pause:1";

/** TOML. */
export function containerdSettings(): string {
  const { containerdRoot, containerdState, socket, cniFolder, folder } = nodeLayout;
  return `version = 2
root = "${containerdRoot}"
state = "${containerdState}"
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE nothing may be made less likely to be killed than its parent.
  restrict_oom_score_adj = true
  # Where they are found and removed with everything else.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${cniFolder}"
`;
}

/** A network configuration list of CNI 0.4. */
export function cniSettings(): string {
  const { cniNetwork, podSubnet, folder } = nodeLayout;
  const ipam = {
    type: "host-local",
    dataDir: `${folder}/cni-addresses`,
    ranges: [[{ subnet: podSubnet }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const bridge = { type: "bridge", bridge: "cni0", isGateway: true, hairpinMode: true, ipam };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  return JSON.stringify({ cniVersion: "0.4.0", name: cniNetwork, plugins: [bridge, portmap] });
}

/** A KubeletConfiguration; JSON is YAML. */
export function kubeletSettings(): string {
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    address: nodeLayout.address,
    healthzPort: 0,
    readOnlyPort: 0,
    // A machine may have cgroups of the first or the second version, and swap.
    cgroupDriver: "cgroupfs",
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    // Does not work where the device of the disk is hidden.
    localStorageCapacityIsolation: false,
    evictionHard: { "memory.available": "100Mi", "nodefs.available": "1%" },
    containerRuntimeEndpoint: `unix://${nodeLayout.socket}`,
    clusterDNS: [nodeLayout.address],
    clusterDomain: "cluster.local",
    resolvConf: "",
    podLogsDir: nodeLayout.podLogs,
    // How often volumes are brought up to date; the default of a minute is waited for often.
    syncFrequency: "10s",
    // Audit records of a whole run stay in one file, which `kubectl logs` reads.
    containerLogMaxSize: "500Mi",
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    registryPullQPS: 0,
  });
}

/** Answers for names of the cluster only. */
export function corefile(kubeconfig: string): string {
  return `.:53 {
  bind ${nodeLayout.address}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfig}
    pods insecure
  }
  cache 2
}
`;
}
