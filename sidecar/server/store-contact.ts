// First contact with the key store: it answers, and the predefined keys are there. `store.startup: fail` gives up at the
// first failure; `wait` lets the server come up, not ready, and asks again until the store is there (decisions O7): a key
// server that is restarted because its store is down only makes an outage longer.
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../contract/config.ts";
import type { SyncState } from "../contract/sync-state.ts";
import { isKesError, messageOf } from "../errors.ts";
import type { KeyService } from "../keys/key-service.ts";
import { warmUp } from "../keys/warm-up.ts";
import type { Logger } from "../log/logger.ts";
import { ensureKeys } from "./generation.ts";

/** Milliseconds. */
const patience = 60_000;
const firstPause = 500;
const longestPause = 10_000;

export interface Contact {
  readonly config: Config;
  readonly keys: KeyService;
  /** Whether to come back while it asks again in the background. */
  readonly mayWait: boolean;
}

interface Attempt {
  readonly config: Config;
  readonly keys: KeyService;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

export class StoreContact implements AsyncDisposable {
  #problem: string | undefined = "the key store was not reached yet";
  readonly #end = new AbortController();
  #stop = new AbortController();
  #waiting: Promise<void> = Promise.resolve();
  #latencyMs: number | null = null;

  /** Why the store cannot be used yet; undefined once it was reached, and then for good. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Notes how long a call to the store took. */
  called(seconds: number): void {
    this.#latencyMs = Math.round(seconds * 1000);
  }

  /** What `/syncz` says of the store behind `keys`. */
  stateOf(keys: KeyService | undefined): SyncState["keystore"] {
    const latencyMs = this.#latencyMs;
    if (this.#problem !== undefined) return { state: "Unknown", latencyMs, problem: this.#problem };
    const problem = keys?.offlineReason ?? null;
    return { state: problem === null ? "Reachable" : "Unreachable", latencyMs, problem };
  }

  /** Returns when the store was reached, or, with `wait`, when it is being waited for. @throws what the store throws */
  async make({ config, keys, mayWait }: Contact, log: Logger): Promise<void> {
    const stop = new AbortController();
    const attempt = { config, keys, log, stop: AbortSignal.any([stop.signal, this.#end.signal]) };
    try {
      await this.#attempt(attempt);
      await this.#follow(stop);
    } catch (error) {
      if (!mayWait || config.store.startup === "fail" || !isPassing(error)) throw error;
      await this.#follow(stop);
      this.#note(error);
      log.warn({ err: error }, "waiting for the key store");
      this.#waiting = this.#retry(attempt);
    }
  }

  // Only a contact that counts ends the wait of the one before it: a refused reload must not.
  async #follow(stop: AbortController): Promise<void> {
    this.#stop.abort();
    await this.#waiting;
    this.#stop = stop;
  }

  async #attempt({ config, keys, log, stop }: Attempt): Promise<void> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(patience)]);
    await keys.status(signal);
    await ensureKeys(config, keys, signal);
    this.#problem = undefined;
    if (config.store.warmup) await fillCache(keys, log, stop);
  }

  async #retry(attempt: Attempt): Promise<void> {
    const { stop: signal, log } = attempt;
    for (let pause = firstPause; !signal.aborted; pause = Math.min(pause * 2, longestPause)) {
      // Servers that start together must not ask together.
      await sleep(pause * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#attempt(attempt);
        log.warn({}, "key store is reachable");
        return;
      } catch (error) {
        this.#note(error);
        log.debug({ err: error }, "still waiting for the key store");
      }
    }
  }

  #note(error: unknown): void {
    if (this.#problem !== undefined) this.#problem = `waiting for the key store: ${messageOf(error)}`;
  }

  /** Gives up waiting. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#waiting;
  }
}

// What time can heal, a credential's file that is mounted late included. Everything else (a wrong wrapping key, a missing
// directory) needs a person.
function isPassing(error: unknown): boolean {
  return isKesError(error, "StoreUnreachable", "StoreFailed", "FileUnreadable");
}

/** Reads the keys into the cache; a failure is a log line, since every key is still read when it is asked for. */
export async function fillCache(keys: KeyService, log: Logger, signal: AbortSignal): Promise<void> {
  try {
    log.info({ keys: await warmUp(keys, signal) }, "keys read into the cache");
  } catch (error) {
    log.warn({ err: error }, "reading keys into the cache failed");
  }
}
