// kes server: its flags, those of older releases included (reference 7.2, 7.4).
import { Option, type Command } from "commander";
import { KesError } from "../errors.ts";
import { CommandExit, defineCommand } from "./command.ts";
import type { Environment } from "./environment.ts";
import type { ServerOptions } from "./server-options.ts";

interface ServerFlags {
  readonly addr?: string;
  readonly config?: string;
  readonly key?: string;
  readonly cert?: string;
  readonly tlsKey?: string;
  readonly tlsCert?: string;
  readonly root?: string;
  readonly auth?: string;
  readonly mtlsAuth?: string;
  readonly dev?: boolean;
  readonly quiet?: boolean;
  readonly mlock?: boolean;
  readonly check?: boolean;
  readonly allowUnknownKeys?: boolean;
  readonly json?: boolean;
}

export function serverCommand(environment: Environment): Command {
  const command = defineCommand("server", "Start a KES server.", environment)
    .option("--config <file>", "configuration file")
    .option("--addr <[ip]:port>", "listen here instead of where the configuration says")
    .option("--dev", "keys in memory, fresh certificate and API key: to try things, nothing is kept")
    .option("--check", "validate the configuration, print every problem, and end")
    .option("--json", "with --check: print JSON")
    .option("--allow-unknown-keys", "do not refuse configuration keys that are unknown")
    .option("--key <file>", "private key, instead of the configuration's tls.key")
    .option("--cert <file>", "certificate, instead of the configuration's tls.cert")
    .option("--root <identity>", "admin identity, instead of the configuration's")
    .option("--auth <on|off>", "verify client certificates, where the configuration does not say")
    .option("-q, --quiet", "no banner")
    .addOption(new Option("--mtls-auth <verify|ignore>", "older spelling of --auth").hideHelp())
    .addOption(new Option("--tls-key <file>", "older spelling of --key").hideHelp())
    .addOption(new Option("--tls-cert <file>", "older spelling of --cert").hideHelp())
    .addOption(new Option("--mlock", "accepted without effect").hideHelp());
  return command.action(async (flags: ServerFlags) => {
    if (flags.dev === true && flags.config !== undefined) {
      throw new KesError("UsageInvalid", "'--config' flag is not supported in development mode");
    }
    if (flags.dev === true && flags.check === true) {
      const reason = "there is no configuration to check";
      throw new KesError("UsageInvalid", `'--check' flag is not supported in development mode: ${reason}`);
    }
    const { runServer } = await import("./server.ts");
    const exitCode = await runServer(optionsOf(flags), environment);
    if (exitCode !== 0) throw new CommandExit(exitCode);
  });
}

function optionsOf(flags: ServerFlags): ServerOptions {
  const { config, addr, root, auth, mtlsAuth } = flags;
  return {
    config,
    addr,
    root,
    auth,
    mtlsAuth,
    key: flags.key ?? flags.tlsKey,
    cert: flags.cert ?? flags.tlsCert,
    dev: flags.dev === true,
    quiet: flags.quiet === true,
    check: flags.check === true,
    allowUnknownKeys: flags.allowUnknownKeys === true,
    json: flags.json === true,
  };
}
