// The command line library, taught to speak as the original `kes` does (reference 7.1): usage and errors on stderr,
// `Error: <text>. See 'kes <cmd> --help'`, exit code 2 where usage was shown.
import { Command, type CommanderError } from "commander";
import { KesError } from "../errors.ts";
import type { Environment } from "./environment.ts";

/** Thrown where everything to be said is said: ends the program with this exit code. */
export class CommandExit extends Error {
  override readonly name = "CommandExit";
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

const usageWasShown = 2;

/** A new command: give it options, arguments and an action, and add it to its parent with `addCommand`. */
export function defineCommand(name: string, summary: string, environment: Environment): Command {
  const command = new Command(name);
  return command
    .description(summary)
    .helpCommand(false)
    .helpOption("-h, --help", "show this help")
    .configureOutput({
      writeOut: (text) => environment.stderr.write(text),
      writeErr: (text) => environment.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => environment.stderr.columns ?? 100,
      getErrHelpWidth: () => environment.stderr.columns ?? 100,
    })
    .exitOverride((error) => {
      throw translate(command, error);
    });
}

/** A usage error in the original's form: the sentence, then where the help is. */
export function usageError(command: Command, sentence: string): KesError {
  return new KesError("UsageInvalid", `${sentence}. See '${fullName(command)} --help'`);
}

/** `kes key create` */
export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function translate(command: Command, error: CommanderError): Error {
  switch (error.code) {
    case "commander.help":
    case "commander.helpDisplayed":
      return new CommandExit(usageWasShown);
    case "commander.unknownOption":
      return usageError(command, unknownFlag(command));
    case "commander.unknownCommand":
      return usageError(command, `"${command.args[0] ?? ""}" is not a ${command.name()} command`);
    case "commander.excessArguments":
      return usageError(command, "too many arguments");
    case "commander.missingArgument":
      return usageError(command, `no ${missingArgument(command)} specified`);
    default:
      return usageError(command, error.message.replace(/^error: /, "").replace(/\.$/, ""));
  }
}

function unknownFlag(command: Command): string {
  const flag = command.args.find((argument) => /^-./.test(argument)) ?? "";
  const name = flag.replace(/=.*/s, "");
  return name.startsWith("--") ? `unknown flag: ${name}` : `unknown shorthand flag: '${name.charAt(1)}' in ${name}`;
}

/** Arguments are described by what they are: `key name`, `crypto key`. */
function missingArgument(command: Command): string {
  const argument = command.registeredArguments[command.args.length];
  return argument === undefined ? "argument" : argument.description || argument.name();
}
