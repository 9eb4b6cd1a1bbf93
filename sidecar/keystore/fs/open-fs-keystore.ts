// What must hold before a directory is used as a key store (decisions K3): it exists (the server never makes it), it
// is not empty (an empty one may be the mount point of a volume that is not there), and it is encrypted exactly if
// wrapping keys are configured and are the right ones.
import type { FsKeystoreConfig } from "../../contract/config.ts";
import { isKesError, KesError, messageOf } from "../../errors.ts";
import type { Keystore } from "../keystore.ts";
import { DirectoryListing } from "./directory-listing.ts";
import { nodeFsCalls } from "./fs-calls.ts";
import type { FsCalls } from "./fs-calls.ts";
import { FsKeystore } from "./fs-keystore.ts";
import { createMarker, markPlain, plainMarkerName } from "./init-store.ts";
import { Leftovers } from "./leftovers.ts";
import { loadWrappingKeys } from "./load-wrapping-keys.ts";
import { markerName } from "./marker.ts";
import { PlainForm } from "./plain-form.ts";
import { SealedForm } from "./sealed-form.ts";
import { StoreDirectory } from "./store-directory.ts";
import type { ValueForm } from "./value-form.ts";
import type { WrappingKey } from "./wrapping-key.ts";

export interface FsOptions {
  /** Called with one sentence for each thing that works but should be changed. */
  readonly onWarning?: (message: string) => void;
  readonly calls?: FsCalls;
  /** Milliseconds since the epoch; for the age of leftovers. */
  readonly now?: () => number;
}

/** @throws KesError, see openKeystore */
export async function openFsKeystore(config: FsKeystoreConfig, options: FsOptions = {}): Promise<Keystore> {
  const warn = options.onWarning ?? (() => undefined);
  const keys = await loadWrappingKeys(config.encryption, warn);
  try {
    const directory = new StoreDirectory(config.path, options.calls ?? nodeFsCalls);
    await requireDirectory(directory);
    const listing = new DirectoryListing(directory);
    const form = await openForm(directory, listing, config, keys);
    const leftovers = new Leftovers(directory, listing, options.now ?? Date.now);
    await tidy(directory, leftovers, warn);
    return new FsKeystore({ directory, listing, form, leftovers });
  } finally {
    for (const key of keys) key[Symbol.dispose]();
  }
}

async function requireDirectory(directory: StoreDirectory): Promise<void> {
  try {
    await directory.facts();
  } catch (error) {
    if (!isKesError(error, "StoreUnreachable")) throw error;
    const reason =
      error.details["errno"] === undefined
        ? "is not a directory; check keystore.fs.path"
        : "does not exist; mount its volume, or for a new store make the directory and set keystore.fs.init: true";
    throw new KesError("StoreMissing", `the key store directory ${directory.path} ${reason}`, { cause: error });
  }
}

function openForm(
  directory: StoreDirectory,
  listing: DirectoryListing,
  config: FsKeystoreConfig,
  keys: readonly WrappingKey[],
): Promise<ValueForm> {
  if (keys.length === 0) return openPlain(directory, listing, config);
  return openSealed(directory, listing, config, keys);
}

async function openPlain(
  directory: StoreDirectory,
  listing: DirectoryListing,
  { init }: FsKeystoreConfig,
): Promise<ValueForm> {
  if ((await directory.factsOf(markerName)) !== undefined) {
    throw new KesError(
      "StoreNotEncrypted",
      `the key store ${directory.path} is encrypted, but no wrapping key is configured; set keystore.fs.encryption`,
    );
  }
  if (await isEmpty(listing)) await takeIntoUse(directory, init);
  return new PlainForm(directory, await directory.facts());
}

/** A plain store that holds no key yet is told from an unmounted volume by the file that its first start left. */
async function takeIntoUse(directory: StoreDirectory, init: boolean): Promise<void> {
  if ((await directory.factsOf(plainMarkerName)) !== undefined) return;
  if (!init) throw empty(directory);
  await markPlain(directory);
}

async function openSealed(
  directory: StoreDirectory,
  listing: DirectoryListing,
  { init }: FsKeystoreConfig,
  keys: readonly WrappingKey[],
): Promise<ValueForm> {
  const existing = await directory.read(markerName);
  if (existing === undefined && !(await isEmpty(listing))) {
    throw new KesError(
      "StoreNotEncrypted",
      `a wrapping key is configured, but the key store ${directory.path} is not encrypted; run 'kes keystore encrypt'`,
    );
  }
  if (existing === undefined && !init) throw empty(directory);
  return SealedForm.open(directory, existing ?? (await createMarker(directory, keys)), keys);
}

/** `lost+found` and other foreign entries do not count. */
async function isEmpty(listing: DirectoryListing): Promise<boolean> {
  return (await listing.names("")).length === 0;
}

function empty(directory: StoreDirectory): KesError {
  return new KesError(
    "StoreEmpty",
    `the key store directory ${directory.path} is empty, as a volume that is not mounted would be; ` +
      `mount it, or set keystore.fs.init: true to start a new store there`,
  );
}

/** A directory that cannot be written can still be read. */
async function tidy(directory: StoreDirectory, leftovers: Leftovers, warn: (message: string) => void): Promise<void> {
  try {
    await directory.sync();
    await leftovers.sweep();
    const { mode } = await directory.facts();
    if ((mode & 0o022) !== 0) {
      warn(`the key store directory ${directory.path} can be written by others than the server's user; use mode 0700`);
    }
  } catch (error) {
    warn(`the key store directory ${directory.path} could not be tidied up: ${messageOf(error)}`);
  }
}
