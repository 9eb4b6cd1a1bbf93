// What killed servers left behind in a directory: temporary files, each of which holds a key. They are looked for when the
// store is opened and once more when those have come of age that were too young then to be told from a create under way.
import { temporaryFiles } from "./store-directory.ts";
import type { DirectoryListing } from "./directory-listing.ts";
import type { StoreDirectory } from "./store-directory.ts";

/** Milliseconds. A temporary file this old belongs to nobody: no create lives longer. Another server's are left to it. */
const abandonedAfter = 300_000;

export class Leftovers implements Disposable {
  readonly #directory: StoreDirectory;
  readonly #listing: DirectoryListing;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds since the epoch */
  constructor(directory: StoreDirectory, listing: DirectoryListing, now: () => number) {
    this.#directory = directory;
    this.#listing = listing;
    this.#now = now;
  }

  /**
   * Removes temporary files of creates that died, now and once more later. Even a wrong guess is safe: a create whose
   * temporary file is taken away before its link fails as a whole, and the directory is synced before any goes.
   * @throws KesError StoreUnreachable
   */
  async sweep(): Promise<void> {
    await this.#removeOld();
    this.#timer = setTimeout(() => {
      // What cannot be removed is for the next start to complain of.
      this.#removeOld().catch(() => undefined);
    }, abandonedAfter + 1000).unref();
  }

  async #removeOld(): Promise<void> {
    const old: string[] = [];
    for (const name of temporaryFiles(await this.#listing.files())) {
      const facts = await this.#directory.factsOf(name);
      const age = facts === undefined ? 0n : BigInt(this.#now()) * 1_000_000n - facts.modifiedAt;
      if (age > BigInt(abandonedAfter) * 1_000_000n) old.push(name);
    }
    if (old.length > 0) await this.#directory.discardTemporary(old);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
