// Shell completion: `complete -C kes kes` makes bash (and zsh with bashcompinit) call this program with COMP_LINE set
// and offer the lines it prints.
import { access, appendFile, constants, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Command } from "commander";
import { KesError } from "../errors.ts";
import type { Environment } from "./environment.ts";
import { buildProgram, commandNames } from "./program.ts";
import { shellWord } from "./shell-word.ts";

/** Prints what may follow the words typed so far. */
export async function complete(line: string, environment: Environment): Promise<number> {
  const words = line.split(/\s+/).slice(1);
  const typed = words.pop() ?? "";
  const candidates = words[0] === undefined ? commandNames : await candidatesAfter(words, typed, environment);
  for (const candidate of candidates) if (candidate.startsWith(typed)) environment.stdout.write(`${candidate}\n`);
  return 0;
}

async function candidatesAfter(
  words: readonly string[],
  typed: string,
  environment: Environment,
): Promise<readonly string[]> {
  const root = await buildProgram(words[0] ?? "", environment);
  let command: Command = root;
  for (const word of words) command = command.commands.find((sub) => sub.name() === word) ?? command;
  if (command === root) return [];
  const { commands, options } = command;
  return typed.startsWith("-") ? options.flatMap(({ long }) => long ?? []) : commands.map((sub) => sub.name());
}

/** Appends the line that switches completion on to the start file of the user's shell, once. */
export async function installCompletion(environment: Environment): Promise<number> {
  const home = environment.env["HOME"] ?? "";
  const shell = basename(environment.env["SHELL"] ?? "");
  if (home === "" || (shell !== "bash" && shell !== "zsh")) {
    throw new KesError("NotSupported", "completion is for bash and zsh: set SHELL and HOME to one of them");
  }
  const file = join(home, `.${shell}rc`);
  const line = `complete -o default -C ${shellWord(await commandOf(environment))} kes`;
  const before = await readFile(file, "utf8").catch(() => "");
  if (before.includes(line)) {
    environment.stdout.write(`completion is already on in ${file}\n`);
    return 0;
  }
  const zsh = shell === "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
  await appendFile(file, `${before === "" || before.endsWith("\n") ? "" : "\n"}${zsh}${line}\n`);
  environment.stdout.write(`completion is on in new shells: a line was added to ${file}\n`);
  return 0;
}

/** The command line that starts this program: a script that nobody may execute, as in the source tree, by its runtime. */
async function commandOf({ started }: Environment): Promise<string> {
  const [runtime, script] = started;
  const isExecutable = await access(script, constants.X_OK).then(
    () => true,
    () => false,
  );
  return isExecutable ? shellWord(script) : `${shellWord(runtime)} ${shellWord(script)}`;
}
