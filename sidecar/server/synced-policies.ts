// The policies of this server while they come from a policy bundle (sync/): what is in force, the keys that go with it,
// and what the rest of the server asks about them. The bundle takes the place of the file's policies; the file goes on to
// name the TLS proxies and the admin (access/bundle-access.ts).
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { AccessSource } from "../access/assignments.ts";
import { bundleAccess } from "../access/bundle-access.ts";
import { watchFiles } from "../config/watch.ts";
import type { Bundle, BundleKey } from "../contract/bundle.ts";
import type { Config, SyncConfig } from "../contract/config.ts";
import type { SyncState } from "../contract/sync-state.ts";
import { KesError } from "../errors.ts";
import { systemClock } from "../keys/clock.ts";
import type { KeyService } from "../keys/key-service.ts";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics.ts";
import { BundleKeys } from "../sync/bundle-keys.ts";
import type { BundleSource } from "../sync/bundle-source.ts";
import { BundleSync } from "../sync/bundle-sync.ts";
import { ConfigMapSource } from "../sync/config-map-source.ts";
import { FileSource } from "../sync/file-source.ts";
import type { SyncEvent } from "../sync/sync-event.ts";
import { reportSyncEvent } from "./sync-events.ts";

/**
 * Milliseconds that a start waits for the first bundle. Clients beside the server ask as soon as its port is bound, and
 * take a denial for an answer.
 */
const startPatience = 5_000;
/** Milliseconds: a mounted file is replaced in one go. */
const fileDebounce = 50;

type State = Omit<SyncState, "tlsNotAfter" | "keystore">;

/** The state of a server whose policies are those of its configuration file. */
export const notSynced: State = {
  revision: null,
  server: null,
  source: null,
  appliedAt: null,
  ageSeconds: null,
  stale: false,
  policies: 0,
  identities: 0,
  sources: {},
  rejected: 0,
  lastError: null,
  keys: {},
};

export class SyncedPolicies implements AsyncDisposable {
  readonly #sync: BundleSync;
  readonly #keys: BundleKeys;
  readonly #onChange: () => void;
  readonly #stop = new AbortController();
  #bundle: Bundle | undefined;
  /** Of the last bundle, also when that is stale. */
  #bundleKeys: readonly BundleKey[] | undefined;
  #user: { readonly config: Config; readonly keys: KeyService } | undefined;
  #wished: readonly unknown[] = [];

  /** @param onChange called after another bundle, or none, has come into force; if it throws, the former one stays */
  constructor(config: SyncConfig, metrics: Metrics, log: Logger, onChange: () => void) {
    const onEvent = (event: SyncEvent): void => reportSyncEvent(event, log, metrics);
    const install = (bundle: Bundle | undefined): void => this.#install(bundle);
    const { maxStaleness } = config;
    this.#onChange = onChange;
    this.#keys = new BundleKeys({ clock: systemClock, onEvent });
    this.#sync = new BundleSync({ sources: sourcesOf(config), maxStaleness, clock: systemClock, install, onEvent });
    metrics.sync.watch(() => this.#figures());
  }

  /** Returns when a bundle is in force, or was waited for long enough. */
  async start(): Promise<void> {
    const started = this.#sync.start();
    const patience = sleep(startPatience, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    await Promise.race([started.then(() => this.#sync.ready), patience]);
  }

  accessSource({ admin, tls }: Config): AccessSource {
    return bundleAccess({ admin, proxies: tls.proxy.identities }, this.#bundle);
  }

  /** Whose keys to look after: called when the server starts or reloads. */
  useKeys(config: Config, keys: KeyService): void {
    this.#user = { config, keys };
    this.#wish();
  }

  /** @throws KesError PolicyManaged */
  refuseWrites(): never {
    throw new KesError("PolicyManaged", "policies come from a policy bundle; change them where it is made");
  }

  /** Why there are no policies in force; undefined when there are. */
  get problem(): string | undefined {
    return this.#sync.problem;
  }

  state(): State {
    return { ...this.#sync.state(), keys: this.#keys.states() };
  }

  #install(bundle: Bundle | undefined): void {
    const former = this.#bundle;
    this.#bundle = bundle;
    try {
      this.#onChange();
    } catch (error) {
      this.#bundle = former;
      throw error;
    }
    if (bundle !== undefined) this.#bundleKeys = bundle.keys;
    this.#wish();
  }

  // Not before the first bundle: it may know keys of the configuration file that must not be made anew.
  #wish(): void {
    if (this.#user === undefined || this.#bundleKeys === undefined) return;
    const { config, keys: keeper } = this.#user;
    const names = new Set(this.#bundleKeys.map(({ name }) => name));
    const own = config.keys.filter((name) => !names.has(name));
    const keys = [...this.#bundleKeys, ...own.map((name): BundleKey => ({ name, algorithm: "AES256" }))];
    const wished = [keys, keeper];
    if (this.#wished[1] === keeper && isDeepStrictEqual(this.#wished[0], keys)) return;
    this.#wished = wished;
    this.#keys.expect({ keys, keeper, createdBy: this.accessSource(config).admin });
  }

  #figures(): ReturnType<Parameters<Metrics["sync"]["watch"]>[0]> {
    const { ageSeconds, stale } = this.#sync.state();
    const { good, bad } = this.#keys.counts();
    return {
      revisionAgeSeconds: this.#sync.revisionAge,
      unconfirmedSeconds: ageSeconds ?? undefined,
      stale,
      keysGood: good,
      keysBad: bad,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#sync[Symbol.asyncDispose]();
    await this.#keys[Symbol.asyncDispose]();
  }
}

function sourcesOf({ file, configMap, maxStaleness }: SyncConfig): readonly BundleSource[] {
  const sources: BundleSource[] = [];
  if (file !== undefined) {
    const watch = (path: string, onChange: () => Promise<void>): ReturnType<typeof watchFiles> =>
      watchFiles([path], onChange, { debounce: fileDebounce });
    sources.push(new FileSource({ path: file, watch }));
  }
  // A watch must be heard of several times before its bundle counts as stale.
  const timing = maxStaleness > 0 ? { silence: Math.max(100, Math.min(120_000, maxStaleness / 3)) } : {};
  if (configMap !== undefined) sources.push(new ConfigMapSource({ ...configMap, timing }));
  return sources;
}
