// A new store: the directory, and for an encrypted one its marker. Used by `kes init` and the quick start; the server
// itself never makes the directory (decisions K3).
import { dirname } from "node:path";

import { KesError } from "../../errors.ts";
import { nodeFsCalls } from "./fs-calls.ts";
import type { FsCalls } from "./fs-calls.ts";
import { errnoOf, fsFailure } from "./fs-failure.ts";
import { encodeMarker, markerName } from "./marker.ts";
import { newStoreId, Sealer } from "./sealer.ts";
import { StoreDirectory } from "./store-directory.ts";
import type { WrappingKey } from "./wrapping-key.ts";

export interface InitOptions {
  /** The first seals, the rest are ignored. Empty: a plain store. */
  readonly keys: readonly WrappingKey[];
  readonly calls?: FsCalls;
}

/**
 * Makes the store at `path` durably, its missing parents too, all of mode 0700. An empty directory is taken into use.
 * @throws KesError FileExists if files are there, StoreFailed
 */
export async function initStore(path: string, { keys, calls = nodeFsCalls }: InitOptions): Promise<void> {
  await makeDirectory(path, calls);
  const directory = new StoreDirectory(path, calls);
  if ((await directory.files()).length > 0) {
    throw new KesError("FileExists", `${path} already holds files; a new key store needs an empty directory`);
  }
  await (keys.length > 0 ? createMarker(directory, keys) : markPlain(directory));
}

/** Starts with a dot, so it never is a key's name. Other programs that use a plain store need not know it. */
export const plainMarkerName = ".kes-plain-store";

/** Notes that the directory was taken into use, so that it may be empty without being taken for an unmounted volume. */
export async function markPlain(directory: StoreDirectory): Promise<void> {
  const text = "This directory is a key store of KES. Without this file an empty one would be refused.\n";
  await directory.create(plainMarkerName, Buffer.from(text), () => Promise.resolve());
}

/**
 * Makes the marker of a new store, or keeps the one another process just made.
 * @returns the bytes of the marker file that is there now
 */
export async function createMarker(directory: StoreDirectory, keys: readonly WrappingKey[]): Promise<Buffer> {
  const storeId = newStoreId();
  using sealer = new Sealer(storeId, keys);
  const bytes = encodeMarker({ storeId, state: "sealed", keyIds: keys.slice(0, 1).map((key) => key.id) }, sealer);
  return placeMarker(directory, bytes);
}

/** @returns `bytes`, or what another process placed first */
export async function placeMarker(directory: StoreDirectory, bytes: Buffer): Promise<Buffer> {
  if (await directory.create(markerName, bytes, () => Promise.resolve())) return bytes;
  const existing = await directory.read(markerName);
  if (existing !== undefined) return existing;
  throw new KesError("StoreFailed", `${markerName} in ${directory.path} vanished while it was read; try again`);
}

async function makeDirectory(path: string, calls: FsCalls): Promise<void> {
  const parent = dirname(path);
  try {
    await calls.mkdir(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") return;
    if (errno !== "ENOENT" || parent === path) throw fsFailure(error, `making the directory ${path}`);
    await makeDirectory(parent, calls);
    await makeDirectory(path, calls);
    return;
  }
  await new StoreDirectory(parent, calls).sync();
}
