// kubectl and helm as a user runs them: against a cluster's kubeconfig, with settings and caches of their own, so that the
// user's are neither read nor changed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { obtainKubectl } from "./obtain-kubectl.ts";
import type { CommandLineTool } from "./obtain-kubectl.ts";

/** What is needed of a cluster; helm and kubectl also work on none. */
export interface Reachable {
  /** The path of a kubeconfig. */
  readonly kubeconfig: string;
}

export interface RunOptions {
  readonly stdin?: string;
  /** Instead of the cluster's own, e.g. of one ServiceAccount. */
  readonly kubeconfig?: string;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @returns stdout. @throws Error with stderr when it fails */
export async function kubectl(cluster: Reachable, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return succeed("kubectl", args, await tryKubectl(cluster, args, options));
}

/** For a test that looks at how it fails. */
export function tryKubectl(cluster: Reachable, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return run("kubectl", args, { kubeconfig: cluster.kubeconfig, ...options });
}

/** `kubectl apply --server-side` of objects or of a YAML text. */
export function applyManifest(cluster: Reachable, manifest: string | readonly object[]): Promise<string> {
  const items = { apiVersion: "v1", kind: "List", items: manifest };
  const stdin = typeof manifest === "string" ? manifest : JSON.stringify(items);
  return kubectl(cluster, ["apply", "--server-side", "--force-conflicts", "-f", "-"], { stdin });
}

/** @returns stdout. @throws Error with stderr when it fails */
export async function helm(args: readonly string[], options: RunOptions = {}): Promise<string> {
  return succeed("helm", args, await tryHelm(args, options));
}

/** For a test that looks at how it fails. */
export function tryHelm(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return run("helm", args, options);
}

function succeed(tool: string, args: readonly string[], outcome: Outcome): string {
  if (outcome.code === 0) return outcome.stdout;
  throw new Error(`${tool} ${args.join(" ")} ended with ${outcome.code}: ${outcome.stderr}${outcome.stdout}`);
}

async function run(tool: CommandLineTool, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const own = join(tmpdir(), "kes-kubectl");
  const child = spawn(obtainKubectl(tool), args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: own,
      KUBECONFIG: options.kubeconfig ?? join(own, "none"),
    },
  });
  // A program that ends early does not read its input.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? -1, stdout: stdout(), stderr: stderr() };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => (text += chunk));
  return () => text;
}
