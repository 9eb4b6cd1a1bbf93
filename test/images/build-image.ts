// The image that the compiler and npm run in, where no registry can be reached: this machine's shell, find and npm, and the
// Node of package-lock.json, each with the libraries it needs, and those of the bundler.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { commitFolder } from "./buildah.ts";
import type { Arch } from "./base-image.ts";

const tools = ["sh", "find", "chmod", "env"];
/** Of this machine, mounted by the build: behind a proxy that looks into TLS, Node's own list is not enough. */
export const machineCertificates = "/etc/ssl/certs/ca-certificates.crt";
export const npmCache = "/npm-cache";
const settings = {
  HOME: "/root",
  NODE_EXTRA_CA_CERTS: machineCertificates,
  npm_config_cache: npmCache,
  npm_config_prefer_offline: "true",
};

/** @returns the image's name, which exists then */
export async function makeBuildImage(arch: Arch): Promise<string> {
  const image = "localhost/kes-build";
  const folder = mkdtempSync(join(tmpdir(), "kes-build-image-"));
  try {
    chmodSync(folder, 0o755);
    for (const path of ["usr/bin", "usr/local/bin", "usr/local/lib", "tmp", "root", "etc"]) {
      mkdirSync(join(folder, path), { recursive: true });
    }
    chmodSync(join(folder, "tmp"), 0o1777);
    symlinkSync("usr/bin", join(folder, "bin"));
    for (const tool of tools) addProgram(folder, which(tool), `usr/bin/${tool}`);
    addProgram(folder, process.execPath, "usr/local/bin/node");
    addLibrariesOf(bundler(), folder);
    const npm = dirname(dirname(realpathSync(which("npm"))));
    cpSync(npm, join(folder, "usr/local/lib/npm"), { recursive: true });
    symlinkSync("../lib/npm/bin/npm-cli.js", join(folder, "usr/local/bin/npm"));
    await commitFolder({ image, folder, arch, env: settings });
  } finally {
    rmSync(folder, { recursive: true });
  }
  return image;
}

/** The machine code of rolldown, as npm installs it for this machine: it needs a library more than Node does. */
function bundler(): string {
  const require = createRequire(createRequire(import.meta.url).resolve("rolldown"));
  return require.resolve(`@rolldown/binding-linux-${process.arch}-gnu`);
}

function which(tool: string): string {
  return execFileSync("sh", ["-c", `command -v "$0"`, tool], { encoding: "utf8" }).trim();
}

function addProgram(folder: string, source: string, target: string): void {
  cpSync(realpathSync(source), join(folder, target));
  addLibrariesOf(source, folder);
}

function addLibrariesOf(source: string, folder: string): void {
  const libraries = execFileSync("ldd", [source], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g);
  for (const [, library = ""] of libraries) {
    cpSync(realpathSync(library), join(folder, library), { recursive: true });
  }
}
