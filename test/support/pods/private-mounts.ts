// A command that sees folders of ours at the paths that a container's template names, and nothing else different: it runs in
// a mount namespace of its own, in which the folders are bound to these paths. Where the path does not exist on this machine,
// its nearest existing folder is covered by an overlay, so nothing is made on the machine itself.
// Needs root; the processes stay unconfined otherwise.
import { execFileSync } from "node:child_process";
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface Mount {
  readonly folder: string;
  /** Inside the container. */
  readonly path: string;
  readonly readOnly: boolean;
}

interface Step {
  readonly mount: Mount;
  /** The nearest folder of this machine on the way to the mount's path, links resolved. */
  readonly existing: string;
  /** The rest of the way, which has to be made; empty when there is none. */
  readonly missing: string;
  /** Where the folder to mount waits. */
  readonly source: string;
}

/** @throws Error that says what this machine lacks */
export function requirePrivateMounts(): void {
  try {
    execFileSync("unshare", ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/tmp"], {
      stdio: "pipe",
    });
  } catch (cause) {
    const needs = "root on Linux with the right to mount (unshare, mount and setpriv of util-linux)";
    throw new Error(`pods as local processes need ${needs}`, { cause });
  }
}

/** @throws Error for a path that cannot be made here */
export function withMounts(mounts: readonly Mount[], command: readonly string[]): readonly string[] {
  if (mounts.length === 0) return command;
  const own = stagingFolder([process.execPath, import.meta.dirname, ...mounts.map(({ folder }) => folder)]);
  const steps = mounts
    // A mount inside another comes after it.
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
    .map((mount, index) => step(mount, `${own}/source-${index}`));
  const covered = [...new Set(steps.flatMap(({ existing, missing }) => (missing === "" ? [] : [existing])))];
  const script = [
    "set -e",
    `mount -t tmpfs tmpfs ${own}`,
    // All sources are at hand before anything is covered: a mount may hide the folder that the next one comes from.
    ...steps.map(({ mount, source }) => `${make(source, mount.folder)}; mount --bind ${quote(mount.folder)} ${source}`),
    ...covered.map((folder, index) => cover(folder, `${own}/cover-${index}`)),
    ...steps.map(bind),
    'exec "$@"',
  ];
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script.join("\n"), "sh", ...command];
}

/** A folder of this machine that the container's processes can do without. */
function stagingFolder(needed: readonly string[]): string {
  const found = ["/mnt", "/media", "/srv"].find(
    (folder) => existsSync(folder) && needed.every((path) => !path.startsWith(`${folder}/`)),
  );
  if (found === undefined) throw new Error("one of the folders /mnt, /media, /srv must exist and not be in use");
  return found;
}

/** @param source where the folder waits */
function step(mount: Mount, source: string): Step {
  const { path } = mount;
  let missing = "";
  let existing = path;
  while (!existsSync(existing)) {
    missing = join(basename(existing), missing);
    existing = dirname(existing);
  }
  if (missing !== "" && existing === "/") throw new Error(`there is no folder ${path} here, and / cannot be covered`);
  return { mount, source, existing: realpathSync(existing), missing: missing.replace(/\/$/, "") };
}

function bind({ mount, existing, missing, source }: Step): string {
  const target = join(existing, missing);
  const readOnly = mount.readOnly ? `; mount -o remount,bind,ro ${quote(target)}` : "";
  return `${make(target, mount.folder)}; mount --bind ${source} ${quote(target)}${readOnly}`;
}

/** Something of the same kind to mount on. */
function make(target: string, like: string): string {
  if (statSync(like).isDirectory()) return `mkdir -p ${quote(target)}`;
  return `mkdir -p ${quote(dirname(target))}; [ -e ${quote(target)} ] || : > ${quote(target)}`;
}

function cover(folder: string, own: string): string {
  const layers = `lowerdir=${folder},upperdir=${own}/upper,workdir=${own}/work`;
  return `mkdir ${own} ${own}/upper ${own}/work; mount -t overlay overlay -o ${quote(layers)} ${quote(folder)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
