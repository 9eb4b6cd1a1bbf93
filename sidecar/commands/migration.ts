// The copying itself. Order: list both sides, compare what both have, and only when nothing speaks against it write;
// so a refused migration has written nothing.
import { matchesGlob } from "node:path";
import { KesError } from "../errors.ts";
import type { Keystore } from "../keystore/keystore.ts";

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
/** Milliseconds. */
const replaceTimeout = 30_000;

/**
 * Copies every matching key.
 * @throws KesError KeyExists (nothing written: keys differ and `conflict` is refuse) | CreateNotConfirmed | StoreUnreachable | StoreFailed
 */
export async function migrateKeys(migration: Migration): Promise<MigrationReport> {
  const { source, target, signal, conflict } = migration;
  const names = (await source.list("", signal)).filter((name) => matchesGlob(name, migration.pattern));
  const there = new Set(await target.list("", signal));
  const common = names.filter((name) => there.has(name));
  const differing = new Set(await differingNames(migration, common));
  if (conflict === "refuse" && differing.size > 0) throw refusal([...differing]);
  const missing = names.filter((name) => !there.has(name));
  const replaced = conflict === "replace" ? [...differing] : [];
  const work = [...missing, ...replaced];
  if (!migration.dryRun) {
    await inParallel(work, migration, (name) => copy(migration, name, differing.has(name)));
  }
  return {
    total: names.length,
    copied: missing.length,
    replaced: replaced.length,
    same: common.length - differing.size,
    kept: differing.size - replaced.length,
  };
}

async function differingNames(migration: Migration, names: readonly string[]): Promise<readonly string[]> {
  const { source, target, signal } = migration;
  const differing: string[] = [];
  await inParallel(names, { ...migration, onProgress: () => undefined }, async (name) => {
    const [ours, theirs] = await Promise.all([source.get(name, signal), target.get(name, signal)]);
    if (!ours.equals(theirs)) differing.push(name);
  });
  return differing.toSorted();
}

async function copy(migration: Migration, name: string, replace: boolean): Promise<void> {
  const { source, target } = migration;
  const value = await source.get(name, migration.signal);
  // A replacement that has begun is finished, or an interrupt would leave the target without the key.
  const signal = replace ? AbortSignal.timeout(replaceTimeout) : migration.signal;
  if (replace) await target.delete(name, signal);
  await target.create(name, value, signal);
  const written = await target.get(name, signal);
  if (written.equals(value)) return;
  throw new KesError(
    "CreateNotConfirmed",
    `${target.label} did not return what was written for key "${name}": stop using it, and see its log`,
  );
}

function refusal(names: readonly string[]): KesError {
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
  const sentence = `${names.length} keys exist at the target with another value (${shown}); nothing was written. Use --merge to leave them or --force to replace them`;
  return new KesError("KeyExists", sentence, { details: { keys: names.length } });
}

/** Runs `step` for every name, a few at a time; the first failure stops all. */
async function inParallel(
  names: readonly string[],
  { signal, onProgress }: Pick<Migration, "signal" | "onProgress">,
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
  const results = await Promise.allSettled(Array.from({ length: parallel }, stopping));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
