// The file operations the fs store is made of, one system call each, so that their order is visible in the code that
// makes them and a test can record it, replay every prefix of it, or let a call fail.
import { constants } from "node:fs";
import type { BigIntStats } from "node:fs";
import { link, lstat, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

export interface FileFacts {
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: number;
  /** Names this file has; 2 while a create is between link and unlink. */
  readonly links: number;
  /** Permission bits. */
  readonly mode: number;
  /** Nanoseconds since the epoch. */
  readonly modifiedAt: bigint;
}

export interface FsFile {
  /** At most `limit` bytes from the start. */
  read(limit: number): Promise<Buffer>;
  write(bytes: Uint8Array): Promise<void>;
  /** fsync(2). */
  sync(): Promise<void>;
  facts(): Promise<FileFacts>;
  close(): Promise<void>;
}

/** How a path is opened: an existing file, a new file of mode 0600 that must not exist, or a directory. */
export type OpenMode = "read" | "create" | "directory";

/** Errors are those of node:fs, with a `code`. */
export interface FsCalls {
  open(path: string, mode: OpenMode): Promise<FsFile>;
  /** Fails with EEXIST if `to` exists. */
  link(from: string, to: string): Promise<void>;
  /** Replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Mode 0700. */
  mkdir(path: string): Promise<void>;
  /** Follows a symbolic link. */
  stat(path: string): Promise<FileFacts>;
  /** Of the link itself. */
  lstat(path: string): Promise<FileFacts>;
  /** Names of the regular files in a directory. */
  files(path: string): Promise<string[]>;
}

// O_NOFOLLOW: a link would be replaced by a file on rewrap and leave its target behind. O_NONBLOCK: opening a FIFO
// someone left in the directory must not hang a thread of the pool.
const flags: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
  directory: constants.O_RDONLY | constants.O_DIRECTORY,
};

export const nodeFsCalls: FsCalls = {
  open: async (path, mode) => new NodeFile(await open(path, flags[mode], 0o600)),
  link,
  rename,
  unlink,
  mkdir: (path) => mkdir(path, { mode: 0o700 }),
  stat: async (path) => factsOf(await stat(path, { bigint: true })),
  lstat: async (path) => factsOf(await lstat(path, { bigint: true })),
  files: async (path) => {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  },
};

class NodeFile implements FsFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(limit: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(limit);
    let length = 0;
    while (length < limit) {
      const { bytesRead } = await this.#handle.read(buffer, length, limit - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#handle.writeFile(bytes);
  }

  sync(): Promise<void> {
    return this.#handle.sync();
  }

  async facts(): Promise<FileFacts> {
    return factsOf(await this.#handle.stat({ bigint: true }));
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

function factsOf(stats: BigIntStats): FileFacts {
  return {
    kind: kindOf(stats),
    device: stats.dev,
    inode: stats.ino,
    size: Number(stats.size),
    links: Number(stats.nlink),
    mode: Number(stats.mode) & 0o7777,
    modifiedAt: stats.mtimeNs,
  };
}

function kindOf(stats: BigIntStats): FileFacts["kind"] {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "symlink" : "other";
}
