// From `keystore.fs.encryption.keys[]` to wrapping keys.
import { readFile, stat } from "node:fs/promises";

import type { WrappingKeySource } from "../../contract/config.ts";
import { KesError, messageOf } from "../../errors.ts";
import { errnoOf } from "./fs-failure.ts";
import { parseWrappingKey } from "./wrapping-key.ts";
import type { WrappingKey } from "./wrapping-key.ts";

/**
 * Reads the wrapping keys in their order; `warn` hears of files that others can read.
 * @throws KesError FileUnreadable | ConfigInvalid
 */
export async function loadWrappingKeys(
  sources: readonly WrappingKeySource[],
  warn: (message: string) => void,
): Promise<WrappingKey[]> {
  const keys: WrappingKey[] = [];
  for (const source of sources) {
    const key = "file" in source ? await loadFile(source.file, warn) : loadVariable(source);
    if (keys.some((other) => other.id === key.id)) {
      throw new KesError("ConfigInvalid", `wrapping key ${key.id} is configured twice; remove one`);
    }
    keys.push(key);
  }
  return keys;
}

function loadVariable(source: { readonly env: string; readonly value: string }): WrappingKey {
  return parseWrappingKey(source.value, `the environment variable ${source.env}`);
}

async function loadFile(path: string, warn: (message: string) => void): Promise<WrappingKey> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, "0");
      warn(`the wrapping key file ${path} has mode ${octal}; others than the server's user may read it: use 0600`);
    }
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new KesError("FileUnreadable", `the wrapping key file ${path} ${reasonOf(error)}`, { cause: error });
  }
  return parseWrappingKey(text, path);
}

function reasonOf(error: unknown): string {
  const errno = errnoOf(error);
  if (errno === "ENOENT") return "does not exist; restore it from its backup: a new one does not open the store";
  if (errno === "EACCES" || errno === "EPERM") return "may not be read by this user; check its permissions";
  return `cannot be read: ${messageOf(error)}`;
}
