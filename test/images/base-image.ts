// The base that the images are built on here, where no registry can be reached: Node, stripped, with the C and C++ libraries it
// needs and the CA certificates, from Debian's packages of the machine the image is for. It is laid out as the base that the
// Dockerfiles name, with Node at /nodejs/bin/node, and has no shell either.
import { execFileSync } from "node:child_process";
import { hash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
} from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../env/cache-folder.ts";
import { commitFolder } from "./buildah.ts";

/** As Debian and OCI call it, which is not what Node does. */
export type Arch = "amd64" | "arm64";

const root = join(import.meta.dirname, "../..");
const packages = ["libc6", "libgcc-s1", "libstdc++6", "libatomic1", "ca-certificates"];
const nodeArch = { amd64: "x64", arm64: "arm64" } as const;

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
}

/** @returns the image's name, which exists then. @throws Error when packages or Node cannot be fetched */
export async function makeBaseImage(arch: Arch): Promise<string> {
  const image = `localhost/kes-base-${arch}`;
  await commitFolder({ image, folder: baseFolder(arch), arch });
  return image;
}

/** Made once per release of Node. */
function baseFolder(arch: Arch): string {
  const { version } = lockedNode(arch);
  const folder = join(cacheFolder(), `image-base-node-${version}-${arch}`);
  if (existsSync(folder)) return folder;
  const unfinished = mkdtempSync(`${folder}.`);
  try {
    chmodSync(unfinished, 0o755);
    addLibraries(unfinished, arch);
    addNode(unfinished, arch);
    addFiles(unfinished);
    renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function lockedNode(arch: Arch): { readonly name: string; readonly version: string; readonly integrity: string } {
  const name = `node-linux-${nodeArch[arch]}`;
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock;
  const locked = packages[`node_modules/${name}`];
  if (locked === undefined) throw new Error(`package-lock.json does not know ${name}`);
  return { name, ...locked };
}

/** apt with lists and caches of its own: the machine need not know the other machine's packages. */
function addLibraries(folder: string, arch: Arch): void {
  const own = join(folder, "apt");
  for (const part of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(own, part), { recursive: true });
  const options = [
    `APT::Architecture=${arch}`,
    `APT::Architectures=${arch}`,
    `Dir::State=${own}`,
    `Dir::State::status=/dev/null`,
    `Dir::Cache=${join(own, "cache")}`,
    "APT::Sandbox::User=root",
  ].flatMap((option) => ["-o", option]);
  const apt = (...args: readonly string[]): void =>
    void execFileSync("apt-get", [...options, "-qq", ...args], { cwd: own, stdio: ["ignore", "ignore", "inherit"] });
  apt("update");
  apt("download", ...packages);
  for (const file of globSync(join(own, "*.deb"))) execFileSync("dpkg-deb", ["-x", file, folder]);
  rmSync(own, { recursive: true });
}

function addNode(folder: string, arch: Arch): void {
  const target = join(folder, "nodejs/bin/node");
  mkdirSync(join(folder, "nodejs/bin"), { recursive: true });
  const installed = join(root, "node_modules", lockedNode(arch).name, "bin/node");
  if (existsSync(installed)) copyFileSync(installed, target);
  else fetchNode(target, arch);
  chmodSync(target, 0o755);
  try {
    execFileSync("strip", [target], { stdio: "ignore" });
  } catch {
    // Symbols of another machine's program; it is larger then.
  }
}

function fetchNode(target: string, arch: Arch): void {
  const { name, version, integrity } = lockedNode(arch);
  const folder = mkdtempSync(`${target}.`);
  const args = ["pack", "--silent", `${name}@${version}`];
  const archive = join(folder, execFileSync("npm", args, { cwd: folder, encoding: "utf8" }).trim());
  const found = `sha512-${hash("sha512", readFileSync(archive), "base64")}`;
  if (found !== integrity) throw new Error(`${name}@${version} is not what package-lock.json says: ${found}`);
  execFileSync("tar", ["xzf", archive, "package/bin/node"], { cwd: folder });
  renameSync(join(folder, "package/bin/node"), target);
  rmSync(folder, { recursive: true });
}

/** What packages would do when they are installed; and away with what a server never opens. */
function addFiles(folder: string): void {
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const authorities = globSync(join(folder, "usr/share/ca-certificates/mozilla/*.crt")).toSorted();
  write("etc/ssl/certs/ca-certificates.crt", authorities.map((file) => readFileSync(file, "utf8")).join(""));
  write(
    "etc/passwd",
    "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n",
  );
  write("etc/group", "root:x:0:\nnonroot:x:65532:\n");
  write("etc/nsswitch.conf", "hosts: files dns\n");
  for (const path of ["proc", "sys", "dev", "tmp"]) mkdirSync(join(folder, path), { recursive: true });
  chmodSync(join(folder, "tmp"), 0o1777);
  const unused = ["usr/share/ca-certificates", "usr/share/lintian", "usr/share/man", "usr/sbin", "lib/*/audit"];
  for (const path of [...unused, "usr/lib/*/{gconv,audit}", "usr/share/{gcc,gdb}"]) {
    for (const found of globSync(join(folder, path))) rmSync(found, { recursive: true });
  }
}
