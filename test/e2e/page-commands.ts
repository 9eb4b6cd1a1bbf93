// Commands of a page of docs/, run as they stand there: block after block, in one folder, with what each exports.
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { obtainKubectl } from "../env/kubectl/obtain-kubectl.ts";
import type { Cluster } from "./cluster.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

export interface Block {
  /** Its first line, a comment. */
  readonly title: string;
  readonly text: string;
}

/** The `sh` blocks between `<!-- e2e: name -->` and the next such mark. @throws Error when the page has none there */
export function blocksOf(page: string, name: string): readonly Block[] {
  const text = readFileSync(join(root, "docs", page), "utf8");
  const [, section] = text.split(`<!-- e2e: ${name} -->`);
  const blocks = section?.split("<!-- e2e:")[0]?.matchAll(/^```sh\n# ([^\n]+)\n(.*?)^```$/gms) ?? [];
  const found = [...blocks].map(([, title = "", body = ""]) => ({ title, text: body }));
  if (found.length === 0) throw new Error(`docs/${page} has no blocks of commands after ${name}`);
  return found;
}

/** A user's shell: kubectl, helm and kes in the path, the cluster's kubeconfig, a folder of its own. */
export class Shell implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "kes-e2e-shell-"));
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const kes = `#!/bin/sh\nexec '${process.execPath}' '${join(root, "sidecar/main.ts")}' "$@"\n`;
    writeFileSync(join(this.folder, "kes"), kes);
    chmodSync(join(this.folder, "kes"), 0o755);
    writeFileSync(join(this.folder, ".exported"), "");
  }

  /** @returns what it printed to stdout. @throws Error with what it printed when one of its commands fails */
  async run(script: string): Promise<string> {
    const tools = (["kubectl", "helm"] as const).map((tool) => dirname(obtainKubectl(tool)));
    const env = {
      PATH: [this.folder, ...tools, process.env["PATH"]].join(":"),
      KUBECONFIG: this.#cluster.kubeconfig,
      HOME: this.folder,
    };
    // What is left in the background would keep a script that failed from ending.
    const end = "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT";
    const whole = `set -euo pipefail\n${end}\n. ./.exported\n${script}\nexport -p > .exported\n`;
    const { stdout } = await run("bash", ["-c", whole], { cwd: this.folder, env, timeout: 300_000 });
    return stdout;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
