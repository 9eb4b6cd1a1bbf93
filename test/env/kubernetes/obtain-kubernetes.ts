// The programs of a real Kubernetes. Found in the folder that KUBEBUILDER_ASSETS names, as controller-runtime's envtest does
// it, or in the cache folder, or built from their Go modules (ten minutes the first time, needs Go).
import { existsSync } from "node:fs";
import { join } from "node:path";
import { goBinary } from "../go-binary.ts";

const version = "1.34.4";
const etcdVersion = "3.6.7";

export type KubernetesProgram =
  "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kubelet" | "kube-proxy";

/** @returns its path, building it if need be. @throws Error that says what is missing */
export function obtainKubernetes(program: KubernetesProgram): string {
  const assets = process.env["KUBEBUILDER_ASSETS"] ?? "";
  const given = join(assets, program);
  if (assets !== "" && existsSync(given)) return given;
  return program === "etcd" ? etcd() : fromKubernetes(program);
}

const otherwise = "KUBEBUILDER_ASSETS=/folder/with/the/programs";

function etcd(): string {
  return goBinary({
    file: `etcd-v${etcdVersion}`,
    package: "go.etcd.io/etcd/server/v3",
    module: join(import.meta.dirname, "etcd"),
    takes: "a minute",
    otherwise,
  });
}

function fromKubernetes(program: KubernetesProgram): string {
  const [major, minor] = version.split(".");
  // A program built as a dependency does not know its version, and clients decide by it.
  const known = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor };
  const ldflags = Object.entries(known).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`);
  return goBinary({
    file: `${program}-v${version}`,
    package: `k8s.io/kubernetes/cmd/${program}`,
    module: import.meta.dirname,
    ldflags: ldflags.join(" "),
    takes: "some minutes",
    otherwise,
  });
}
