// A folder whose files change all at once, laid out as the kubelet lays out a ConfigMap or Secret volume: a folder per state,
// `..data` pointing at the current one, and each visible name pointing into `..data`. A change is one rename of `..data`.
import { chmodSync, existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync } from "node:fs";
import { symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export interface VolumeFile {
  readonly bytes: Buffer;
  /** As in `chmod`. */
  readonly mode: number;
}

/** Path below the folder → file. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

export class AtomicFolder {
  readonly #path: string;
  #current: VolumeFiles | undefined;
  #states = 0;

  constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { recursive: true, mode: 0o755 });
  }

  /** Replaces everything in it; nothing happens when nothing changed. */
  write(files: VolumeFiles): void {
    if (this.#current !== undefined && isSame(this.#current, files)) return;
    const before = this.#target();
    const state = this.#newState(files);
    symlinkSync(state, join(this.#path, "..data_tmp"));
    renameSync(join(this.#path, "..data_tmp"), join(this.#path, "..data"));
    this.#linkNames(new Set([...files.keys()].map((path) => path.split("/")[0] ?? "")));
    if (before !== undefined) rmSync(join(this.#path, before), { recursive: true, force: true });
    this.#current = files;
  }

  #target(): string | undefined {
    const data = join(this.#path, "..data");
    return existsSync(data) ? readlinkSync(data) : undefined;
  }

  #newState(files: VolumeFiles): string {
    this.#states += 1;
    const stamp = new Date()
      .toISOString()
      .replaceAll(/[-T:.]/g, "_")
      .replace("Z", "");
    const name = `..${stamp}.${this.#states}`;
    mkdirSync(join(this.#path, name), { mode: 0o755 });
    for (const [path, { bytes, mode }] of files) {
      const file = join(this.#path, name, path);
      mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
      writeFileSync(file, bytes);
      chmodSync(file, mode);
    }
    return name;
  }

  #linkNames(names: ReadonlySet<string>): void {
    const present = readdirSync(this.#path).filter((name) => !name.startsWith(".."));
    for (const name of present) if (!names.has(name)) unlinkSync(join(this.#path, name));
    for (const name of names) {
      if (!present.includes(name)) symlinkSync(join("..data", name), join(this.#path, name));
    }
  }
}

function isSame(a: VolumeFiles, b: VolumeFiles): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([path, file]) => {
    const other = b.get(path);
    return other !== undefined && other.mode === file.mode && other.bytes.equals(file.bytes);
  });
}
