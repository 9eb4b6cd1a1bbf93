// `kes server`: from a configuration file (or --dev) to a running server, and what happens to it until a signal ends it:
// SIGHUP and changed files reload, SIGINT and SIGTERM stop. `--check` stops after reading.
import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "../config/problem.ts";
import { KesError } from "../errors.ts";
import { watchFiles } from "../config/watch.ts";
import type { FileWatch } from "../config/watch.ts";
import { Server } from "../server/server.ts";
import { printBanner } from "./banner.ts";
import { checkConfig } from "./check-config.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { devSetup } from "./dev-setup.ts";
import type { Environment } from "./environment.ts";
import { digestNow, loadSetup, reasonOf } from "./server-setup.ts";
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

/** Reads the configuration again and gives it to the server; watches every file that it came from. */
class Reloader implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: ServerOptions;
  readonly #environment: Environment;
  #watch: FileWatch | undefined;
  #watched: readonly string[] = [];
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(server: Server, setup: Setup, options: ServerOptions, environment: Environment) {
    this.#server = server;
    this.#options = options;
    this.#environment = environment;
    this.#watchFiles(setup);
  }

  /** SIGHUP says so on stderr and stdout, as scripts expect; log files are opened anew as well. */
  async onSignal(): Promise<void> {
    if (this.#stopped) return;
    this.#environment.stderr.write("SIGHUP signal received. Reloading configuration...\n");
    try {
      this.#server.reopenLogs();
    } catch (error) {
      this.#server.log.error({ err: error }, "a log file cannot be opened anew, the former one stays");
    }
    if (await this.reload("SIGHUP")) {
      this.#environment.stdout.write("=> Reloading configuration after SIGHUP signal completed.\n");
    }
  }

  /** One at a time. @returns whether the new configuration is in use */
  reload(cause: string): Promise<boolean> {
    const done = this.#running.then(() => this.#reloadNow(cause));
    this.#running = done.then(() => undefined);
    return done;
  }

  async #reloadNow(cause: string): Promise<boolean> {
    if (this.#options.dev || this.#stopped) return !this.#stopped;
    const { log } = this.#server;
    try {
      const setup = await loadSetup(this.#options, this.#environment);
      await this.#server.reload(setup.config, setup.material);
      this.#server.reloaded("success");
      log.info({ cause }, "configuration reloaded");
      if (setup.isLarge) collectGarbage();
      if (isDeepStrictEqual(setup.files, this.#watched)) return true;
      await this.#watch?.[Symbol.asyncDispose]();
      this.#watchFiles(setup);
      return true;
    } catch (error) {
      this.#server.reloaded("failure");
      log.error({ cause, reason: reasonOf(error), err: error }, "reload failed, the former configuration stays");
      return false;
    }
  }

  // The watch does not wait for the reload it asks for: that reload may end this very watch, and ending it waits.
  #watchFiles(setup: Setup): void {
    const { files } = setup;
    this.#watched = files;
    if (files.length === 0) return;
    this.#watch = watchFiles(files, (changed) => void this.reload(`changed: ${changed.join(", ")}`));
    void this.#watch.ready.then(() => this.#lookAgain(setup));
  }

  // What changed after it was read and before it was watched would go unnoticed.
  async #lookAgain({ config, digest, isLarge }: Setup): Promise<void> {
    const now = await digestNow(config, this.#options, this.#environment).catch(() => undefined);
    if (isLarge) collectGarbage();
    if (now !== digest) await this.reload("changed while it was read");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#watch?.[Symbol.asyncDispose]();
  }
}
