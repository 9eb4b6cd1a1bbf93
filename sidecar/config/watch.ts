// Notices that files change: the configuration, certificates, keys, CA directories. It watches the directories they
// are in, not the files, because editors replace files and Kubernetes swaps a `..data` symlink beside them; and it
// looks again every few seconds, because not every file system reports changes (network mounts, a directory that
// appears later). A change is a change of content: touching a file reports nothing.
import { createHash } from "node:crypto";
import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

export interface WatchOptions {
  /** Milliseconds of quiet before files are compared. */
  readonly debounce?: number | undefined;
  /** Milliseconds between two looks without any event. */
  readonly poll?: number | undefined;
}

export interface FileWatch extends AsyncDisposable {
  /** Settles once the first look is done; what changes afterwards is reported. */
  readonly ready: Promise<void>;
}

/**
 * Calls `onChange` with those of `paths` (files or directories of files) whose content is another than before, also
 * when one appears or vanishes. One call at a time; missing files and unreadable directories are no error. `onChange`
 * must not throw. Watching does not keep the process alive.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: (changed: readonly string[]) => void | Promise<void>,
  options: WatchOptions = {},
): FileWatch {
  return new Watch(paths, onChange, options);
}

interface Seen {
  readonly stamp: string;
  readonly digest: string;
}

class Watch implements FileWatch {
  readonly ready: Promise<void>;
  readonly #paths: readonly string[];
  readonly #onChange: (changed: readonly string[]) => void | Promise<void>;
  readonly #debounce: number;
  readonly #seen = new Map<string, Seen>();
  readonly #directories = new Map<string, { watcher: FSWatcher; inode: bigint }>();
  readonly #poll: NodeJS.Timeout;
  #quiet: NodeJS.Timeout | undefined;
  #turn: Promise<void>;
  #closed = false;
  #waiting = false;

  constructor(
    paths: readonly string[],
    onChange: (changed: readonly string[]) => void | Promise<void>,
    options: WatchOptions,
  ) {
    this.#paths = [...new Set(paths)];
    this.#onChange = onChange;
    this.#debounce = options.debounce ?? 200;
    this.ready = this.#start();
    this.#turn = this.ready;
    this.#poll = setInterval(() => this.#look(), options.poll ?? 5000).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    clearTimeout(this.#quiet);
    await this.#turn;
    for (const { watcher } of this.#directories.values()) watcher.close();
    this.#directories.clear();
  }

  /** Arms first and looks afterwards, so that no change falls between the two. */
  async #start(): Promise<void> {
    await this.#arm();
    for (const path of this.#paths) this.#seen.set(path, await see(path, undefined));
  }

  #event(): void {
    if (this.#closed) return;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#look(), this.#debounce).unref();
  }

  /** Compares after whatever comparison runs now; more than one that waits would find nothing new. */
  #look(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#turn = this.#turn.then(() => this.#compare());
  }

  async #compare(): Promise<void> {
    this.#waiting = false;
    if (this.#closed) return;
    await this.#arm();
    const changed: string[] = [];
    for (const path of this.#paths) {
      const before = this.#seen.get(path);
      const now = await see(path, before);
      this.#seen.set(path, now);
      if (now.digest !== before?.digest) changed.push(path);
    }
    if (changed.length > 0 && !this.#closed) await this.#onChange(changed);
  }

  /** Watches every directory that exists; a directory that was replaced by another is watched anew. */
  async #arm(): Promise<void> {
    const wanted = new Set(this.#paths.flatMap((path) => [dirname(resolve(path)), resolve(path)]));
    for (const directory of wanted) {
      const status = await stat(directory, { bigint: true }).catch(() => undefined);
      const armed = this.#directories.get(directory);
      if (status?.isDirectory() === true && armed?.inode === status.ino) continue;
      armed?.watcher.close();
      this.#directories.delete(directory);
      if (status?.isDirectory() === true && !this.#closed) this.#watch(directory, status.ino);
    }
  }

  #watch(directory: string, inode: bigint): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#event());
      // An error ends the watcher; polling goes on and arms another.
      watcher.on("error", () => {
        watcher.close();
        this.#directories.delete(directory);
      });
      this.#directories.set(directory, { watcher, inode });
    } catch {
      // No watch to be had (limits of the system): polling notices changes.
    }
  }
}

const absent: Seen = { stamp: "absent", digest: "absent" };

/** What stands at `path` now; content is read only if the file's stamp differs from `before`. */
async function see(path: string, before: Seen | undefined): Promise<Seen> {
  const status = await stat(path, { bigint: true }).catch(() => undefined);
  if (status === undefined) return absent;
  if (status.isDirectory()) return seeDirectory(path);
  const stamp = `${status.dev}:${status.ino}:${status.size}:${status.mtimeNs}:${status.ctimeNs}`;
  if (stamp === before?.stamp) return before;
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? absent : { stamp, digest: createHash("sha256").update(bytes).digest("hex") };
}

async function seeDirectory(path: string): Promise<Seen> {
  const names: string[] = await readdir(path).catch(() => []);
  const files: string[] = [];
  names.sort(byText);
  for (const name of names) {
    const file = join(path, name);
    const status = await stat(file).catch(() => undefined);
    if (status?.isFile() === true) files.push(`${name} ${(await see(file, undefined)).digest}`);
  }
  return { stamp: "directory", digest: `directory ${files.join("\n")}` };
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
