// `kes server --config X --check`: reads and checks everything a start would, starts nothing, says what it found.
import { ConfigError, renderProblems } from "../config/problem.ts";
import { KesError, messageOf } from "../errors.ts";
import type { Environment } from "./environment.ts";
import type { ServerOptions } from "./server-options.ts";
import { loadSetup } from "./server-setup.ts";
import { Terminal } from "./terminal.ts";

/** @returns 0 when a server could start from it, else 1 */
export async function checkConfig(options: ServerOptions, environment: Environment): Promise<number> {
  const terminal = new Terminal(environment);
  try {
    const { notes } = await loadSetup(options, environment);
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
