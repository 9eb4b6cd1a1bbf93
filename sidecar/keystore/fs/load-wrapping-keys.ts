// From `keystore.fs.encryption.keys[]` to wrapping keys.
import { readFile, stat } from "node:fs/promises";

import type { WrappingKeySource } from "../../contract/config.ts";
import { KesError } from "../../errors.ts";
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
  for (const source of sources) keys.push(await loadOne(source, keys, warn));
  return keys;
}

/** Why one of the sources cannot be used. */
export interface WrappingKeyFault {
  /** Its place in the list. */
  readonly index: number;
  readonly error: KesError;
}

/** All that is wrong with the wrapping keys, where loadWrappingKeys ends at the first. */
export async function wrappingKeyFaults(
  sources: readonly WrappingKeySource[],
  warn: (message: string) => void,
): Promise<readonly WrappingKeyFault[]> {
  const keys: WrappingKey[] = [];
  const faults: WrappingKeyFault[] = [];
  for (const [index, source] of sources.entries()) {
    try {
      keys.push(await loadOne(source, keys, warn));
    } catch (error) {
      if (!(error instanceof KesError)) throw error;
      faults.push({ index, error });
    }
  }
  for (const key of keys) key[Symbol.dispose]();
  return faults;
}

async function loadOne(
  source: WrappingKeySource,
  before: readonly WrappingKey[],
  warn: (message: string) => void,
): Promise<WrappingKey> {
  const key = "file" in source ? await loadFile(source.file, warn) : loadVariable(source);
  if (!before.some((other) => other.id === key.id)) return key;
  throw new KesError("ConfigInvalid", `wrapping key ${key.id} is configured twice; remove one`);
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
    const errno = errnoOf(error) ?? "none";
    const message = `the wrapping key file ${path} ${reasonOf(errno)}`;
    throw new KesError("FileUnreadable", message, { cause: error, details: { file: path, errno } });
  }
  return parseWrappingKey(text, path);
}

function reasonOf(errno: string): string {
  if (errno === "ENOENT") return "does not exist; restore it from its backup: a new one does not open the store";
  if (errno === "EACCES" || errno === "EPERM") return "may not be read by this user; check its permissions";
  if (errno === "EISDIR") return "is a directory; name the file in it";
  return `cannot be read: the system says ${errno}`;
}
