// The names in a directory, kept for a few seconds: reading a directory of 100,000 files takes a tenth of a second of processor
// time, and a client that asks for page after page would pay it for each. What is kept is taken only while the directory has
// not changed, which its modification time tells as soon as it is older than a file system's clock is coarse.
import { selectNames } from "../listing.ts";
import type { FileFacts } from "./fs-calls.ts";
import type { StoreDirectory } from "./store-directory.ts";

/** Milliseconds until the names are dropped. */
const kept = 10_000;
/** A change within the same tick of the clock leaves no trace; FAT's clock ticks every two seconds, others' in milliseconds. */
const coarsestTickNs = 3_000_000_000n;

type Version = Pick<FileFacts, "device" | "inode" | "modifiedAt">;

export class DirectoryListing implements Disposable {
  readonly #directory: StoreDirectory;
  #names: { readonly version: Version; readonly all: readonly string[] } | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(directory: StoreDirectory) {
    this.#directory = directory;
  }

  /**
   * Names of keys that start with `prefix`, in byte order.
   * @throws KesError StoreUnreachable
   */
  async names(prefix: string): Promise<string[]> {
    const version = await this.#directory.facts();
    if (this.#names !== undefined && isSame(this.#names.version, version)) return select(this.#names.all, prefix);
    this[Symbol.dispose]();
    const isSettled = BigInt(Date.now()) * 1_000_000n - version.modifiedAt > coarsestTickNs;
    const files = await this.#directory.files();
    if (!isSettled) return selectNames(files, prefix);
    const all = selectNames(files, "");
    this.#names = { version, all };
    this.#expiry = setTimeout(() => (this.#names = undefined), kept).unref();
    return select(all, prefix);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#expiry);
    this.#names = undefined;
  }
}

function isSame(one: Version, other: Version): boolean {
  return one.modifiedAt === other.modifiedAt && one.inode === other.inode && one.device === other.device;
}

/** A copy, so that nobody can change what is kept. */
function select(all: readonly string[], prefix: string): string[] {
  return prefix === "" ? [...all] : all.filter((name) => name.startsWith(prefix));
}
