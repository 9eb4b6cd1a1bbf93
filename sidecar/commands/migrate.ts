// kes migrate: copies the stored values of one configuration's key store into another's (reference 7.3). Values are
// copied as they are. Every written value is read back and compared. A key that is already there with the same value
// counts as done, so a run that was stopped is continued by running it again.
import type { Command } from "commander";
import { compileGoGlob } from "../contract/go-glob.ts";
import { isKesError, KesError } from "../errors.ts";
import { openKeystore } from "../keystore/open.ts";
import type { Keystore } from "../keystore/keystore.ts";
import { CommandExit, defineCommand } from "./command.ts";
import { readConfig } from "./config-file.ts";
import type { Environment } from "./environment.ts";
import { migrateKeys, type Conflict, type MigrationReport } from "./migration.ts";
import { Progress } from "./progress.ts";
import { Terminal } from "./terminal.ts";

interface MigrateOptions {
  readonly from?: string;
  readonly to?: string;
  readonly server?: string;
  readonly force?: boolean;
  readonly merge?: boolean;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

export function migrateCommand(environment: Environment): Command {
  const command = defineCommand("migrate", "Copy keys from one key store to another.", environment)
    .argument("[pattern]", "only keys whose name matches, with * and ?", "*")
    .option("--from <file>", "configuration of the source")
    .option("--to <file>", "configuration of the target")
    .option("-f, --force", "replace keys that differ at the target")
    .option("--merge", "leave keys that differ at the target as they are")
    .option("--dry-run", "say what would be done, write nothing")
    .option("-q, --quiet", "no progress")
    .option("--json", "print the result as JSON")
    .option("-s, --server <host>", "not supported: MinIO KMS as target")
    .option("-k, --insecure", "ignored")
    .option("-e, --enclave <name>", "ignored")
    .option("-a, --api-key <key>", "ignored");
  return command.action(async (pattern: string, options: MigrateOptions) => {
    const { from, to } = checkOptions(options);
    checkPattern(pattern);
    const [source, target] = [await readConfig(from, environment), await readConfig(to, environment)];
    const warn = (message: string): void => void environment.stderr.write(`Warning: ${message}\n`);
    await using sourceStore = await openKeystore(source.keystore, { onWarning: warn });
    await using targetStore = await openKeystore(target.keystore, { onWarning: warn });
    requireSameKind(sourceStore, targetStore);
    await migrate({ source: sourceStore, target: targetStore, pattern }, options, environment);
  });
}

function checkOptions(options: MigrateOptions): { from: string; to: string } {
  const { from, to, server, force, merge } = options;
  if (server !== undefined) {
    const sentence = "'--server' is not supported: MinIO KMS is another product with its own protocol. Use '--to'";
    throw new KesError("NotSupported", sentence);
  }
  if (from === undefined) throw usage("no source specified. Use '--from' flag");
  if (to === undefined) throw usage("missing migration target. Use '--to' or '--server'");
  if (force === true && merge === true) throw usage("'--force' and '--merge' flags are mutually exclusive");
  return { from, to };
}

/** A pattern that cannot match would end as a migration of no keys that succeeded. */
function checkPattern(pattern: string): void {
  if (pattern !== "" && compileGoGlob(pattern) !== undefined) return;
  throw usage(`'${pattern}' is not a pattern of key names: write for example 'my-*' or '[a-c]*'`);
}

interface Stores {
  readonly source: Keystore;
  readonly target: Keystore;
  readonly pattern: string;
}

async function migrate(stores: Stores, options: MigrateOptions, environment: Environment): Promise<void> {
  const terminal = new Terminal(environment);
  const isQuiet = options.quiet === true || options.json === true;
  const progress = new Progress(terminal, isQuiet);
  const interrupted = new AbortController();
  const giveBack = environment.onSignal("SIGINT", () => interrupted.abort());
  if (!isQuiet) terminal.line(options.dryRun === true ? "Dry run, nothing is written:" : "Starting key migration:");
  try {
    const report = await migrateKeys({
      ...stores,
      conflict: conflictOf(options),
      dryRun: options.dryRun === true,
      signal: interrupted.signal,
      onProgress: (done, total) => progress.show(done, total),
    });
    progress.end();
    printReport(terminal, report, options);
  } catch (error) {
    progress.end();
    // Told even then: the target may have lost a key.
    const isReplacement = isKesError(error) && "key" in error.details;
    throw interrupted.signal.aborted && !isReplacement ? new CommandExit(1) : error;
  } finally {
    giveBack();
  }
}

function conflictOf(options: MigrateOptions): Conflict {
  if (options.force === true) return "replace";
  return options.merge === true ? "keep" : "refuse";
}

function printReport(terminal: Terminal, report: MigrationReport, options: MigrateOptions): void {
  if (options.json === true) return terminal.json({ ...report, dry_run: options.dryRun === true });
  const { copied, replaced, same, kept } = report;
  if (same > 0) terminal.line(`${same} keys were there already, with the same value.`);
  if (kept > 0) terminal.line(`${kept} keys differ at the target and were left as they are.`);
  const written = copied + replaced;
  if (options.dryRun === true) return terminal.line(`Would migrate ${written} keys.`);
  terminal.line(written === 0 ? "Migration succeeded! No keys migrated." : `Migrated ${written} keys successfully!`);
}

/** What stands in a store whose keys are inside a KMS is of no use anywhere else, and the reverse. */
function requireSameKind(source: Keystore, target: Keystore): void {
  if ((source.keyring === undefined) === (target.keyring === undefined)) return;
  const { label } = source.keyring === undefined ? target : source;
  const sentence = `keys of ${label} are inside the KMS (transit.mode remote): they can neither be copied out nor in`;
  throw new KesError("NotSupported", sentence);
}

function usage(sentence: string): KesError {
  return new KesError("UsageInvalid", sentence);
}
