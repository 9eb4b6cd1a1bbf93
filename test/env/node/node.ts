// A real Kubernetes node on this machine: containerd, runc, kubelet, kube-proxy, kube-scheduler and CoreDNS around the API
// server of ../kubernetes, in a network namespace of its own. Pods, Services, names, probes, projected tokens and volumes are
// what they are anywhere; network policies and images from registries are not there. Needs root, Linux and Debian's packages;
// ready in fifteen seconds once everything is built. It ends with its owner, and the next one clears up after one that was killed.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Resolver } from "node:dns/promises";
import { join } from "node:path";
import { saveImage } from "../../images/images.ts";
import { cacheFolder } from "../cache-folder.ts";
import { Component } from "../component.ts";
import { commitPauseImage } from "./pause-image.ts";
import { startKubernetes } from "../kubernetes/kubernetes.ts";
import type { Kubernetes } from "../kubernetes/kubernetes.ts";
import { obtainKubernetes } from "../kubernetes/obtain-kubernetes.ts";
import { clearNode } from "./clear-node.ts";
import { enterNode, nodeLayout } from "./layout.ts";
import { makeNodeNetwork } from "./network.ts";
import { obtainCoreDns } from "./obtain-node-programs.ts";
import { cniSettings, containerdSettings, corefile, kubeletSettings, pauseImage } from "./settings.ts";
import { offerVolumes } from "./volumes.ts";

export interface Node extends AsyncDisposable {
  readonly kubernetes: Kubernetes;
  /** Of a program of the node, or of the control plane, as `kubelet`. */
  readonly logFolder: string;
  /** Takes an archive of an image in, as `buildah push … docker-archive:` and `docker save` write it. */
  load(archive: string): void;
}

/** A command line that takes an archive's path as its last argument. */
export const loadCommand: readonly string[] = ["ctr", "-a", nodeLayout.socket, "-n", "k8s.io", "images", "import"];

/** Resolves when the node is ready. @throws Error that says what is missing */
export async function startNode(): Promise<Node> {
  checkMachine();
  refuseSecondNode();
  await clearNode();
  mkdirSync(nodeLayout.folder);
  writeFileSync(nodeLayout.ownerFile, String(process.pid));
  const started: AsyncDisposable[] = [];
  const stop = async (): Promise<void> => {
    for (const part of started.toReversed()) await part[Symbol.asyncDispose]();
    await clearNode();
  };
  try {
    makeNodeNetwork();
    const place = { address: nodeLayout.address, enter: enterNode, hasNode: true };
    const kubernetes = await startKubernetes({ controllers: true, place });
    started.push(kubernetes);
    const logFolder = join(kubernetes.folder, "logs");
    for await (const component of startComponents(kubernetes, logFolder)) started.push(component);
    await offerVolumes(kubernetes.api);
    return { kubernetes, logFolder, load, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function* startComponents(kubernetes: Kubernetes, logFolder: string): AsyncGenerator<Component> {
  const { kubeconfig, api } = kubernetes;
  const start = (name: string, command: readonly string[], isReady: () => Promise<boolean>): Promise<Component> =>
    Component.start({ command: [...enterNode, ...command], logFile: join(logFolder, `${name}.log`), isReady });
  writeSettings(kubeconfig);
  yield await start("containerd", ["containerd", "-c", nodeLayout.containerdConfig], containerdAnswers);
  load(await pauseArchive());
  yield await start("kube-scheduler", schedulerCommand(kubeconfig), () => Promise.resolve(true));
  yield await start("kube-proxy", proxyCommand(kubeconfig), () => Promise.resolve(true));
  yield await start("coredns", [obtainCoreDns(), "-conf", nodeLayout.corefile], dnsAnswers);
  yield await start("kubelet", kubeletCommand(kubeconfig), async () => {
    const { status } = await api.get(`/api/v1/nodes/${nodeLayout.name}`);
    const conditions: readonly { type: string; status: string }[] = status.conditions;
    return conditions.some(({ type, status }) => type === "Ready" && status === "True");
  });
}

function writeSettings(kubeconfig: string): void {
  mkdirSync(nodeLayout.cniFolder);
  writeFileSync(join(nodeLayout.cniFolder, "10-pods.conflist"), cniSettings());
  writeFileSync(nodeLayout.containerdConfig, containerdSettings());
  writeFileSync(nodeLayout.kubeletConfig, kubeletSettings());
  writeFileSync(nodeLayout.corefile, corefile(kubeconfig));
}

function kubeletCommand(kubeconfig: string): readonly string[] {
  return [
    obtainKubernetes("kubelet"),
    `--config=${nodeLayout.kubeletConfig}`,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${nodeLayout.name}`,
    `--node-ip=${nodeLayout.address}`,
    `--root-dir=${nodeLayout.kubeletRoot}`,
    `--cert-dir=${join(nodeLayout.folder, "kubelet-certificates")}`,
  ];
}

function proxyCommand(kubeconfig: string): readonly string[] {
  return [
    obtainKubernetes("kube-proxy"),
    `--kubeconfig=${kubeconfig}`,
    "--proxy-mode=nftables",
    `--cluster-cidr=${nodeLayout.podSubnet}`,
    `--hostname-override=${nodeLayout.name}`,
    // The table of connections belongs to the machine.
    "--conntrack-max-per-core=0",
    `--bind-address=${nodeLayout.address}`,
  ];
}

function schedulerCommand(kubeconfig: string): readonly string[] {
  const account = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"];
  return [
    obtainKubernetes("kube-scheduler"),
    ...account.map((flag) => `--${flag}=${kubeconfig}`),
    "--leader-elect=false",
    `--bind-address=${nodeLayout.address}`,
    `--cert-dir=${join(nodeLayout.folder, "scheduler-certificates")}`,
  ];
}

function containerdAnswers(): Promise<boolean> {
  if (!existsSync(nodeLayout.socket)) return Promise.resolve(false);
  execFileSync("ctr", ["-a", nodeLayout.socket, "version"], { stdio: "ignore" });
  return Promise.resolve(true);
}

async function dnsAnswers(): Promise<boolean> {
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([nodeLayout.address]);
  const addresses = await resolver.resolve4("kubernetes.default.svc.cluster.local");
  return addresses.length === 1;
}

function load(archive: string): void {
  const [program = "", ...args] = loadCommand;
  execFileSync(program, [...args, archive], { stdio: ["ignore", "ignore", "inherit"] });
}

async function pauseArchive(): Promise<string> {
  const archive = join(cacheFolder(), "pause-v1.tar");
  if (!existsSync(archive)) {
    await commitPauseImage(pauseImage);
    await saveImage(pauseImage, archive);
  }
  return archive;
}

const tools = { containerd: "containerd", runc: "runc", nft: "nftables", ip: "iproute2", buildah: "buildah" } as const;

function checkMachine(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new Error("a node needs Linux and root; name a cluster by KUBECONFIG instead");
  }
  const missing: string[] = Object.entries(tools)
    .filter(([tool]) => !isProgram(tool))
    .map(([, name]) => name);
  if (!existsSync("/usr/lib/cni/bridge")) missing.push("containernetworking-plugins");
  if (missing.length > 0) throw new Error(`on Debian: apt-get install --no-install-recommends ${missing.join(" ")}`);
}

function isProgram(name: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, name)));
}

function refuseSecondNode(): void {
  if (!existsSync(nodeLayout.ownerFile)) return;
  const owner = readFileSync(nodeLayout.ownerFile, "utf8");
  const isAlive = existsSync(`/proc/${owner}`) && readFileSync(`/proc/${owner}/cmdline`, "utf8").includes("node");
  if (isAlive) throw new Error(`process ${owner} has a node up; there can be one at a time`);
}
