// Where the real components of the tests stay once they were fetched or built: KES_ENV_CACHE, else a folder of the user's.
import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** @returns a folder that exists */
export function cacheFolder(): string {
  const folder = process.env["KES_ENV_CACHE"] ?? join(homedir(), ".cache", "kes-env");
  mkdirSync(folder, { recursive: true });
  return folder;
}
