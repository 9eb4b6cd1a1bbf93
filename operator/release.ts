import { readFileSync } from "node:fs";

/** The release this is: from package.json, which stands above the sources and, one step further, above the compiled files. */
export function releaseVersion(): string {
  for (const up of ["../package.json", "../../package.json"]) {
    try {
      const content: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8"));
      const version = typeof content === "object" && content !== null && "version" in content ? content.version : "";
      return String(version);
    } catch {
      continue;
    }
  }
  return "unknown";
}
