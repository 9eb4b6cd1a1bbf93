// Reads the configuration again and gives it to the running server: on SIGHUP, and when a file that it came from changes.
// What is wrong with a file waits for the file to change. A new key store that cannot be reached may come back by itself, so
// such a reload is tried again, with growing pauses, until it succeeds or another takes its place.
import { isDeepStrictEqual } from "node:util";
import { watchFiles } from "../config/watch.ts";
import type { FileWatch } from "../config/watch.ts";
import { isKesError } from "../errors.ts";
import type { Server } from "../server/server.ts";
import { collectGarbage } from "./collect-garbage.ts";
import type { Environment } from "./environment.ts";
import { digestNow, loadSetup, reasonOf } from "./server-setup.ts";
import type { Setup } from "./server-setup.ts";
import type { ServerOptions } from "./server-options.ts";

/** Milliseconds. */
const firstPause = 1000;
const longestPause = 60_000;

export class Reloader implements AsyncDisposable {
  readonly #server: Server;
  readonly #options: ServerOptions;
  readonly #environment: Environment;
  #watch: FileWatch | undefined;
  #watched: readonly string[] = [];
  #running: Promise<void> = Promise.resolve();
  #stopped = false;
  #retry: NodeJS.Timeout | undefined;
  /** Until a reload that failed for the key store is tried again. */
  #pause = firstPause;

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
    clearTimeout(this.#retry);
    try {
      const setup = await loadSetup(this.#options, this.#environment);
      await this.#server.reload(setup.config, setup.material);
      this.#server.reloaded("success");
      this.#pause = firstPause;
      this.#server.log.info({ cause }, "configuration reloaded");
      if (setup.isLarge) collectGarbage();
      if (isDeepStrictEqual(setup.files, this.#watched)) return true;
      await this.#watch?.[Symbol.asyncDispose]();
      this.#watchFiles(setup);
      return true;
    } catch (error) {
      this.#server.reloaded("failure");
      this.#failed(cause, error);
      return false;
    }
  }

  #failed(cause: string, error: unknown): void {
    const fields = { cause, reason: reasonOf(error), err: error };
    if (!isKesError(error, "StoreUnreachable", "StoreFailed") || this.#stopped) {
      this.#server.log.error(fields, "reload failed, the former configuration stays");
      return;
    }
    const pause = this.#pause;
    this.#pause = Math.min(2 * pause, longestPause);
    this.#retry = setTimeout(() => void this.reload(cause), pause * (0.75 + Math.random() / 2)).unref();
    const message = "reload failed for the key store, the former configuration stays, trying again";
    this.#server.log.error({ ...fields, pauseSeconds: pause / 1000 }, message);
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
    clearTimeout(this.#retry);
    await this.#watch?.[Symbol.asyncDispose]();
  }
}
