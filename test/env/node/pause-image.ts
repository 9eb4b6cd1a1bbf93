// The image that containerd starts first in every pod.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildah } from "../../images/buildah.ts";
import { here } from "../../images/images.ts";
import { obtainPause } from "./obtain-node-programs.ts";

/** The image is there then, with the program in it at `/pause`. */
export async function commitPauseImage(image: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "kes-pause-"));
  const container = await buildah("from", "--arch", here, "scratch");
  try {
    cpSync(obtainPause(), join(folder, "pause"));
    await buildah("copy", "--quiet", container, folder, "/");
    await buildah("config", "--arch", here, "--os", "linux", "--entrypoint", '["/pause"]', container);
    await buildah("commit", "--quiet", container, image);
  } finally {
    await buildah("rm", container);
    rmSync(folder, { recursive: true });
  }
}
