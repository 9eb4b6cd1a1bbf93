// The Vault policy that a server needs, and no more. Nobody gets `update`: with it missing, Vault itself refuses to overwrite
// a key, also one of a K/V engine of version 1.
import type { VaultKeystoreConfig } from "../../contract/config.ts";
import { joinPath } from "./kv-engine.ts";

/** HCL, for `vault policy write kes -`. Paths are relative to the store's namespace. */
export function policyText({ engine, version, prefix, transit }: VaultKeystoreConfig): string {
  const rules = version === "v1" ? rulesOfV1(engine, prefix) : rulesOfV2(engine, prefix);
  if (transit === undefined) return rules.join("\n");
  const operations = transit.mode === "remote" ? ["datakey/plaintext", "encrypt", "decrypt"] : ["encrypt", "decrypt"];
  const transitRules = operations.map((operation) => rule(joinPath(transit.engine, operation, transit.key), "update"));
  return [...rules, ...transitRules].join("\n");
}

function rulesOfV1(engine: string, prefix: string): string[] {
  return [
    rule(joinPath(engine, prefix, "*"), "create", "read", "delete"),
    rule(folder(joinPath(engine, prefix)), "list"),
  ];
}

function rulesOfV2(engine: string, prefix: string): string[] {
  return [
    rule(joinPath(engine, "data", prefix, "*"), "create", "read"),
    rule(joinPath(engine, "metadata", prefix, "*"), "delete"),
    rule(folder(joinPath(engine, "metadata", prefix)), "list"),
  ];
}

/** A listing asks for the folder, with or without a slash at its end. */
function folder(path: string): string {
  return `${path}/`;
}

function rule(path: string, ...capabilities: readonly string[]): string {
  return `path "${path}" {\n  capabilities = [${capabilities.map((word) => `"${word}"`).join(", ")}]\n}`;
}
