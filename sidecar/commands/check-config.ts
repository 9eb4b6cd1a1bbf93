// `kes server --config X --check`: reads and checks everything a start would, starts nothing, says what it found.
import { byPlace, ConfigError, renderProblems } from "../config/problem.ts";
import type { Place, Problem } from "../config/problem.ts";
import type { Config } from "../contract/config.ts";
import { KesError, messageOf } from "../errors.ts";
import { wrappingKeyFaults } from "../keystore/fs/load-wrapping-keys.ts";
import { readTls } from "../server/tls.ts";
import type { Environment } from "./environment.ts";
import type { ServerOptions } from "./server-options.ts";
import { loadFile, notesOf } from "./server-setup.ts";
import { Terminal } from "./terminal.ts";

/** @returns 0 when a server could start from it, else 1 */
export async function checkConfig(options: ServerOptions, environment: Environment): Promise<number> {
  const terminal = new Terminal(environment);
  try {
    const notes = await check(options, environment);
    if (options.json) terminal.json({ valid: true, notes });
    else {
      for (const note of notes) terminal.line(note);
      terminal.line(terminal.style("green", `${options.config ?? ""}: valid`));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof KesError) || error.code === "UsageInvalid") throw error;
    const problems = error instanceof ConfigError ? error.problems : [{ message: messageOf(error) }];
    if (options.json) terminal.json({ valid: false, problems });
    else if (error instanceof ConfigError) environment.stderr.write(`${renderProblems(error.problems, error.file)}\n`);
    else environment.stderr.write(`Error: ${messageOf(error)}\n`);
    return 1;
  }
}

/** @returns notes. @throws ConfigError with all that is wrong with the file, else all with the files that it names */
async function check(options: ServerOptions, environment: Environment): Promise<readonly string[]> {
  const { path, config, notes, places } = await loadFile(options, environment);
  const tls = await readTls(config.tls);
  const keys = await checkWrappingKeys(config);
  const faults = [...("faults" in tls ? tls.faults : []), ...keys.faults];
  if ("material" in tls && faults.length === 0) return [...notesOf(path, notes, tls.material), ...keys.notes];
  const problems = faults.map(({ setting, reason }) => problemAt(places.get(setting), setting, reason));
  throw new ConfigError(path, problems.toSorted(byPlace));
}

function problemAt(place: Place | undefined, setting: string, message: string): Problem {
  const { line, column, path } = place ?? { line: undefined, column: undefined, path: setting };
  return { line, column, path, message, found: undefined, expected: undefined, nearest: undefined };
}

interface Fault {
  readonly setting: string;
  readonly reason: string;
}

interface WrappingKeyCheck {
  readonly notes: readonly string[];
  readonly faults: readonly Fault[];
}

/** They are files of the configuration as the TLS files are; the store itself need not be there to check. */
async function checkWrappingKeys({ keystore }: Config): Promise<WrappingKeyCheck> {
  if (keystore.type !== "fs") return { notes: [], faults: [] };
  const notes: string[] = [];
  const found = await wrappingKeyFaults(keystore.encryption, (note) => notes.push(note));
  const faults = found.map(({ index, error }) => {
    return { setting: `keystore.fs.encryption.keys[${index}]`, reason: error.message };
  });
  return { notes, faults };
}
