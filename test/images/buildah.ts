// buildah with a storage of its own in the cache folder, so that neither the user's images nor its settings are touched. It
// needs no daemon; `chroot` isolation does without namespaces, so it also works inside a container.
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheFolder } from "../env/cache-folder.ts";

const run = promisify(execFile);
const maxOutput = 64 * 1024 * 1024;

/** @returns stdout without the last newline. @throws Error that has its output, or says that it is missing */
export async function buildah(...args: readonly string[]): Promise<string> {
  const storage = join(cacheFolder(), "buildah");
  mkdirSync(storage, { recursive: true });
  // `vfs` works everywhere, also where overlay file systems do not, and copies a gigabyte for each step.
  const driver = process.env["STORAGE_DRIVER"] ?? "overlay";
  const own = ["--storage-driver", driver, "--root", storage, "--runroot", join(storage, "run")];
  const env = { ...process.env, BUILDAH_ISOLATION: "chroot" };
  try {
    const { stdout } = await run("buildah", [...own, ...args], { env, maxBuffer: maxOutput });
    return stdout.trimEnd();
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as Failure;
    if (code === "ENOENT") throw new Error("buildah is missing; on Debian: apt-get install buildah", { cause: error });
    throw new Error(`buildah ${args[0]} failed:\n${`${stdout}${stderr}`.slice(-4000)}`, { cause: error });
  }
}

interface Failure extends NodeJS.ErrnoException {
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface FolderImage {
  readonly image: string;
  readonly folder: string;
  readonly arch: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Commits what `folder` holds as an image of one layer. */
export async function commitFolder({ image, folder, arch, env = {} }: FolderImage): Promise<void> {
  const variables = Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  const container = await buildah("from", "--arch", arch, "scratch");
  try {
    await buildah("copy", "--quiet", container, folder, "/");
    await buildah("config", "--arch", arch, "--os", "linux", ...variables, container);
    // Always of the same time: what is built on it need not be built again.
    await buildah("commit", "--quiet", "--timestamp", "0", container, image);
  } finally {
    await buildah("rm", container);
  }
}
