// The copying itself. Order: list both sides, decode every value of the source, compare what both have, and only when
// nothing speaks against it write; so a refused migration has written nothing. Replacements come last and one by one: when
// one fails, no other key is between delete and create.
import { matchesGlob } from "node:path";
import { isKesError, KesError } from "../errors.ts";
import { decodeStoredKey } from "../keys/encoding.ts";
import { decodeRemoteKey } from "../keys/remote-key.ts";
import type { Keystore } from "../keystore/keystore.ts";
import { readable, replaceKey } from "./key-replacement.ts";

/** What to do with a key that differs at the target. */
export type Conflict = "refuse" | "keep" | "replace";

export interface Migration {
  readonly source: Keystore;
  readonly target: Keystore;
  /** Shell pattern on names. */
  readonly pattern: string;
  readonly conflict: Conflict;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export interface MigrationReport {
  readonly total: number;
  /** Keys the target did not have. */
  readonly copied: number;
  /** Keys that differed and were replaced. */
  readonly replaced: number;
  /** Keys the target already had with the same value. */
  readonly same: number;
  /** Keys that differ and were left alone. */
  readonly kept: number;
}

const parallel = 8;

/**
 * Copies every matching key.
 * @throws KesError KeyCorrupt (nothing written: the source holds something that is no key) | KeyExists (nothing written: keys
 *   differ and `conflict` is refuse) | CreateNotConfirmed | StoreUnreachable | StoreFailed
 */
export async function migrateKeys(migration: Migration): Promise<MigrationReport> {
  const { source, target, signal, conflict } = migration;
  const names = (await source.list("", signal)).filter((name) => matchesGlob(name, migration.pattern));
  const there = new Set(await target.list("", signal));
  const differing = await differingNames(migration, names, there);
  if (conflict === "refuse" && differing.length > 0) throw refusal(differing);
  const missing = names.filter((name) => !there.has(name));
  const replaced = conflict === "replace" ? differing : [];
  if (!migration.dryRun) await write(migration, missing, replaced);
  return {
    total: names.length,
    copied: missing.length,
    replaced: replaced.length,
    same: names.length - missing.length - differing.length,
    kept: differing.length - replaced.length,
  };
}

async function differingNames(
  migration: Migration,
  names: readonly string[],
  there: ReadonlySet<string>,
): Promise<readonly string[]> {
  const differing: string[] = [];
  const broken = new Map<string, KesError>();
  await inParallel(names, { ...migration, width: parallel, onProgress: () => undefined }, async (name) => {
    const ours = await keyAtSource(migration, name);
    if (ours instanceof KesError) broken.set(name, ours);
    else if (there.has(name) && !(await holds(migration, name, ours))) differing.push(name);
  });
  if (broken.size > 0) throw noKeys(migration.source, broken);
  return differing.toSorted();
}

/** The stored value, which is a key; or the KeyCorrupt that says why it is none. */
async function keyAtSource({ source, signal }: Migration, name: string): Promise<Buffer | KesError> {
  try {
    const value = await source.get(name, signal);
    const key = source.keyring === undefined ? decodeStoredKey(value) : decodeRemoteKey(value);
    key[Symbol.dispose]();
    return value;
  } catch (error) {
    if (isKesError(error, "KeyCorrupt")) return error;
    throw error;
  }
}

/** Whether the target has this value. One that cannot be read is another, but only where it is to be replaced. */
async function holds({ target, conflict, signal }: Migration, name: string, value: Buffer): Promise<boolean> {
  const theirs = conflict === "replace" ? await readable(target, name, signal) : await target.get(name, signal);
  return theirs?.equals(value) === true;
}

async function write(migration: Migration, missing: readonly string[], replaced: readonly string[]): Promise<void> {
  const { signal } = migration;
  const total = missing.length + replaced.length;
  const progressFrom = (before: number) => (done: number) => migration.onProgress(before + done, total);
  const copying = { signal, width: parallel, onProgress: progressFrom(0) };
  await inParallel(missing, copying, (name) => copy(migration, name, false));
  const replacing = { signal, width: 1, onProgress: progressFrom(missing.length) };
  await inParallel(replaced, replacing, (name) => copy(migration, name, true));
}

async function copy(migration: Migration, name: string, replace: boolean): Promise<void> {
  const { source, target, signal } = migration;
  const value = await keyAtSource(migration, name);
  if (value instanceof KesError) {
    const sentence = `key ${name} changed at ${source.label} meanwhile and was not copied: ${value.message}`;
    throw new KesError("KeyCorrupt", sentence, { cause: value });
  }
  if (replace) await replaceKey({ source, target, name, value });
  else await target.create(name, value, signal);
  const written = await target.get(name, signal);
  if (written.equals(value)) return;
  throw new KesError(
    "CreateNotConfirmed",
    `${target.label} did not return what was written for key "${name}": stop using it, and see its log`,
  );
}

function noKeys({ label }: Keystore, broken: ReadonlyMap<string, KesError>): KesError {
  const [[name, cause] = ["", undefined]] = broken;
  const names = [...broken.keys()];
  const sentence = `${names.length} values in ${label} are no keys (${shown(names)}); nothing was written. ${name}: ${cause?.message}`;
  return new KesError("KeyCorrupt", sentence, { cause, details: { keys: names.length } });
}

function refusal(names: readonly string[]): KesError {
  const sentence = `${names.length} keys exist at the target with another value (${shown(names)}); nothing was written. Use --merge to leave them or --force to replace them`;
  return new KesError("KeyExists", sentence, { details: { keys: names.length } });
}

function shown(names: readonly string[]): string {
  return names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
}

interface Run {
  readonly signal: AbortSignal;
  /** How many at a time. */
  readonly width: number;
  readonly onProgress: (done: number, total: number) => void;
}

/** Runs `step` for every name, a few at a time; the first failure stops all. */
async function inParallel(
  names: readonly string[],
  { signal, width, onProgress }: Run,
  step: (name: string) => Promise<void>,
): Promise<void> {
  const rest = names.values();
  let done = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const name of rest) {
      if (failed) return;
      signal.throwIfAborted();
      await step(name);
      done += 1;
      onProgress(done, names.length);
    }
  };
  const stopping = async (): Promise<void> => {
    try {
      await worker();
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const results = await Promise.allSettled(Array.from({ length: width }, stopping));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
