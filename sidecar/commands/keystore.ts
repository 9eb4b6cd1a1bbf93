// kes keystore encrypt and rewrap: bring the directory of a file system store into the form its configuration says,
// while servers run on it (decisions K3). Stopped at any moment, they go on when they are run again.
import type { Command } from "commander";
import type { FsKeystoreConfig } from "../contract/config.ts";
import { isKesError, KesError } from "../errors.ts";
import {
  encryptStore,
  isPlainStore,
  rewrapStore,
  type ConvertOptions,
  type ConvertReport,
} from "../keystore/fs/convert.ts";
import { loadWrappingKeys } from "../keystore/fs/load-wrapping-keys.ts";
import { wrappingKeyRecipe } from "../keystore/fs/wrapping-key.ts";
import type { WrappingKey } from "../keystore/fs/wrapping-key.ts";
import { CommandExit, defineCommand, usageError } from "./command.ts";
import { readConfig } from "./config-file.ts";
import type { Environment } from "./environment.ts";
import { Progress } from "./progress.ts";
import { Terminal } from "./terminal.ts";

interface KeystoreOptions {
  readonly config?: string;
  readonly prepare?: boolean;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

type Convert = (path: string, keys: readonly WrappingKey[], options: ConvertOptions) => Promise<ConvertReport>;

export function keystoreCommand(environment: Environment): Command {
  const group = defineCommand("keystore", "Encrypt a key store's directory, or change its wrapping key.", environment);
  const encrypt = define("encrypt", "encrypt a plain directory", encryptStore, environment);
  encrypt.option("--prepare", "only announce it, so that servers can be restarted with the key first");
  const rewrap = define("rewrap", "seal everything with the first wrapping key", rewrapStore, environment);
  return group.addCommand(encrypt).addCommand(rewrap);
}

function define(name: string, summary: string, convert: Convert, environment: Environment): Command {
  const command = defineCommand(name, summary, environment)
    .option("--config <file>", "configuration of the server")
    .option("-q, --quiet", "no progress")
    .option("--json", "print the result as JSON");
  return command.action(async (options: KeystoreOptions) => {
    if (options.config === undefined) throw usageError(command, "no configuration is given: set '--config FILE'");
    const { keystore } = await readConfig(options.config, environment);
    const store = encryptedStore(keystore, options.config);
    const keys = await loadKeys(store, convert, environment);
    try {
      await run(convert, { path: store.path, keys }, options, environment);
    } finally {
      for (const key of keys) key[Symbol.dispose]();
    }
  });
}

async function loadKeys(store: FsKeystoreConfig, convert: Convert, environment: Environment): Promise<WrappingKey[]> {
  try {
    return await loadWrappingKeys(store.encryption, (message) => {
      environment.stderr.write(`Warning: ${message}\n`);
    });
  } catch (error) {
    if (!isKesError(error, "FileUnreadable") || error.details["errno"] !== "ENOENT" || convert !== encryptStore)
      throw error;
    if (!(await isPlainStore(store.path))) throw error;
    const file = String(error.details["file"]);
    const remedy = `nothing in ${store.path} is sealed yet, so make it: ${wrappingKeyRecipe(file)} and keep a copy elsewhere`;
    throw new KesError("FileUnreadable", `the wrapping key file ${file} does not exist; ${remedy}`, { cause: error });
  }
}

function encryptedStore(keystore: { readonly type: string } | FsKeystoreConfig, file: string): FsKeystoreConfig {
  if (!("encryption" in keystore)) {
    throw new KesError("NotSupported", `${file}: keystore.${keystore.type} is no directory: nothing to encrypt`);
  }
  if (keystore.encryption.length > 0) return keystore;
  const make = `make one with ${wrappingKeyRecipe("wrapping.key")}`;
  const sentence = `${file} names no wrapping key: ${make} and set keystore.fs.encryption.keys to [{ file: /path/to/wrapping.key }]`;
  throw new KesError("StoreNotEncrypted", sentence);
}

async function run(
  convert: Convert,
  { path, keys }: { readonly path: string; readonly keys: readonly WrappingKey[] },
  options: KeystoreOptions,
  environment: Environment,
): Promise<void> {
  const terminal = new Terminal(environment);
  const progress = new Progress(terminal, options.quiet === true || options.json === true);
  const interrupted = new AbortController();
  const giveBack = environment.onSignal("SIGINT", () => interrupted.abort());
  try {
    const report = await convert(path, keys, {
      prepare: options.prepare === true,
      signal: interrupted.signal,
      onProgress: (done, total) => progress.show(done, total),
    });
    progress.end();
    if (options.json === true) return terminal.json(report);
    if (options.prepare === true) return terminal.line(`${path} is prepared: restart its servers, then run encrypt.`);
    terminal.line(`${report.converted} keys sealed and compared, ${report.kept} were sealed already.`);
  } catch (error) {
    progress.end();
    throw interrupted.signal.aborted ? new CommandExit(1) : error;
  } finally {
    giveBack();
  }
}
