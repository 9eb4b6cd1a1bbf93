// Example files of the MinIO operator make its client the admin. Such a client gets a policy here: an admin is above all
// policies, may delete every key and read every log, and MinIO needs nothing of that.
import { parseConfigText } from "../config/identity-lists.ts";
import type { Config } from "../contract/config.ts";
import { isIdentityHash } from "../contract/identity.ts";
import { presetPatterns } from "../contract/preset.ts";
import { warn } from "./notebook.ts";
import type { Notebook } from "./notebook.ts";

/** Whether the admin of the file is whoever the MinIO operator says. */
export function hasTenantAdmin(text: string): boolean {
  const { document } = parseConfigText(text);
  if (document.errors.length > 0) return false;
  const written = [document.getIn(["admin", "identity"]), document.getIn(["root"])];
  return written.some((value) => typeof value === "string" && /^\s*\$\{\s*MINIO_KES_IDENTITY\s*\}\s*$/.test(value));
}

/** The same, with MinIO's preset in the place of the admin. */
export function withoutTenantAdmin(config: Config, notebook: Notebook): Config {
  if (!isIdentityHash(config.admin)) return config;
  const name = config.policies.has("minio") ? "minio-tenant" : "minio";
  const message = `MinIO does not stay admin: it gets the policy ${name} with what it needs. For administration make an identity of its own`;
  warn(notebook, "admin.identity", message);
  const policy = { allow: presetPatterns("MinIO", "") ?? [], deny: [], identities: [config.admin] };
  return { ...config, admin: "disabled", policies: new Map([...config.policies, [name, policy]]) };
}
