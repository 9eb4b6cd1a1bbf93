// The commands that README.md gives for an encrypted bucket, as they stand there.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { obtainKubectl } from "../env/kubectl/obtain-kubectl.ts";
import type { Cluster } from "./cluster.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

const marker = "<!-- e2e: an encrypted bucket -->";

/** @returns one command per element. @throws Error when the page does not have them any more */
export function readmeCommands(): readonly string[] {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const block = readme.split(marker)[1]?.match(/^\s*```sh\n(.*?)\n```/s)?.[1];
  if (block === undefined) throw new Error(`README.md has no block of commands after ${marker}`);
  return block.split("\n").filter((line) => line.trim() !== "");
}

/** As in a shell of the user's, in the project's folder. @returns the last line that it printed. @throws Error with its output */
export async function runReadmeCommand(cluster: Cluster, command: string): Promise<string> {
  const tools = (["kubectl", "helm"] as const).map((tool) => dirname(obtainKubectl(tool)));
  const home = mkdtempSync(join(tmpdir(), "kes-e2e-home-"));
  const env = {
    PATH: [...tools, process.env["PATH"]].join(":"),
    KUBECONFIG: cluster.kubeconfig,
    HOME: home,
  };
  try {
    const { stdout, stderr } = await run("sh", ["-c", command], { cwd: root, env });
    return `${stdout}${stderr}`.trimEnd().split("\n").at(-1) ?? "";
  } finally {
    rmSync(home, { recursive: true });
  }
}
