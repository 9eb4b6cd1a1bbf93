// `kes server --config X --check`: reads and checks everything a start would, starts nothing, says what it found.
import { ConfigError, renderProblems } from "../config/problem.ts";
import type { Config } from "../contract/config.ts";
import { KesError, messageOf } from "../errors.ts";
import { loadWrappingKeys } from "../keystore/fs/load-wrapping-keys.ts";
import type { Environment } from "./environment.ts";
import type { ServerOptions } from "./server-options.ts";
import { loadSetup } from "./server-setup.ts";
import { Terminal } from "./terminal.ts";

/** @returns 0 when a server could start from it, else 1 */
export async function checkConfig(options: ServerOptions, environment: Environment): Promise<number> {
  const terminal = new Terminal(environment);
  try {
    const setup = await loadSetup(options, environment);
    const notes = [...setup.notes, ...(await checkWrappingKeys(setup.config))];
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

/** They are files of the configuration as the TLS files are; the store itself need not be there to check. @returns notes */
async function checkWrappingKeys({ keystore }: Config): Promise<readonly string[]> {
  if (keystore.type !== "fs") return [];
  const notes: string[] = [];
  const keys = await loadWrappingKeys(keystore.encryption, (note) => notes.push(note));
  for (const key of keys) key[Symbol.dispose]();
  return notes;
}
