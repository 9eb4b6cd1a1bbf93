// The `kes` command: one file per command, loaded only when that command is called, so that starting stays quick.
// Rules of the whole folder: results go to stdout, everything else to stderr; decoration only where stdout is a
// terminal; a command either succeeds or throws, and run() turns what was thrown into one line and an exit code.
import type { Command } from "commander";
import { messageOf } from "../errors.ts";
import { defineCommand, CommandExit } from "./command.ts";
import type { Environment } from "./environment.ts";

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<(environment: Environment) => Command>;
}

const entries: Readonly<Record<string, Entry>> = {
  server: { summary: "start a KES server", load: async () => (await import("./server-flags.ts")).serverCommand },
  quickstart: {
    summary: "set up and start a server to try",
    load: async () => (await import("./quickstart.ts")).quickstartCommand,
  },
  init: { summary: "set up a directory for a server", load: async () => (await import("./init.ts")).initCommand },
  key: { summary: "manage and use keys", load: async () => (await import("./key.ts")).keyCommand },
  policy: { summary: "look at policies", load: async () => (await import("./policy.ts")).policyCommand },
  identity: {
    summary: "make and look at identities",
    load: async () => (await import("./identity.ts")).identityCommand,
  },
  ls: { summary: "list keys, policies or identities", load: async () => (await import("./ls.ts")).lsCommand },
  log: { summary: "follow the server's logs", load: async () => (await import("./log.ts")).logCommand },
  status: { summary: "print the server's status", load: async () => (await import("./status.ts")).statusCommand },
  metric: { summary: "print the server's metrics", load: async () => (await import("./metric.ts")).metricCommand },
  migrate: {
    summary: "copy keys to another key store",
    load: async () => (await import("./migrate.ts")).migrateCommand,
  },
  keystore: {
    summary: "encrypt a key store's directory",
    load: async () => (await import("./keystore.ts")).keystoreCommand,
  },
  doctor: {
    summary: "find out what keeps a server from its key store",
    load: async () => (await import("./doctor.ts")).doctorCommand,
  },
  "convert-config": {
    summary: "turn a configuration file into Kubernetes objects",
    load: async () => (await import("./convert-config.ts")).convertConfigCommand,
  },
  update: { summary: "say where releases are", load: async () => (await import("./update.ts")).updateCommand },
  tool: { summary: "older names of identity and migrate", load: async () => (await import("./tool.ts")).toolCommand },
  enclave: { summary: "not supported", load: async () => (await import("./unsupported.ts")).enclaveCommand },
  secret: { summary: "not supported", load: async () => (await import("./unsupported.ts")).secretCommand },
};

const hidden = new Set(["tool", "enclave", "secret"]);

/** Runs one command line (without runtime and script). @returns the exit code: 0 done, 1 an error, 2 usage was shown */
export async function run(argv: readonly string[], environment: Environment): Promise<number> {
  try {
    return await runCommand(argv, environment);
  } catch (error) {
    if (error instanceof CommandExit) return error.exitCode;
    environment.stderr.write(`Error: ${messageOf(error)}\n`);
    return 1;
  }
}

async function runCommand(argv: readonly string[], environment: Environment): Promise<number> {
  if (environment.env["COMP_LINE"] !== undefined) {
    const { complete } = await import("./completion.ts");
    return complete(environment.env["COMP_LINE"], environment);
  }
  const word = argv[0] ?? "--help";
  if (word === "--version" || word === "-v") {
    const { printVersion } = await import("./version.ts");
    printVersion(environment);
    return 0;
  }
  if (word === "--auto-completion") {
    const { installCompletion } = await import("./completion.ts");
    return installCompletion(environment);
  }
  const root = await buildProgram(word, environment);
  await root.parseAsync(argv.length === 0 ? ["--help"] : [...argv], { from: "user" });
  return 0;
}

/** The program with one command complete and the others known by name and summary only. */
export async function buildProgram(word: string, environment: Environment): Promise<Command> {
  const root = defineCommand("kes", "A key server for MinIO and others, and its client.", environment);
  root.usage("[command]").option("-v, --version", "print the version");
  root.option("--auto-completion", "install completion for bash and zsh");
  for (const [name, entry] of Object.entries(entries)) {
    const command = name === word ? (await entry.load())(environment) : nameOnly(name, entry, environment);
    root.addCommand(command, { hidden: hidden.has(name) });
  }
  return root;
}

/** The names of all commands that are shown. */
export const commandNames: readonly string[] = Object.keys(entries).filter((name) => !hidden.has(name));

/** A command that is listed in the help and not the one that was called. */
function nameOnly(name: string, entry: Entry, environment: Environment): Command {
  return defineCommand(name, entry.summary, environment);
}
