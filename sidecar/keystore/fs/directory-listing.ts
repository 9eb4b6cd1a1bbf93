// The names in a directory, kept while it stays as it is: reading a directory of 100,000 files takes a tenth of a second of
// processor time, which opening the store pays once and no listing again. A directory that has changed since tells so by its
// modification time, as soon as that is older than a file system's clock is coarse: until then nothing is kept.
import { performance } from "node:perf_hooks";
import { selectNames } from "../listing.ts";
import type { FileFacts } from "./fs-calls.ts";
import type { StoreDirectory } from "./store-directory.ts";

/** Milliseconds. Bounds what a file system could do whose clock is behind ours by more than `coarsestTickNs`. */
const longestKept = 3_600_000;
/** A change within the same tick of the clock leaves no trace; FAT's clock ticks every two seconds, others' in milliseconds. */
const coarsestTickNs = 3_000_000_000n;

type Version = Pick<FileFacts, "device" | "inode" | "modifiedAt">;

interface Reading {
  readonly version: Version;
  /** Milliseconds of the monotonic clock. */
  readonly at: number;
  readonly files: readonly string[];
  /** Names of keys in byte order, once somebody has asked for them. */
  names?: readonly string[];
}

export class DirectoryListing {
  readonly #directory: StoreDirectory;
  #kept: Reading | undefined;

  constructor(directory: StoreDirectory) {
    this.#directory = directory;
  }

  /**
   * Names of all regular files, also foreign and hidden ones.
   * @throws KesError StoreUnreachable
   */
  async files(): Promise<readonly string[]> {
    return (await this.#read()).files;
  }

  /**
   * Names of keys that start with `prefix`, in byte order: a copy, so that nobody can change what is kept.
   * @throws KesError StoreUnreachable
   */
  async names(prefix: string): Promise<string[]> {
    const reading = await this.#read();
    reading.names ??= selectNames(reading.files, "");
    return prefix === "" ? [...reading.names] : reading.names.filter((name) => name.startsWith(prefix));
  }

  async #read(): Promise<Reading> {
    const version = await this.#directory.facts();
    const at = performance.now();
    if (this.#kept !== undefined && isSame(this.#kept.version, version) && at - this.#kept.at < longestKept) {
      return this.#kept;
    }
    this.#kept = undefined;
    const isSettled = BigInt(Date.now()) * 1_000_000n - version.modifiedAt > coarsestTickNs;
    const reading: Reading = { version, at, files: await this.#directory.files() };
    if (isSettled) this.#kept = reading;
    return reading;
  }
}

function isSame(one: Version, other: Version): boolean {
  return one.modifiedAt === other.modifiedAt && one.inode === other.inode && one.device === other.device;
}
