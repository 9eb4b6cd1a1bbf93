// `kes server`: from a configuration file (or --dev) to a running server, and what happens to it until a signal ends it:
// SIGHUP and changed files reload, SIGINT and SIGTERM stop. `--check` stops after reading.
import { ConfigError } from "../config/problem.ts";
import { KesError } from "../errors.ts";
import { Server } from "../server/server.ts";
import { printBanner } from "./banner.ts";
import { checkConfig } from "./check-config.ts";
import { devSetup } from "./dev-setup.ts";
import type { Environment } from "./environment.ts";
import { Reloader } from "./reloader.ts";
import { loadSetup, reasonOf } from "./server-setup.ts";
import type { Setup } from "./server-setup.ts";
import type { ServerOptions } from "./server-options.ts";
import { Terminal } from "./terminal.ts";
import { programVersion } from "./version.ts";

/** Runs until it is told to stop. @returns the exit code */
export async function runServer(options: ServerOptions, environment: Environment): Promise<number> {
  if (options.check) return checkConfig(options, environment);
  const setup = options.dev ? await devSetup(options) : await firstSetup(options, environment);
  const { config, material, apiKey } = setup;
  const stderrIsTerminal = environment.stderr.isTTY === true;
  const places = { stdout: 1, stderr: 2, readable: stderrIsTerminal };
  const release = { version: programVersion(), commit: "<unknown>" };
  const server = await Server.start({ config, material, places, ...release });
  environment.outliveReaders();
  try {
    // Before the banner: who reads it may send a signal at once.
    const stopped = untilStopped(new Reloader(server, setup, options, environment), environment);
    for (const note of setup.notes) server.log.warn({ note }, "configuration note");
    const { address, opsAddress, storeLabel } = server;
    if (!options.quiet) {
      printBanner(environment, { config, storeLabel, address, opsAddress, apiKey });
    }
    options.onReady?.(address);
    await stopped;
  } finally {
    await server[Symbol.asyncDispose]();
  }
  if (!options.quiet) new Terminal(environment).line("\n=> Stopping server... Goodbye.");
  return 0;
}

async function firstSetup(options: ServerOptions, environment: Environment): Promise<Setup> {
  try {
    return await loadSetup(options, environment);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new KesError("ConfigInvalid", reasonOf(error), { cause: error, details: error.details });
  }
}

/**
 * SIGHUP reloads until SIGINT or SIGTERM comes. They stay taken until the process ends: Ctrl-C under npm comes twice, and
 * the second one must not cut the stop short.
 */
async function untilStopped(reloader: Reloader, environment: Environment): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  environment.onSignal("SIGINT", resolve);
  environment.onSignal("SIGTERM", resolve);
  environment.onSignal("SIGHUP", () => void reloader.onSignal());
  await promise;
  await reloader[Symbol.asyncDispose]();
}
