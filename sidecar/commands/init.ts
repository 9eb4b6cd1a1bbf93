// kes init: prepares a home directory for a server, and says what to do next.
import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { KesError } from "../errors.ts";
import { defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import { prepareHome, type Home } from "./home.ts";
import { Terminal } from "./terminal.ts";

export const defaultHome = "./.kes";

export function initCommand(environment: Environment): Command {
  const command = defineCommand("init", "Set up a directory for a server: keys, certificate, store.", environment)
    .argument("[directory]", "the directory", defaultHome)
    .option("--json", "print JSON")
    .addOption(new Option("--config <file>").hideHelp())
    .addOption(new Option("-f, --force").hideHelp());
  return command.action(async (directory: string, options: { json?: boolean; config?: string }) => {
    if (options.config !== undefined) {
      const sentence = "stateful servers, which 'kes init --config' set up, are not supported: use 'kes init DIR'";
      throw new KesError("NotSupported", sentence);
    }
    const home = await prepareHome(resolve(environment.cwd, directory));
    const terminal = new Terminal(environment);
    if (options.json === true) {
      const { config, identity, created } = home;
      return terminal.json({ directory: home.directory, config, identity, created });
    }
    printHome(terminal, home);
    if (home.wrappingKeyMissing) environment.stderr.write(`Warning: ${missingKeySentence(home)}\n`);
  });
}

function printHome(terminal: Terminal, home: Home): void {
  const isNew = home.created.length > 0;
  terminal.line(isNew ? `${home.directory}: made ${home.created.join(", ")}` : `${home.directory}: nothing to make`);
  terminal.line(`Admin:         ${home.identity} (API key in admin.key)`);
  if (!home.wrappingKeyMissing) {
    terminal.line(`Wrapping key:  ${home.wrappingKey}`);
    terminal.line(wrappingKeyWarning);
  }
  terminal.line(`Start it:      kes server --config ${home.config}`);
}

function missingKeySentence({ wrappingKey, config }: Home): string {
  return (
    `${wrappingKey} is missing and the key store is there: ` +
    `restore it from its backup, unless ${config} names another; a new one does not open the store`
  );
}

export const wrappingKeyWarning =
  "               Back it up, apart from the store: without it every key in the store is lost.";
