// Removes everything that a node left on this machine: of the one that ends, or of one whose owner was killed. The daemons die
// with their owner; containers do not, because they belong to shims that outlive containerd on purpose.
import { existsSync, globSync, readFileSync, readdirSync, readlinkSync, rmSync, rmdirSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeLayout } from "./layout.ts";

export async function clearNode(): Promise<void> {
  // A shim that is still there while its container ends may start nothing, but tells containerd, which is gone.
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const left = [...processesOf("shim"), ...processesOf("container")];
    if (left.length === 0) break;
    for (const pid of left) end(pid);
    await sleep(50);
  }
  removeRuntimeTraces();
  for (const mountPoint of mountPoints()) execFileSync("umount", ["-l", mountPoint]);
  if (existsSync(`/run/netns/${nodeLayout.netns}`)) execFileSync("ip", ["netns", "delete", nodeLayout.netns]);
  removeTraces();
  removeCgroups();
  rmSync(nodeLayout.folder, { recursive: true, force: true });
}

function processesOf(kind: "shim" | "container"): readonly number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const file = kind === "shim" ? "cmdline" : "mountinfo";
  const isOurs = (text: string): boolean =>
    kind === "shim"
      ? text.includes(`-address\0${nodeLayout.socket}\0`)
      : // Its root file system is one of ours.
        text.split("\n").some((line) => line.split(" ")[4] === "/" && line.includes(nodeLayout.folder));
  return pids.filter((pid) => isOurs(read(`/proc/${pid}/${file}`))).map(Number);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It ended meanwhile.
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** Innermost first. */
function mountPoints(): readonly string[] {
  const points = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  return points.filter((point) => point.startsWith(`${nodeLayout.folder}/`)).toReversed();
}

/** What shims and runc write at places that no setting moves. */
function removeRuntimeTraces(): void {
  for (const task of globSync(`${nodeLayout.containerdState}/io.containerd.runtime.v2.task/k8s.io/*`)) {
    rmSync(join("/run/containerd/runc/k8s.io", basename(task)), { recursive: true, force: true });
    const socket = read(join(task, "address")).replace("unix://", "");
    if (socket.startsWith("/run/containerd/s/")) rmSync(socket, { force: true });
  }
}

/** The same of kubelet and CNI. */
function removeTraces(): void {
  for (const file of globSync("/var/lib/cni/results/*")) {
    if (read(file).includes(`${nodeLayout.folder}/`)) rmSync(file);
  }
  for (const link of globSync("/var/log/containers/*.log")) {
    if (readlinkSync(link).startsWith(nodeLayout.folder)) rmSync(link);
  }
}

/** Empty ones only: another kubelet's are not. */
function removeCgroups(): void {
  const found = globSync(["/sys/fs/cgroup/{kubepods,*/kubepods}", "/sys/fs/cgroup/{kubepods,*/kubepods}/**/"]);
  for (const folder of found.toSorted().toReversed()) {
    try {
      rmdirSync(folder);
    } catch {
      // In use, or a file.
    }
  }
}
