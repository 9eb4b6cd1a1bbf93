// kes --version, and the words the server's banner, /version and /v1/status share with it.
import { readFileSync } from "node:fs";
import { arch, platform } from "node:os";
import { parseObject, textField } from "../client/answer.ts";
import type { Environment } from "./environment.ts";
import { Terminal } from "./terminal.ts";

export const repository = "https://github.com/kes-operator/kes-operator";

/** The release this is. From package.json, which stands above the sources and, one step further, above the compiled files. */
export function programVersion(): string {
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      return textField(parseObject(readFileSync(new URL(up, import.meta.url), "utf8"), up), "version");
    } catch {
      continue;
    }
  }
  return "<unknown>";
}

/** Label, value and a faint remark: what --version prints and the banner begins with (reference 7.1). */
export function versionLines({
  versions,
}: Environment): readonly (readonly [label: string, value: string, remark: string])[] {
  const os = platform() === "win32" ? "windows" : platform();
  return [
    ["Version", programVersion(), "commit=<unknown>"],
    ["Runtime", `node${versions.node} ${os}/${arch() === "x64" ? "amd64" : arch()}`, `compiler=v8-${versions.v8}`],
    ["License", "Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"],
    ["Copyright", "kes-operator contributors", repository],
  ];
}

export function printVersion(environment: Environment): void {
  const terminal = new Terminal(environment);
  for (const [label, value, remark] of versionLines(environment)) {
    terminal.line(`${terminal.style("bold", label.padEnd(10))} ${value} ${terminal.style("dim", remark)}`);
  }
}
