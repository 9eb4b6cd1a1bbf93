// Writes files that must not be overwritten by accident and must never be readable by others for a moment.
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { KesError } from "../errors.ts";
import { systemText } from "./connect.ts";

export interface NewFile {
  readonly cwd: string;
  readonly path: string;
  readonly mode: number;
  readonly force: boolean;
  /** Starts the error: `private key already exists.` */
  readonly what: string;
  readonly content: string;
}

/**
 * Creates the files, all or none, durable when it returns where the file system can make a directory so. With `force`
 * existing ones are replaced whole, after all were written beside them; the first file last, so that the one that matters
 * most is lost to no failure.
 * @throws KesError FileExists | FileUnreadable
 */
export async function writeNewFiles(files: readonly NewFile[]): Promise<void> {
  const made: string[] = [];
  try {
    for (const file of files) await telling(file, () => make(file, made));
    for (const file of files.toReversed()) await telling(file, () => publish(file));
  } catch (error) {
    await Promise.all(made.map((path) => rm(path, { force: true })));
    throw error;
  }
}

async function make(file: NewFile, made: string[]): Promise<void> {
  const path = firstPath(file);
  if (file.force) await rm(path, { force: true });
  await using handle = await open(path, "wx", file.mode);
  made.push(path);
  await fill(handle, file);
}

async function publish(file: NewFile): Promise<void> {
  const path = resolve(file.cwd, file.path);
  if (file.force) await rename(firstPath(file), path);
  await syncDirectory(dirname(path));
}

/** Where the file is written first. */
function firstPath({ cwd, path, force }: NewFile): string {
  return force ? `${resolve(cwd, path)}.new` : resolve(cwd, path);
}

async function fill(handle: FileHandle, { content, mode }: NewFile): Promise<void> {
  // The mode of open() is narrowed by the umask; a certificate is meant to be readable.
  await handle.chmod(mode);
  await handle.writeFile(content);
  await handle.sync();
}

/** Some file systems refuse it, and so does a directory that may only be written to. */
async function syncDirectory(path: string): Promise<void> {
  try {
    await using directory = await open(path, "r");
    await directory.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP", "EACCES"].includes(codeOf(error))) throw error;
  }
}

async function telling(file: NewFile, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (codeOf(error) === "EEXIST") {
      throw new KesError("FileExists", `${file.what} already exists. Use --force to overwrite it`, { cause: error });
    }
    throw new KesError("FileUnreadable", `cannot write '${file.path}': ${systemText(error)}`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
