// Durable changes to one directory (decisions K2). A file appears under its name whole or not at all, whatever stops
// the program: it is written under a temporary name, synced, and only then given its name, by link(2) (which fails
// where the name is taken) or rename(2) (which replaces); then the directory is synced, then the caller answers.
//
//   create:   open(.kes-tmp-…) → write → fsync → confirm → link(name) → fsync(directory) → unlink(.kes-tmp-…)
//   replace:  open(.kes-tmp-…) → write → fsync → confirm → rename(name) → fsync(directory)
//   remove:   unlink(name) → fsync(directory)
//
// `confirm` is the caller's last look at the directory. If the volume is swapped before it, the look fails; if after,
// the temporary file is not on the new volume and link fails: a key never lands on the bare mount point.
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { KesError } from "../../errors.ts";
import { maxValueSize } from "../listing.ts";
import type { FileFacts, FsCalls } from "./fs-calls.ts";
import { errnoOf, fsFailure, linkFailure } from "./fs-failure.ts";

/** Starts with a dot, so it never is a key's name. */
const temporaryPrefix = ".kes-tmp-";

/** Those of `files` that a create made and has not removed yet. */
export function temporaryFiles(files: readonly string[]): string[] {
  return files.filter((name) => name.startsWith(temporaryPrefix));
}

/** Sealing adds a few bytes to a value of the largest size. */
const maxFileSize = maxValueSize + 256;

export class StoreDirectory {
  readonly path: string;
  readonly #calls: FsCalls;

  constructor(path: string, calls: FsCalls) {
    this.path = path;
    this.#calls = calls;
  }

  /** Facts of the directory itself. @throws KesError StoreUnreachable where it is gone */
  async facts(): Promise<FileFacts> {
    try {
      const facts = await this.#calls.stat(this.path);
      if (facts.kind === "directory") return facts;
    } catch (error) {
      throw fsFailure(error, `looking at the key store directory ${this.path}`);
    }
    throw new KesError("StoreUnreachable", `${this.path} is not a directory; is the volume mounted?`);
  }

  /** Facts of the file `name`, or undefined if there is none. */
  async factsOf(name: string): Promise<FileFacts | undefined> {
    try {
      return await this.#calls.lstat(this.#pathOf(name));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw fsFailure(error, `looking at ${name} in ${this.path}`);
    }
  }

  /** Names of all regular files, also foreign and hidden ones. */
  async files(): Promise<string[]> {
    try {
      return await this.#calls.files(this.path);
    } catch (error) {
      throw fsFailure(error, `listing ${this.path}`);
    }
  }

  /**
   * The file's bytes, or undefined if there is none.
   * @throws KesError KeyCorrupt if it is no regular file or larger than any value
   */
  async read(name: string): Promise<Buffer | undefined> {
    const what = `reading ${name} in ${this.path}`;
    try {
      const file = await this.#calls.open(this.#pathOf(name), "read");
      try {
        const facts = await file.facts();
        requireReadable(facts, what);
        const bytes = await file.read(facts.size + 1);
        requireReadable({ ...facts, size: bytes.length }, what);
        // A second name means its create has not synced the directory yet, and may be dead: do it for it, or a key
        // in use could vanish with the power.
        if (facts.links > 1) await this.sync();
        return bytes;
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw fsFailure(error, what);
    }
  }

  /**
   * Creates the file durably. Where the directory cannot be synced, the temporary name stays, for readers to see.
   * @returns false, with nothing changed, if the name is taken
   */
  async create(name: string, bytes: Uint8Array, confirm: () => Promise<void>): Promise<boolean> {
    const what = `creating ${name} in ${this.path}`;
    const temporary = await this.#writeTemporary(bytes, what);
    let isUnsynced = false;
    try {
      await confirm();
      isUnsynced = await this.#link(temporary, name, what);
      if (!isUnsynced) return false;
      await this.sync();
      isUnsynced = false;
      return true;
    } finally {
      if (!isUnsynced) await this.#discard(temporary);
    }
  }

  /** Gives the file new bytes durably; a crash leaves the old or the new ones. */
  async replace(name: string, bytes: Uint8Array, confirm: () => Promise<void>): Promise<void> {
    const what = `replacing ${name} in ${this.path}`;
    const temporary = await this.#writeTemporary(bytes, what);
    try {
      await confirm();
      await this.#calls.rename(temporary, this.#pathOf(name));
    } catch (error) {
      await this.#discard(temporary);
      throw fsFailure(error, what);
    }
    await this.sync();
  }

  /** Removes the file durably, under its temporary name too. @returns false if there is none */
  async remove(name: string): Promise<boolean> {
    const facts = await this.factsOf(name);
    try {
      await this.#calls.unlink(this.#pathOf(name));
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw fsFailure(error, `deleting ${name} in ${this.path}`);
    }
    await this.sync();
    if (facts !== undefined && facts.links > 1) await this.#discardTwinsOf(facts);
    return true;
  }

  /** Makes every name that is visible now survive a power cut. */
  async sync(): Promise<void> {
    try {
      const directory = await this.#calls.open(this.path, "directory");
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    } catch (error) {
      throw fsFailure(error, `syncing ${this.path}`);
    }
  }

  /** Removes these temporary files, after a sync: the second name may be all that asks for one. */
  async discardTemporary(names: readonly string[]): Promise<void> {
    await this.sync();
    for (const name of names) await this.#discard(this.#pathOf(name));
  }

  async #discardTwinsOf({ device, inode }: FileFacts): Promise<void> {
    for (const name of temporaryFiles(await this.files())) {
      const facts = await this.factsOf(name);
      if (facts?.device === device && facts.inode === inode) await this.#discard(this.#pathOf(name));
    }
  }

  async #writeTemporary(bytes: Uint8Array, what: string): Promise<string> {
    const path = join(this.path, temporaryPrefix + randomBytes(12).toString("hex"));
    try {
      const file = await this.#calls.open(path, "create");
      try {
        await file.write(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      return path;
    } catch (error) {
      await this.#discard(path);
      throw fsFailure(error, what);
    }
  }

  async #link(temporary: string, name: string, what: string): Promise<boolean> {
    try {
      await this.#calls.link(temporary, this.#pathOf(name));
      return true;
    } catch (error) {
      // A file server may have linked it, lost its answer, and met its own link when it was asked again.
      if (await this.#hasTwoNames(temporary)) return true;
      if (errnoOf(error) === "EEXIST") return false;
      throw linkFailure(error, what);
    }
  }

  async #hasTwoNames(path: string): Promise<boolean> {
    try {
      return (await this.#calls.lstat(path)).links > 1;
    } catch {
      return false;
    }
  }

  /** A temporary file that cannot be removed is left to the next sweep. */
  async #discard(path: string): Promise<void> {
    try {
      await this.#calls.unlink(path);
    } catch {
      // Nothing depends on it: the name starts with a dot and is never read.
    }
  }

  #pathOf(name: string): string {
    return join(this.path, name);
  }
}

function requireReadable(facts: FileFacts, what: string): void {
  if (facts.kind !== "file") throw new KesError("KeyCorrupt", `${what} failed: it is not a regular file; remove it`);
  if (facts.size > maxFileSize) {
    throw new KesError("KeyCorrupt", `${what} failed: it is larger than the 1 MiB a key can have; remove it`);
  }
}
