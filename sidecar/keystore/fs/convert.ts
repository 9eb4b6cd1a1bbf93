// `kes keystore encrypt` and `kes keystore rewrap`: every value is read, sealed with the first wrapping key, put in
// its place atomically, read back and compared. Each can be stopped at any instant and run again, and runs while
// servers use the directory. The marker tells them, since they look at it before every change:
//
//   encrypt:  (no marker) ── encrypting ──► convert all ──► sealed         plain values are read until then
//   rewrap:    sealed     ── rewrapping ──► convert all ──► sealed, the first wrapping key alone
//
// In between nothing is deleted (a value on its way would bring a deleted key back) and new values are sealed with
// the first key; `settle` lets changes that were already under way finish before the first value is touched. A
// server that has no wrapping key yet goes on reading plain values, cannot read converted ones and refuses to create:
// `prepare` only writes the marker, so that servers can be restarted with the key before anything changes.
import { setTimeout as delay } from "node:timers/promises";

import { KesError } from "../../errors.ts";
import { selectNames } from "../listing.ts";
import { nodeFsCalls } from "./fs-calls.ts";
import type { FsCalls } from "./fs-calls.ts";
import { placeMarker } from "./init-store.ts";
import { encodeMarker, markerName } from "./marker.ts";
import { SealedForm, sealingKeyId } from "./sealed-form.ts";
import { newStoreId, sealedHeader, Sealer } from "./sealer.ts";
import { StoreDirectory, temporaryFiles } from "./store-directory.ts";
import type { WrappingKey } from "./wrapping-key.ts";

export interface ConvertOptions {
  /** After each value: how many of `total` are done. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between two values; running again goes on from there. */
  readonly signal?: AbortSignal;
  /** `encrypt` only: write the marker and stop. */
  readonly prepare?: boolean;
  /** Milliseconds to wait for changes under way; default 1000. */
  readonly settle?: number;
  readonly calls?: FsCalls;
}

export interface ConvertReport {
  readonly total: number;
  /** Values that were written anew and compared. */
  readonly converted: number;
  /** Values that already were as wanted. */
  readonly kept: number;
}

/**
 * Encrypts the plain store in `path`, or finishes what was begun; `keys`: the first seals, all open. A marker that
 * was lost is made again from the sealed values. Plain values in a sealed store are taken in: run it only on values
 * you trust.
 * @throws KesError StoreEmpty | StoreWrongKey | StoreUnreachable | StoreFailed | KeyCorrupt
 */
export async function encryptStore(
  path: string,
  keys: readonly WrappingKey[],
  options: ConvertOptions = {},
): Promise<ConvertReport> {
  const directory = new StoreDirectory(path, options.calls ?? nodeFsCalls);
  const marker = (await directory.read(markerName)) ?? (await beginEncryption(directory, keys));
  const form = SealedForm.open(directory, marker, keys);
  try {
    if (form.marker.state === "rewrapping") throw unfinished(path, "rewrap");
    if (form.marker.state === "sealed") await form.setMarker({ state: "encrypting" });
    if (options.prepare === true) return { total: 0, converted: 0, kept: 0 };
    const report = await convertAll(directory, form, { ...options, wanted: sealingKeyId(form.marker) });
    await form.setMarker({ state: "sealed" });
    return report;
  } finally {
    form.dispose();
  }
}

/**
 * Seals every value of the encrypted store in `path` with the first of `keys`, which must include every key in use;
 * afterwards the store needs the first alone.
 * @throws KesError StoreNotEncrypted | StoreWrongKey | StoreUnreachable | StoreFailed | KeyCorrupt
 */
export async function rewrapStore(
  path: string,
  keys: readonly WrappingKey[],
  options: ConvertOptions = {},
): Promise<ConvertReport> {
  const directory = new StoreDirectory(path, options.calls ?? nodeFsCalls);
  const first = firstOf(keys);
  const marker = await directory.read(markerName);
  if (marker === undefined) {
    throw new KesError("StoreNotEncrypted", `${path} is not an encrypted key store; run 'kes keystore encrypt'`);
  }
  const form = SealedForm.open(directory, marker, keys);
  try {
    if (form.marker.state === "encrypting") throw unfinished(path, "encrypt");
    const others = form.marker.keyIds.filter((id) => id !== first.id);
    await form.setMarker({ state: "rewrapping", keyIds: [first.id, ...others] });
    const report = await convertAll(directory, form, { ...options, wanted: first.id });
    await form.setMarker({ state: "sealed", keyIds: [first.id] });
    return report;
  } finally {
    form.dispose();
  }
}

/** True if nothing in the store at `path` is sealed, so that any wrapping key may be its first. @throws KesError */
export async function isPlainStore(path: string, calls: FsCalls = nodeFsCalls): Promise<boolean> {
  const directory = new StoreDirectory(path, calls);
  if ((await directory.factsOf(markerName)) !== undefined) return false;
  return (await sealedStoreId(directory, selectNames(await directory.files(), ""))) === undefined;
}

/** Marks the directory as being encrypted, under the store id its sealed values have, if there are any. */
async function beginEncryption(directory: StoreDirectory, keys: readonly WrappingKey[]): Promise<Buffer> {
  const names = selectNames(await directory.files(), "");
  if (names.length === 0) {
    throw new KesError(
      "StoreEmpty",
      `${directory.path} holds no key to encrypt; mount its volume, or have a server start an encrypted store there ` +
        `with keystore.fs.encryption and keystore.fs.init: true`,
    );
  }
  const storeId = (await sealedStoreId(directory, names)) ?? newStoreId();
  using sealer = new Sealer(storeId, keys);
  return placeMarker(directory, encodeMarker({ storeId, state: "encrypting", keyIds: [firstOf(keys).id] }, sealer));
}

async function sealedStoreId(directory: StoreDirectory, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const bytes = await directory.read(name);
    const header = bytes === undefined ? undefined : sealedHeader(bytes);
    if (header !== undefined) return header.storeId;
  }
  return undefined;
}

interface Conversion extends ConvertOptions {
  /** Id of the wrapping key every value must be sealed with: the marker's first. */
  readonly wanted: string;
}

async function convertAll(directory: StoreDirectory, form: SealedForm, options: Conversion): Promise<ConvertReport> {
  await delay(options.settle ?? 1000, undefined, options.signal === undefined ? {} : { signal: options.signal });
  const done = new Set<string>();
  let converted = 0;
  // Again for names that came meanwhile, until none of them is of a create that had begun before.
  for (let before = -1; converted > before;) {
    before = converted;
    const names = selectNames(await directory.files(), "").filter((name) => !done.has(name));
    const total = done.size + names.length;
    for (const name of names) {
      options.signal?.throwIfAborted();
      if (await convert(directory, form, name, options.wanted)) converted += 1;
      done.add(name);
      options.onProgress?.(done.size, total);
    }
  }
  await discardLeftovers(directory, options.wanted);
  return { total: done.size, converted, kept: done.size - converted };
}

/**
 * What creates that died left behind holds a key as it was before. Sealed as wanted it may belong to a create under way;
 * another one under way fails as a whole.
 */
async function discardLeftovers(directory: StoreDirectory, wanted: string): Promise<void> {
  const dead: string[] = [];
  for (const name of temporaryFiles(await directory.files())) {
    const bytes = await directory.read(name);
    if (bytes !== undefined && sealedHeader(bytes)?.keyId !== wanted) dead.push(name);
  }
  if (dead.length > 0) await directory.discardTemporary(dead);
}

/** @returns false if there was nothing to do */
async function convert(directory: StoreDirectory, form: SealedForm, name: string, wanted: string): Promise<boolean> {
  const facts = await directory.factsOf(name);
  const old = await directory.read(name);
  if (old === undefined || facts === undefined) return false;
  const header = sealedHeader(old);
  const value = await form.decode(name, old);
  if (header?.keyId === wanted) return false;
  await directory.replace(name, await form.encode(name, value), async () => {
    const now = await directory.factsOf(name);
    if (now?.inode !== facts.inode || now.modifiedAt !== facts.modifiedAt) throw changed(name);
  });
  const back = await directory.read(name);
  const same = back !== undefined && (await form.decode(name, back)).equals(value);
  value.fill(0);
  if (same) return true;
  throw new KesError(
    "CreateNotConfirmed",
    `key ${name} in ${directory.path} was not read back as written; check the disk`,
  );
}

function changed(name: string): KesError {
  return new KesError("StoreFailed", `key ${name} changed while it was converted; run the command again`);
}

function unfinished(path: string, command: "encrypt" | "rewrap"): KesError {
  return new KesError(
    "StoreFailed",
    `another conversion of ${path} is not finished; run 'kes keystore ${command}' first`,
  );
}

function firstOf([first]: readonly WrappingKey[]): WrappingKey {
  if (first !== undefined) return first;
  throw new KesError("UsageInvalid", "no wrapping key is given; name the file that holds it");
}
