// The cluster that the run uses: a node of this machine's own, or the one that KUBECONFIG names. There KES_E2E_LOAD says how an
// image comes to it, as `kind load image-archive` or `k3d image import`; the archive's path is put behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { applyManifest, helm, kubectl, tryKubectl } from "../env/kubectl/kubectl.ts";
import type { Outcome, RunOptions } from "../env/kubectl/kubectl.ts";
import type { Json } from "../env/kubernetes/api-client.ts";
import { loadCommand, startNode } from "../env/node/node.ts";

export interface Cluster extends AsyncDisposable {
  readonly kubeconfig: string;
  /** Where the node's own programs log; undefined on a cluster of somebody else's. */
  readonly logFolder: string | undefined;
  /** Takes an archive of an image in. */
  load(archive: string): Promise<void>;
  /** @returns stdout. @throws Error with stderr */
  kubectl(...args: readonly string[]): Promise<string>;
  tryKubectl(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** @returns stdout. @throws Error with stderr */
  helm(...args: readonly string[]): Promise<string>;
  /** Server-side apply of objects or of a YAML text. */
  apply(manifest: string | readonly object[]): Promise<void>;
  /** One object, or a list, as JSON: `get("pods", "-n", "x", "-l", "app=y")`. */
  get(...args: readonly string[]): Promise<Json>;
}

export async function openCluster(): Promise<Cluster> {
  const given = process.env["KUBECONFIG"] ?? "";
  return given === "" ? ownCluster() : wrap(given, undefined, loadInto(givenLoad()), []);
}

async function ownCluster(): Promise<Cluster> {
  const node = await startNode();
  return wrap(node.kubernetes.kubeconfig, node.logFolder, loadInto(loadCommand), [node]);
}

function givenLoad(): readonly string[] {
  const words = (process.env["KES_E2E_LOAD"] ?? "").split(" ").filter((word) => word !== "");
  if (words.length > 0) return words;
  throw new Error("KES_E2E_LOAD must say how images come to the cluster of KUBECONFIG, as `kind load image-archive`");
}

function loadInto([program = "", ...args]: readonly string[]): Cluster["load"] {
  return async (archive) => {
    const child = spawn(program, [...args, archive], { stdio: ["ignore", "ignore", "inherit"] });
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} ${archive} ended with ${code}`);
  };
}

function wrap(
  kubeconfig: string,
  logFolder: string | undefined,
  load: Cluster["load"],
  parts: readonly AsyncDisposable[],
): Cluster {
  const reachable = { kubeconfig };
  return {
    kubeconfig,
    logFolder,
    load,
    kubectl: (...args) => kubectl(reachable, args),
    tryKubectl: (args, options) => tryKubectl(reachable, args, options),
    helm: (...args) => helm(args, { kubeconfig }),
    apply: async (manifest) => void (await applyManifest(reachable, manifest)),
    get: async (...args) => JSON.parse(await kubectl(reachable, ["get", ...args, "-o", "json"])),
    async [Symbol.asyncDispose]() {
      for (const part of parts) await part[Symbol.asyncDispose]();
    },
  };
}
