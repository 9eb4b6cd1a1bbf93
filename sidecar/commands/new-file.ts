// Writes files that must not be overwritten by accident and must never be readable by others for a moment.
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import { KesError } from "../errors.ts";
import { systemText } from "./connect.ts";

export interface NewFile {
  readonly cwd: string;
  readonly path: string;
  readonly mode: number;
  readonly force: boolean;
  /** Starts the error: `private key already exists.` */
  readonly what: string;
}

/** Creates the file, durable when it returns; with `force` an existing one is replaced whole. @throws KesError FileExists | FileUnreadable */
export async function writeNewFile(file: NewFile, content: string): Promise<void> {
  const path = resolve(file.cwd, file.path);
  const target = file.force ? `${path}.new` : path;
  try {
    if (file.force) await rm(target, { force: true });
    await using handle = await open(target, "wx", file.mode);
    await fill(handle, content, file.mode);
    if (file.force) await rename(target, path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new KesError("FileExists", `${file.what} already exists. Use --force to overwrite it`, { cause: error });
    }
    throw new KesError("FileUnreadable", `cannot write '${file.path}': ${systemText(error)}`, { cause: error });
  }
}

async function fill(handle: FileHandle, content: string, mode: number): Promise<void> {
  // The mode of open() is narrowed by the umask; a certificate is meant to be readable.
  await handle.chmod(mode);
  await handle.writeFile(content);
  await handle.sync();
}
