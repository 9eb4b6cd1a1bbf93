// The embedded store: one directory, one file per key, named as the key (reference 5.5). store-directory.ts makes
// every change durable, a ValueForm says how a value lies in its file: plain, byte for byte as the Go server writes
// it, or sealed. A key that is not there is only ever "not found" after another look at the directory: an unmounted
// volume is an outage. Symbolic links are not followed and, like directories and stray files, not listed.
import { performance } from "node:perf_hooks";

import { isKesError, KesError } from "../../errors.ts";
import type { Keystore, StoreStatus } from "../keystore.ts";
import { keyExists, keyNotFound, requireName, requireSize } from "../listing.ts";
import { untilAborted } from "../until-aborted.ts";
import type { DirectoryListing } from "./directory-listing.ts";
import type { Leftovers } from "./leftovers.ts";
import type { StoreDirectory } from "./store-directory.ts";
import type { ValueForm } from "./value-form.ts";

export interface FsParts {
  readonly directory: StoreDirectory;
  readonly listing: DirectoryListing;
  readonly form: ValueForm;
  readonly leftovers: Leftovers;
}

export class FsKeystore implements Keystore {
  readonly type = "fs";
  readonly label: string;
  readonly atomicCreate = true;
  readonly #directory: StoreDirectory;
  readonly #listing: DirectoryListing;
  readonly #form: ValueForm;
  readonly #leftovers: Leftovers;

  /** Owns the parts. */
  constructor({ directory, listing, form, leftovers }: FsParts) {
    this.label = `Filesystem: ${directory.path}`;
    this.#directory = directory;
    this.#listing = listing;
    this.#form = form;
    this.#leftovers = leftovers;
  }

  create(name: string, value: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.#run("creating a key", signal, async () => {
      requireName(name);
      requireSize(name, value);
      const encoded = await this.#form.encode(name, value);
      if (!(await this.#createFile(name, encoded, signal))) throw keyExists(name);
      await this.#sealAnew(name, value, encoded);
    });
  }

  get(name: string, signal: AbortSignal): Promise<Buffer> {
    return this.#run("reading a key", signal, async () => {
      requireName(name);
      const bytes = await this.#directory.read(name);
      if (bytes !== undefined) return this.#form.decode(name, bytes);
      await this.#form.confirmPresent();
      throw keyNotFound(name);
    });
  }

  delete(name: string, signal: AbortSignal): Promise<void> {
    return this.#run("deleting a key", signal, async () => {
      requireName(name);
      await this.#form.confirmDelete();
      signal.throwIfAborted();
      if (!(await this.#directory.remove(name))) throw keyNotFound(name);
    });
  }

  list(prefix: string, signal: AbortSignal): Promise<string[]> {
    return this.#run("listing the keys", signal, async () => {
      const names = await this.#listing.names(prefix);
      await this.#form.confirmPresent();
      return names;
    });
  }

  status(signal: AbortSignal): Promise<StoreStatus> {
    return this.#run("looking at the key store", signal, async () => {
      const start = performance.now();
      await this.#form.confirmPresent();
      return { latency: performance.now() - start };
    });
  }

  adopt(signal: AbortSignal): Promise<void> {
    return this.#run("taking the key store into use", signal, () => this.#form.adopt());
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#leftovers[Symbol.dispose]();
    this.#form.dispose();
    return Promise.resolve();
  }

  async #createFile(name: string, encoded: Buffer, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#directory.create(name, encoded, async () => {
        signal.throwIfAborted();
        await this.#form.confirmCreate(encoded);
      });
    } catch (error) {
      if (!isKesError(error) || error.details["errno"] !== "ENOENT") throw error;
      await this.#form.confirmPresent();
      throw new KesError("StoreFailed", `key ${name} was created while the key store was converted; try again`, {
        cause: error,
      });
    }
  }

  /**
   * A conversion that began before the new name was there may not have seen it, and leaves the store to its wrapping key
   * alone. One that begins now sees the name.
   */
  async #sealAnew(name: string, value: Uint8Array, encoded: Buffer): Promise<void> {
    for (let stored = encoded; ;) {
      const wanted = await this.#form.encodeAnew(name, value, stored);
      if (wanted === undefined || !(await this.#holds(name, stored))) return;
      await this.#directory.replace(name, wanted, async () => {
        if (!(await this.#holds(name, stored))) throw changedMeanwhile(name);
      });
      stored = wanted;
    }
  }

  async #holds(name: string, bytes: Buffer): Promise<boolean> {
    return (await this.#directory.read(name))?.equals(bytes) === true;
  }

  #run<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return untilAborted(work, signal, `${what} in ${this.#directory.path}`);
  }
}

function changedMeanwhile(name: string): KesError {
  return new KesError("StoreFailed", `key ${name} was changed by somebody else while it was created; look at it`);
}
