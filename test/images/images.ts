// Both images, built from the Dockerfiles as they stand, on a base made here. Nothing is fetched but npm's packages, and those
// from its cache where it has them.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { arch as machine } from "node:os";
import { join } from "node:path";
import { makeBaseImage } from "./base-image.ts";
import type { Arch } from "./base-image.ts";
import { machineCertificates, makeBuildImage, npmCache } from "./build-image.ts";
import { buildah } from "./buildah.ts";

const root = join(import.meta.dirname, "../..");
export const here: Arch = machine() === "arm64" ? "arm64" : "amd64";

/** As values.yaml of the chart names them. */
export const repositories = {
  sidecar: "ghcr.io/kes-operator/server",
  operator: "ghcr.io/kes-operator/operator",
} as const;
export type ImageName = keyof typeof repositories;

export interface BuiltImages {
  readonly sidecar: string;
  readonly operator: string;
}

export async function buildImages(version: string, arch: Arch = here): Promise<BuiltImages> {
  const base = await makeBaseImage(arch);
  const build = await makeBuildImage(here);
  const tag = arch === here ? version : `${version}-${arch}`;
  return {
    sidecar: await buildImage("sidecar", { version, tag, arch, base, build }),
    operator: await buildImage("operator", { version, tag, arch, base, build }),
  };
}

interface BuildOptions {
  readonly version: string;
  readonly tag: string;
  readonly arch: Arch;
  readonly base: string;
  readonly build: string;
}

async function buildImage(name: ImageName, { version, tag, arch, base, build }: BuildOptions): Promise<string> {
  const image = `${repositories[name]}:${tag}`;
  const values = {
    // buildah before 1.30 does not say it by itself.
    BUILDPLATFORM: `linux/${here}`,
    BASE_IMAGE: base,
    BUILD_IMAGE: build,
    VERSION: version,
    REVISION: git("rev-parse", "HEAD"),
    CREATED: git("log", "-1", "--format=%cI"),
  };
  const what = ["--platform", `linux/${arch}`, "--file", join(root, `Dockerfile.${name}`), "--tag", image];
  const settings = Object.entries(values).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]);
  const mounts = npmSettings().flatMap((mount) => ["--volume", mount]);
  await buildah("build", "--pull-never", "--layers", ...what, ...settings, ...mounts, root);
  return image;
}

function git(...args: readonly string[]): string {
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
}

/** npm's cache, and whom this machine trusts. */
function npmSettings(): readonly string[] {
  const cache = execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim();
  mkdirSync(cache, { recursive: true });
  const certificates = existsSync(machineCertificates) ? [`${machineCertificates}:${machineCertificates}:ro`] : [];
  return [`${cache}:${npmCache}:rw`, ...certificates];
}

/** Saves an image as an archive for `ctr images import` or `docker load`. */
export async function saveImage(image: string, file: string): Promise<void> {
  // An archive that is there would be added to, which is refused; and a part of one is not to be taken for the whole.
  const unfinished = `${file}.${process.pid}`;
  await buildah("push", "--quiet", image, `docker-archive:${unfinished}:${image}`);
  renameSync(unfinished, file);
}
