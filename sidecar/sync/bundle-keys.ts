// The keys that a bundle lists (decisions O3, K4). A key is created only if it is missing and nobody knows a fingerprint of
// it: neither the bundle nor this process, which remembers what it has once seen. From then on a missing key or another
// one under its name is reported, never repaired. All are looked at when the list changes and every few minutes; what is
// wrong, more often.
import type { BundleKey, KeyAlgorithm } from "../contract/bundle.ts";
import { isKesError } from "../errors.ts";
import type { SyncClock } from "./sync-clock.ts";
import type { SyncEvent } from "./sync-event.ts";

/** What is needed of the key service. */
export interface KeyKeeper {
  /** Sees to it that the key exists; with a fingerprint it is never created. @throws KesError KeyMissing | KeyChanged | … */
  ensure(
    name: string,
    expected: {
      readonly createdBy: string;
      readonly cipher: KeyAlgorithm;
      readonly fingerprint: string | undefined;
    },
    signal: AbortSignal,
  ): Promise<{ readonly fingerprint: string }>;
}

export interface KeyWish {
  readonly keys: readonly BundleKey[];
  readonly keeper: KeyKeeper;
  /** Who creates missing ones: an identity. */
  readonly createdBy: string;
}

export interface BundleKeysOptions {
  readonly clock: SyncClock;
  readonly onEvent: (event: SyncEvent) => void;
  /** 0 to 1, for jitter. */
  readonly chance?: () => number;
}

/** Milliseconds. */
const patience = 15_000;
const interval = 300_000;
const firstRetry = 1_000;
const longestRetry = 60_000;
const atOnce = 8;

export class BundleKeys implements AsyncDisposable {
  readonly #options: Required<BundleKeysOptions>;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #cancel: () => void = ignore;
  /** Fingerprints seen in this process, by name. */
  readonly #seen = new Map<string, string>();
  readonly #states = new Map<string, KeyState>();

  constructor(options: BundleKeysOptions) {
    this.#options = { chance: Math.random, ...options };
  }

  /** Replaces what is to be there and looks at it at once. */
  expect(wish: KeyWish): void {
    this.#halt();
    const names = new Set(wish.keys.map(({ name }) => name));
    for (const known of [this.#seen, this.#states]) {
      for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    }
    this.#start(wish, firstRetry);
  }

  /** By name: the fingerprint found, `missing`, or the code of an error. Without the keys not looked at yet. */
  states(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#states.entries().map(([name, { text }]) => [name, text]));
  }

  /** How many keys are as they should be, and how many are not. */
  counts(): { readonly good: number; readonly bad: number } {
    const good = this.#states.values().reduce((sum, { isGood }) => sum + Number(isGood), 0);
    return { good, bad: this.#states.size - good };
  }

  #start(wish: KeyWish, retry: number): void {
    const stop = new AbortController();
    this.#stop = stop;
    const round = this.#running.then(() => this.#round(wish, stop.signal));
    this.#running = round.then((isGood) => this.#plan(wish, isGood ? undefined : retry, stop.signal));
  }

  #plan(wish: KeyWish, retry: number | undefined, signal: AbortSignal): void {
    if (signal.aborted) return;
    const delay = (retry ?? interval) * (0.8 + 0.4 * this.#options.chance());
    const next = retry === undefined ? firstRetry : Math.min(2 * retry, longestRetry);
    this.#cancel = this.#options.clock.schedule(() => this.#start(wish, next), delay);
  }

  /** @returns whether all keys are as they should be */
  async #round(wish: KeyWish, signal: AbortSignal): Promise<boolean> {
    const queue = wish.keys.values();
    const work = async (): Promise<void> => {
      for (const key of queue) {
        if (signal.aborted) return;
        await this.#look(key, wish, signal);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    return this.counts().bad === 0;
  }

  async #look(key: BundleKey, { keeper, createdBy }: KeyWish, stop: AbortSignal): Promise<void> {
    const { name, algorithm: cipher } = key;
    const fingerprint = key.fingerprint ?? this.#seen.get(name);
    const signal = AbortSignal.any([stop, AbortSignal.timeout(patience)]);
    let state: KeyState;
    try {
      const found = await keeper.ensure(name, { createdBy, cipher, fingerprint }, signal);
      this.#seen.set(name, found.fingerprint);
      state = { isGood: true, text: found.fingerprint, event: { kind: "key", name, fingerprint: found.fingerprint } };
    } catch (error) {
      state = { isGood: false, text: textOf(error), event: { kind: "key", name, error } };
    }
    // Told to stop: what came of it is about another wish.
    if (stop.aborted) return;
    const before = this.#states.get(name);
    this.#states.set(name, state);
    if (before?.text !== state.text || before.isGood !== state.isGood) this.#options.onEvent(state.event);
  }

  #halt(): void {
    this.#stop.abort();
    this.#cancel();
    this.#cancel = ignore;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#halt();
    await this.#running;
  }
}

interface KeyState {
  readonly isGood: boolean;
  readonly text: string;
  readonly event: SyncEvent;
}

function textOf(error: unknown): string {
  if (isKesError(error, "KeyMissing")) return "missing";
  if (!isKesError(error)) return "Internal";
  const { fingerprint } = error.details;
  return error.code === "KeyChanged" && typeof fingerprint === "string" ? fingerprint : error.code;
}

function ignore(): void {
  // Nothing is scheduled.
}
