// An image of programs of this machine, for third parties' servers that the run needs and that cannot be pulled everywhere:
// each program with the libraries it needs, and nothing else.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "../env/cache-folder.ts";
import { commitFolder } from "../images/buildah.ts";
import { here, saveImage } from "../images/images.ts";

export interface ProgramImage {
  /** As manifests name it. */
  readonly image: string;
  /** Paths of programs by the name they get in /usr/bin. */
  readonly programs: Readonly<Record<string, string>>;
}

/** @returns the path of the image's archive, made if need be; programs say their version by their file name */
export async function archiveOfPrograms({ image, programs }: ProgramImage): Promise<string> {
  const what = Object.values(programs).map((path) => basename(path));
  const archive = join(cacheFolder(), `image-${basename(image).replaceAll(":", "-")}-${what.join("-")}.tar`);
  if (existsSync(archive)) return archive;
  const folder = mkdtempSync(join(tmpdir(), "kes-program-image-"));
  try {
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, "usr/bin"), { recursive: true });
    mkdirSync(join(folder, "bin"));
    for (const [name, path] of Object.entries(programs)) addProgram(folder, path, `usr/bin/${name}`);
    await commitFolder({ image, folder, arch: here });
    await saveImage(image, archive);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return archive;
}

function addProgram(folder: string, path: string, target: string): void {
  cpSync(realpathSync(path), join(folder, target));
  const libraries = execFileSync("ldd", [path], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g);
  for (const [, library = ""] of libraries) {
    mkdirSync(join(folder, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(folder, library));
  }
}
