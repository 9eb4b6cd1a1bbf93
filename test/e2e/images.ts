// Every image that the run needs, as archives in the cache folder: ours, built from the Dockerfiles and anew only when their
// sources changed, and those of third parties under the names that manifests give them.
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../env/cache-folder.ts";
import { obtainCertManager } from "../env/cert-manager/obtain-cert-manager.ts";
import { obtainMinio } from "../env/minio/obtain-minio.ts";
import { obtainVault } from "../env/vault/obtain-vault.ts";
import { buildImages, saveImage } from "../images/images.ts";
import { archiveOfPrograms } from "./program-image.ts";

const root = join(import.meta.dirname, "../..");
// The names stand in the manifests; the programs are the releases that test/env pins.
export const minioImage = "quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z";
export const vaultImage = "docker.io/hashicorp/vault:1.14.1";
export const certManagerImage = "quay.io/jetstack/cert-manager-controller:v1.11.5";

/**
 * Of the two images that `npm run images FOLDER` saved, when KES_E2E_IMAGES names that folder; else they are built.
 * @returns paths of archives. With `release`, ours are built as that version.
 */
export async function ourArchives(release = version()): Promise<readonly string[]> {
  const given = process.env["KES_E2E_IMAGES"] ?? "";
  if (given !== "" && release === version()) return [join(given, "sidecar.tar"), join(given, "operator.tar")];
  const name = (image: string): string => join(cacheFolder(), `image-${image}-${release}-${hashOfSources()}.tar`);
  const archives = { sidecar: name("server"), operator: name("operator") };
  if (Object.values(archives).some((archive) => !existsSync(archive))) {
    const images = await buildImages(release);
    await saveImage(images.sidecar, archives.sidecar);
    await saveImage(images.operator, archives.operator);
  }
  return Object.values(archives);
}

export function version(): string {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string };
  return manifest.version;
}

export function minioArchive(): Promise<string> {
  // The published image has a shell too; with it and cat the run looks at the drive and sends signals.
  const programs = { minio: obtainMinio("minio"), mc: obtainMinio("mc"), sh: "/bin/sh", cat: "/bin/cat" };
  return archiveOfPrograms({ image: minioImage, programs });
}

export function vaultArchive(): Promise<string> {
  return archiveOfPrograms({ image: vaultImage, programs: { vault: obtainVault(), sh: "/bin/sh" } });
}

export function certManagerArchive(): Promise<string> {
  const programs = { "cert-manager-controller": obtainCertManager().controller };
  return archiveOfPrograms({ image: certManagerImage, programs });
}

/** Of all that the two images are made from. */
function hashOfSources(): string {
  const what = "{Dockerfile.*,package.json,package-lock.json,tsconfig*.json,LICENSE,{sidecar,operator}/**/*}";
  const hash = createHash("sha256");
  for (const file of globSync(what, { cwd: root }).toSorted()) {
    const path = join(root, file);
    if (statSync(path).isFile()) hash.update(`${file}\0`).update(readFileSync(path));
  }
  return hash.digest("hex").slice(0, 12);
}
