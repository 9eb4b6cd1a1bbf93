// Reads the configuration file, with errors that say what to do.
import { readFile } from "node:fs/promises";
import { KesError, messageOf } from "../errors.ts";

/** 100,000 identities in 1,000 policies are about 8 MB. */
const maxBytes = 64 * 1024 * 1024;

/**
 * The text of the file at `path`, at most 64 MiB.
 * @throws KesError FileUnreadable (missing, a directory, no permission, too large, not UTF-8)
 */
export async function readConfigFile(path: string, signal?: AbortSignal): Promise<string> {
  return configTextOf(path, await readConfigBytes(path, signal));
}

/** As readConfigFile, before it is taken for text. */
export async function readConfigBytes(path: string, signal?: AbortSignal): Promise<Buffer> {
  const bytes = await readFile(path, signal === undefined ? {} : { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw unreadable(path, reasonOf(error), error);
  });
  if (bytes.length > maxBytes) throw unreadable(path, "is larger than 64 MiB; is it the right file?");
  return bytes;
}

/** What was read from `path` as text, without a byte order mark. @throws KesError FileUnreadable (not UTF-8) */
export function configTextOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw unreadable(path, "is not UTF-8 text; is it the right file?", error);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "does not exist; check the path, or make one with 'kes init'";
  if (code === "EISDIR") return "is a directory; name the file in it";
  if (code === "EACCES" || code === "EPERM") return "may not be read by this user; check its permissions";
  return `cannot be read: ${messageOf(error)}`;
}

function unreadable(path: string, reason: string, cause?: unknown): KesError {
  return new KesError("FileUnreadable", `the configuration file ${path} ${reason}`, { cause, details: { file: path } });
}
